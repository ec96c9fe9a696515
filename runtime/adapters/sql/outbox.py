"""The committed events of one service on a SQL server; the port is `Outbox`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from runtime.adapters.sql.database import SqlDatabase
from runtime.ports import Envelope

# Seconds that a process is the one that is given events; renewed once half of it is gone.
LEASE = 6.0
_RENEWED = LEASE / 2
# Seconds for which the lease is not asked for again when another process has it.
_DENIED = 0.5
# Seconds in which that process is told once, however much is committed here.
_TOLD = 0.02
_TAKE = (
    'SELECT "id", "type", "channel", "key", "subject", "version", "time", "data", "traceparent" '
    'FROM "outbox" WHERE "service" = $1 ORDER BY "seq" LIMIT '
)
_CLEAR = 'DELETE FROM "outbox" WHERE "service" = $1 AND '


class SqlOutbox:
    """The rows of `service`, in the order of their places (`seq`).

    Commits with a key in common get their places one after the other (driver.Plan), so of each key
    the lower place was committed first.
    """

    def __init__(self, database: SqlDatabase, service: str) -> None:
        self._database = database
        self._service = service
        self._lease = f"relay:{service}"
        # When the lease was asked for, by this machine's clock; it may be thought ours from there.
        self._leased = -LEASE
        self._denied = -_DENIED
        self._clear = _CLEAR + database.dialect.among('"id"', 2)

    async def take(self, most: int) -> list[Envelope]:
        """The oldest events, the same ones again until they are cleared. Raises Unavailable."""
        database = self._database
        asked = time.monotonic()
        if asked - self._leased > _RENEWED:
            if asked - self._denied < _DENIED:
                await self._tell()
                return []
            # Read before the lease is had, they may be another process's: only whether there are.
            if not await database.read(f"{_TAKE}1", (self._service,)):
                return []
            if not await database.lease(self._lease, LEASE):
                self._leased = -LEASE
                self._denied = asked
                await self._tell()
                return []
            self._leased = asked
        rows = await database.read(f"{_TAKE}{int(most)}", (self._service,))
        if time.monotonic() - self._leased > LEASE:
            # The server was slow: meanwhile it may have given the lease to another process.
            return []
        return [Envelope(*row) for row in rows]

    async def _tell(self) -> None:
        """Tells the process that is given events that there are some.

        From here and not by the commit: commits that notify wait for each other.
        """
        await asyncio.sleep(_TOLD)
        if self._database.dialect.notify:
            await self._database.read(self._database.dialect.notify, (self._service,))

    async def clear(self, envelopes: Sequence[Envelope]) -> None:
        """These are published, and kept there. Raises Unavailable."""
        if envelopes:
            ids = [envelope.id for envelope in envelopes]
            await self._database.write(self._clear, (self._service, ids))

    def on_emitted(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after events were committed here; answers how to end that."""
        return self._database.on_emitted(self._service, listener)

    def emitted(self) -> None:
        """Events were committed here."""
        self._database.emitted(self._service)

    async def backlog(self) -> tuple[int, str | None]:
        """How many events wait, and the oldest one's time. Raises Unavailable."""
        rows = await self._database.read(
            'SELECT count(*), (SELECT "time" FROM "outbox" WHERE "service" = $1 '
            'ORDER BY "seq" LIMIT 1) FROM "outbox" WHERE "service" = $1',
            (self._service,),
        )
        return int(rows[0][0]), rows[0][1]
