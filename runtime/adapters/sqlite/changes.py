"""A store's commit, compiled on the event loop into the statements that the writer runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from runtime.adapters.sqlite.shelf import Shelf
from runtime.adapters.sqlite.writer import Job
from runtime.ports import (
    AlreadySeen,
    Conflict,
    Envelope,
    KeyTaken,
    Remember,
    Seen,
)
from runtime.table import Row

OUTBOX = (
    "INSERT INTO outbox (id, type, channel, key, subject, version, time, data, traceparent) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INBOX = "INSERT INTO inbox (consumer, event_id, at) VALUES (?, ?, ?)"
# A record that has expired but is not purged yet gives its key free.
_IDEMPOTENCY = (
    "INSERT INTO idempotency (service, caller, key, operation, fingerprint, answer, at) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (service, caller, key) DO UPDATE SET "
    "operation = ?4, fingerprint = ?5, answer = ?6, at = ?7 WHERE at < ?8"
)

Refuse = Callable[[apsw.ConstraintError], Exception]
# The statement, its row, what a violated constraint means, and what it means that no row changed.
Step = tuple[str, Row, Refuse | None, tuple[Callable[..., Exception], tuple[str, ...]] | None]
_MISSED_KEY = (KeyTaken, ())


def envelope_row(envelope: Envelope) -> Row:
    """The envelope in the order of `schema.ENVELOPE`."""
    return (
        envelope.id,
        envelope.type,
        envelope.channel,
        envelope.key,
        envelope.subject,
        envelope.version,
        envelope.time,
        envelope.data,
        envelope.traceparent,
    )


class Commit(Job[None]):
    """The changes of one `Store.commit`: all of them or none."""

    __slots__ = ("emits", "guards", "steps", "touched")

    def __init__(self) -> None:
        # Run first: what was refused before it wrote anything costs its neighbours nothing.
        self.guards: list[Step] = []
        self.steps: list[Step] = []
        # What to put into the caches when it is done: the entity, or None for one that is gone.
        self.touched: list[tuple[Shelf[Any], str, Any]] = []
        self.emits = False

    def run(self, cursor: apsw.Cursor) -> None:
        """Runs the guards and then the steps; raises the refusal of the first that fails."""
        execute = cursor.execute
        changes = cursor.connection.changes
        for sql, row, refuse, missed in (*self.guards, *self.steps):
            try:
                execute(sql, row)
            except apsw.ConstraintError as error:
                if refuse is None:
                    raise
                raise refuse(error) from None
            if missed is not None and not changes():
                raise missed[0](*missed[1])

    def begin(self) -> None:
        """Called before it is queued."""
        for shelf, id, _ in self.touched:
            shelf.begin(id)

    def settled(self, error: BaseException | None) -> None:
        """Brings the caches to the committed state."""
        if error is None:
            for shelf, id, state in self.touched:
                shelf.end(id, state)
        else:
            # Also what is cached goes: a refusal may come of a state that a guest has replaced.
            for shelf, id, _ in self.touched:
                shelf.end(id, None)

    # --- each kind of change ----------------------------------------------------------------------

    def insert(self, shelf: Shelf[Any], entity: Any) -> None:
        """A new row and its set entries."""
        self.steps.append((shelf.insert, shelf.table.encode(entity), shelf.taken, None))
        for side in shelf.sets:
            for row in side.rows(entity):
                self.steps.append((side.insert, row, None, None))
        self.touched.append((shelf, entity.id, entity))

    def update(self, shelf: Shelf[Any], entity: Any) -> None:
        """The row, if it has the version before; its sets where they may differ."""
        missed = (Conflict, (shelf.name, entity.id))
        self.steps.append((shelf.update, shelf.table.encode(entity), shelf.taken, missed))
        if shelf.sets:
            before = shelf.cache.get(entity.id)
            if before is not None and before.version != entity.version - 1:
                before = None
            for side in shelf.sets:
                rows = side.rows(entity)
                if before is not None and set(side.rows(before)) == set(rows):
                    continue
                self.steps.append((side.delete, (entity.id,), None, None))
                for row in rows:
                    self.steps.append((side.insert, row, None, None))
        self.touched.append((shelf, entity.id, entity))

    def delete(self, shelf: Shelf[Any], entity: Any) -> None:
        """The row, if it has this version, and its set entries."""
        missed = (Conflict, (shelf.name, entity.id))
        self.steps.append((shelf.delete, (entity.id, entity.version), None, missed))
        for side in shelf.sets:
            self.steps.append((side.delete, (entity.id,), None, None))
        self.touched.append((shelf, entity.id, None))

    def emit(self, envelope: Envelope) -> None:
        """A row for the relay."""
        self.steps.append((OUTBOX, envelope_row(envelope), None, None))
        self.emits = True

    def seen(self, seen: Seen, now: int) -> None:
        """The consumer's mark that the event is applied."""
        row = (seen.consumer, seen.event_id, now)
        self.guards.append((_INBOX, row, _already_seen, None))

    def remember(self, service: str, record: Remember, now: int, oldest: int) -> None:
        """The idempotency record."""
        answer = record.encode(record.answer)
        key = (service, record.caller, record.key)
        row = (*key, record.operation, record.fingerprint, answer, now, oldest)
        self.guards.append((_IDEMPOTENCY, row, None, _MISSED_KEY))


def _already_seen(_: apsw.ConstraintError) -> Exception:
    return AlreadySeen()
