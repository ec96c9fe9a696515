"""What the relay keeps in the database: the outbox it empties, and what consumers failed on.

An event leaves the outbox when every consumer has applied it, or has it parked: a parked row
belongs to one consumer and holds the whole event, so a failing one keeps nothing from the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw

from runtime.adapters.sqlite.changes import OUTBOX, envelope_row
from runtime.adapters.sqlite.database import Database
from runtime.adapters.sqlite.writer import Job
from runtime.ports import DeadLetter, Envelope

T = TypeVar("T")

_ENVELOPE = "id, type, channel, key, subject, version, time, data, traceparent"
_READ = f"SELECT {_ENVELOPE}, seq FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?"
_PARK = (
    f"INSERT INTO parked ({_ENVELOPE}, consumer, attempts, due, reason, at) "
    f"VALUES ({', '.join('?' * 14)}) ON CONFLICT (consumer, id) DO UPDATE SET "
    "attempts = excluded.attempts, due = excluded.due, reason = excluded.reason, at = excluded.at"
)
_DUE = (
    f"SELECT {_ENVELOPE}, attempts FROM parked WHERE consumer = ? AND due <= ? ORDER BY due LIMIT ?"
)
_NEXT_DUE = "SELECT due FROM parked WHERE consumer = ? AND due > ? ORDER BY due LIMIT 1"
_DEAD = (
    f"SELECT {_ENVELOPE}, consumer, attempts, reason, at FROM parked "
    "WHERE due IS NULL ORDER BY rowid LIMIT ?"
)
_CLEAR = "DELETE FROM outbox WHERE seq BETWEEN ? AND ?"
_REPLAY = "UPDATE parked SET due = ?, attempts = 0 WHERE consumer = ? AND id = ? AND due IS NULL"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the metrics show: events not yet with all their consumers, and those put aside."""

    waiting: int
    # Seconds since the oldest of them happened; 0 when none waits.
    age: float
    retrying: int
    dead: int


class Outbox:
    """The relay's statements. All raise Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self) -> int:
        """The highest `seq` given so far."""
        rows = self._database.read("SELECT max(seq) FROM outbox")
        return rows[0][0] or 0

    def empty(self, others: Collection[str] = ()) -> bool:
        """Whether every event is with all its consumers, or parked; those of `others` aside."""
        places = ", ".join("?" * len(others))
        sql = f"SELECT 1 FROM outbox WHERE channel NOT IN ({places}) LIMIT 1"  # nosec B608 # marks
        return not self._database.read(sql, tuple(others))

    def after(self, seq: int, most: int) -> list[tuple[int, Envelope]]:
        """The next events behind `seq`, in the order they were committed in."""
        return [(row[9], Envelope(*row[:9])) for row in self._database.read(_READ, (seq, most))]

    def due(self, consumer: str, now: int, most: int) -> list[tuple[int, Envelope]]:
        """A consumer's parked events whose time has come: attempts so far, and the event."""
        rows = self._database.read(_DUE, (consumer, now, most))
        return [(row[9], Envelope(*row[:9])) for row in rows]

    def next_due(self, consumer: str, now: int) -> int | None:
        """When the consumer's next parked event is due after `now`, in ms."""
        rows = self._database.read(_NEXT_DUE, (consumer, now))
        return rows[0][0] if rows else None

    def parked(self) -> frozenset[tuple[str, str]]:
        """All that is parked: consumer, and the event's id."""
        return frozenset(
            (row[0], row[1]) for row in self._database.read("SELECT consumer, id FROM parked")
        )

    def dead(self, most: int) -> list[DeadLetter]:
        """Dead letters, the oldest first."""
        rows = self._database.read(_DEAD, (most,))
        return [DeadLetter(row[9], Envelope(*row[:9]), *row[10:]) for row in rows]

    def backlog(self, now: float, seconds: Callable[[str], float]) -> Backlog:
        """The figures; `seconds` reads an event's time."""
        waiting, oldest = self._database.read(
            "SELECT count(*), (SELECT time FROM outbox ORDER BY seq LIMIT 1) FROM outbox"
        )[0]
        dead, parked = self._database.read("SELECT count(*) - count(due), count(*) FROM parked")[0]
        age = max(0.0, now - seconds(oldest)) if oldest else 0.0
        return Backlog(waiting, age, parked - dead, dead)

    async def add(self, envelopes: Iterable[Envelope]) -> None:
        """Puts events of another store's outbox into this one."""
        rows = [(OUTBOX, envelope_row(envelope)) for envelope in envelopes]
        await self._database.write(Statements(rows, emits=True))

    async def park(
        self,
        consumer: str,
        envelope: Envelope,
        attempts: int,
        due: int | None,
        reason: str,
        at: str,
    ) -> None:
        """Puts an event aside for one consumer, until `due` (ms), or for good."""
        # As much of it as helps, and no half of a character, which SQLite could not keep.
        reason = reason[:500].encode("utf-8", "replace").decode()
        row = (*envelope_row(envelope), consumer, attempts, due, reason, at)
        await self._database.write(Statements([(_PARK, row)]))

    async def clear(self, seqs: Collection[int], parked: Collection[tuple[str, str]]) -> None:
        """Deletes events that every consumer has, and parked ones that were applied at last."""
        rows: list[tuple[str, tuple[Any, ...]]]
        rows = [(_CLEAR, span) for span in _spans(seqs)]
        rows += [("DELETE FROM parked WHERE consumer = ? AND id = ?", key) for key in parked]
        await self._database.write(Statements(rows))

    async def replay(self, consumer: str, event_id: str, now: int) -> bool:
        """Makes a dead letter due now, its attempts counted anew; False when there is none."""
        replayed = Statements([(_REPLAY, (now, consumer, event_id))])
        return await self._database.write(replayed) == 1


def _spans(seqs: Collection[int]) -> list[tuple[int, int]]:
    """The numbers as spans without a gap, first and last: what was committed together is mostly
    done together.
    """
    spans: list[tuple[int, int]] = []
    for seq in sorted(seqs):
        if spans and seq == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], seq)
        else:
            spans.append((seq, seq))
    return spans


class Statements(Job[int]):
    """Some statements of the relay; the result is how many rows the last changed."""

    __slots__ = ("_rows", "emits")

    def __init__(self, rows: Sequence[tuple[str, tuple[Any, ...]]], *, emits: bool = False) -> None:
        self._rows = rows
        self.emits = emits

    def run(self, cursor: apsw.Cursor) -> int:
        """Runs them in order."""
        for sql, row in self._rows:
            cursor.execute(sql, row)
        return cursor.connection.changes()
