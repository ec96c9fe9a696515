"""A store's commit, as the plan that a connection carries out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from runtime.adapters.sql.driver import Dialect, Plan, Step
from runtime.adapters.sql.shelf import Shelf
from runtime.model import Entity
from runtime.ports import (
    AlreadySeen,
    Change,
    Conflict,
    Delete,
    Emit,
    Insert,
    KeyTaken,
    Remember,
    Seen,
    Update,
)
from runtime.ports import Envelope as Event
from runtime.table import Row

_INBOX = 'INSERT INTO "inbox" ("service", "consumer", "event_id", "at") VALUES ($1, $2, $3, $4)'


class Planner:
    """Turns changes into plans, for one service."""

    def __init__(
        self, service: str, shelves: Mapping[type[Entity], Shelf[Any]], dialect: Dialect
    ) -> None:
        self._service = service
        self._shelves = shelves
        self._dialect = dialect
        self._inbox_keys = _names("inbox", dialect)
        self._record_keys = _names("idempotency", dialect)

    def plan(self, changes: tuple[Change, ...], now: int, oldest: int) -> tuple[Plan, list[Emit]]:
        """The plan without its events, and these. `now` in ms; records before `oldest` are none."""
        plan = Plan()
        emits: list[Emit] = []
        touched: set[tuple[str, str]] = set()
        for change in changes:
            if change is None:
                continue
            if isinstance(change, Emit):
                emits.append(change)
            elif isinstance(change, Seen):
                row = (self._service, change.consumer, change.event_id, now)
                plan.guards.append(Step(_INBOX, row, taken=self._seen))
            elif isinstance(change, Remember):
                self._remember(plan, change, now, oldest)
            else:
                entity = change.entity
                shelf = self._shelves[type(entity)]
                about = (shelf.table, entity.id)
                plan.repeats = plan.repeats or about in touched
                touched.add(about)
                if isinstance(change, Insert):
                    self._insert(plan, shelf, entity)
                elif isinstance(change, Update):
                    self._update(plan, shelf, entity)
                else:
                    self._delete(plan, shelf, change)
        return plan, emits

    def events(self, plan: Plan, envelopes: list[Event]) -> None:
        """Adds what is emitted."""
        service = self._service
        plan.events = [
            (
                service,
                event.id,
                event.type,
                event.channel,
                event.key,
                event.subject,
                event.version,
                event.time,
                event.data,
                event.traceparent,
            )
            for event in envelopes
        ]
        plan.lanes = sorted({crc32(f"{service}/{event.key}".encode()) for event in envelopes})

    def _insert(self, plan: Plan, shelf: Shelf[Any], entity: Any) -> None:
        row: Row = shelf.stored.pack(entity)
        plan.steps.append(Step(shelf.insert, row, taken=shelf.taken))
        for side in shelf.sets:
            plan.steps += [Step(side.insert, (v, entity.id)) for v in side.values(entity)]

    def _update(self, plan: Plan, shelf: Shelf[Any], entity: Any) -> None:
        missed = Conflict(shelf.name, entity.id)
        row: Row = shelf.stored.pack(entity)
        plan.steps.append(Step(shelf.update, row, missed, shelf.taken))
        for side in shelf.sets:
            values = side.values(entity)
            if values:
                plan.steps.append(Step(side.prune, (entity.id, values)))
                plan.steps += [Step(side.insert, (value, entity.id)) for value in values]
            else:
                plan.steps.append(Step(side.clear, (entity.id,)))

    def _delete(self, plan: Plan, shelf: Shelf[Any], change: Delete) -> None:
        entity = change.entity
        missed = Conflict(shelf.name, entity.id)
        plan.steps.append(Step(shelf.delete, (entity.id, entity.version), missed))
        plan.steps += [Step(side.clear, (entity.id,)) for side in shelf.sets]

    def _remember(self, plan: Plan, record: Remember, now: int, oldest: int) -> None:
        row = (
            self._service,
            record.caller,
            record.key,
            record.operation,
            record.fingerprint,
            record.encode(record.answer),
            now,
            oldest,
        )
        *before, last = self._dialect.remember
        plan.guards += [Step(sql, row) for sql in before]
        # Placed by one statement, it changes no row where the key is taken; by two, it is refused.
        missed = None if before else KeyTaken()
        plan.guards.append(Step(last, row, missed, self._key_taken))

    def _seen(self, constraint: str) -> Exception | None:
        return AlreadySeen() if constraint in self._inbox_keys else None

    def _key_taken(self, constraint: str) -> Exception | None:
        return KeyTaken() if constraint in self._record_keys else None


def _names(table: str, dialect: Dialect) -> tuple[str, str]:
    """What the key of `table` may be called: MySQL puts the table before the name."""
    name = dialect.key_of(table)
    return name, f"{table}.{name}"
