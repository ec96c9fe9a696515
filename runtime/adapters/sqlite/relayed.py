"""The embedded database's outbox for a relay to a real broker; the port is `Outbox`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from runtime.adapters.sqlite.database import Database
from runtime.adapters.sqlite.outbox import Statements
from runtime.ports import Envelope

_COLUMNS = "id, type, channel, key, subject, version, time, data, traceparent"


class SqliteOutbox:
    """The committed events of `channels`, those of all services; the embedded bus has the others.

    A folder has one server, so the lock of the folder sees to it that there is one relay.
    """

    def __init__(self, database: Database, channels: Collection[str]) -> None:
        self._database = database
        self._channels = tuple(sorted(channels))
        places = ", ".join("?" * len(self._channels))
        self._oldest = (
            f"SELECT {_COLUMNS}, seq FROM outbox "  # nosec B608 # marks for values
            f"WHERE channel IN ({places}) ORDER BY seq LIMIT ?"
        )
        # Rows of what was taken last, so that `clear` finds them without an index on the id.
        self._rows: dict[str, list[int]] = {}

    async def take(self, most: int) -> list[Envelope]:
        """The oldest events, the same ones again until they are cleared. Raises Unavailable."""
        rows = self._database.read(self._oldest, (*self._channels, most))
        self._rows = {}
        for row in rows:
            self._rows.setdefault(row[0], []).append(row[9])
        return [Envelope(*row[:9]) for row in rows]

    async def clear(self, envelopes: Sequence[Envelope]) -> None:
        """These are published, and kept there. Raises Unavailable."""
        seqs = [seq for envelope in envelopes for seq in self._rows.get(envelope.id, ())]
        if seqs:
            rows = [("DELETE FROM outbox WHERE seq = ?", (seq,)) for seq in seqs]
            await self._database.write(Statements(rows))

    def on_emitted(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after events were committed here; answers how to end that."""
        return self._database.on_emitted(lambda guest: listener())
