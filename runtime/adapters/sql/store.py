"""A service's entities on a SQL server; the port is `Store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from runtime.adapters.clock import milliseconds
from runtime.adapters.sql.changes import Planner
from runtime.adapters.sql.database import IDEMPOTENCY_KEPT, SqlDatabase
from runtime.adapters.sql.outbox import SqlOutbox
from runtime.adapters.sql.pages import Pages
from runtime.adapters.sql.shelf import Shelf, cell
from runtime.model import Entity
from runtime.ports import Change, Page, Query, Remembered
from runtime.scalar import rfc3339
from runtime.table import Row, SqlTable
from runtime.together import Together
from runtime.trace import CURRENT

E = TypeVar("E", bound=Entity)

# In ms; the database sweeps away what is older.
_KEPT = IDEMPOTENCY_KEPT // timedelta(milliseconds=1)
_MOST_IDS = 512
_RECALL = (
    'SELECT "operation", "fingerprint", "answer" FROM "idempotency" '
    'WHERE "service" = $1 AND "caller" = $2 AND "key" = $3 AND "at" >= $4'
)
_SEEN = 'SELECT "event_id" FROM "inbox" WHERE "service" = $1 AND "consumer" = $2 AND '


class SqlStore:
    """The tables of one service. What is awaited in the same tick by id is read in one statement.

    `outbox` holds what is emitted here, for a relay.
    """

    def __init__(
        self, database: SqlDatabase, tables: Sequence[SqlTable[Any]], service: str
    ) -> None:
        """Of `tables` those of `service`."""
        dialect = database.dialect
        self._database = database
        self._service = service
        self._shelves: dict[type[Entity], Shelf[Any]] = {
            stored.table.kind: Shelf(stored, dialect)
            for stored in tables
            if stored.table.service == service
        }
        self._pages = {kind: Pages(shelf, dialect) for kind, shelf in self._shelves.items()}
        self._gets: dict[type[Entity], Together[str, Any]] = {
            kind: Together(_loader(database, shelf), _MOST_IDS)
            for kind, shelf in self._shelves.items()
        }
        self._finds: dict[tuple[type[Entity], tuple[str, ...]], str] = {}
        self._seen = _SEEN + dialect.among('"event_id"', 3)
        self._planner = Planner(service, self._shelves, dialect)
        self.outbox = SqlOutbox(database, service)

    async def get(self, kind: type[E], id: str) -> E | None:
        """One entity, or None. Raises Unavailable."""
        if not id.isascii():
            # None of ours, and maybe no text at all: it must not spoil the others' statement.
            return (await self.get_many(kind, (id,))).get(id)
        gets: Together[str, E] = self._gets[kind]
        return await gets.get(id)

    async def get_many(self, kind: type[E], ids: Sequence[str]) -> dict[str, E]:
        """Those that exist, by id, in the order asked for. Raises Unavailable."""
        shelf: Shelf[E] = self._shelves[kind]
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        rows = await self._database.read(shelf.get_many, (wanted,))
        unpack = shelf.stored.unpack
        found = {row[0]: unpack(row) for row in rows}
        return {id: found[id] for id in wanted if id in found}

    async def find(self, kind: type[E], **unique: Any) -> E | None:
        """The entity whose attributes have these values. Raises Unavailable; ValueError for a field
        that is none.
        """
        shelf: Shelf[E] = self._shelves[kind]
        fields = tuple(unique)
        sql = self._finds.get((kind, fields))
        if sql is None:
            if unknown := set(fields) - shelf.fields:
                raise ValueError(f"{shelf.name} has no field {min(unknown)}")
            tests = " AND ".join(f'"{field}" = ${at}' for at, field in enumerate(fields, 1))
            sql = self._finds[kind, fields] = f"{shelf.select} WHERE {tests} LIMIT 1"
        rows = await self._database.read(sql, tuple([cell(value) for value in unique.values()]))
        return shelf.stored.unpack(rows[0]) if rows else None

    async def page(self, kind: type[E], query: Query) -> Page[E]:
        """A page by keyset (`pages.py`). Raises Unavailable; ValueError for an unknown field."""
        shelf: Shelf[E] = self._shelves[kind]
        pages = self._pages[kind]
        statements = pages.statements(query)
        rows: list[Row] = []
        for statement in statements:
            rows += await self._database.read(statement.sql, statement.row)
        if len(statements) > 1:
            rows = pages.merge(rows, query)
        unpack = shelf.stored.unpack
        return Page([unpack(row) for row in rows[: query.limit]], len(rows) > query.limit)

    async def recall(self, caller: str, key: str) -> Remembered | None:
        """The record of an idempotency key that is not older than 24 hours. Raises Unavailable."""
        oldest = self._now() - _KEPT
        rows = await self._database.read(_RECALL, (self._service, caller, key, oldest))
        return Remembered(rows[0][0], rows[0][1], rows[0][2]) if rows else None

    async def seen(self, consumer: str, event_ids: Sequence[str]) -> set[str]:
        """Those of the events that `consumer` has applied. Raises Unavailable."""
        if not event_ids:
            return set()
        row = (self._service, consumer, list(event_ids))
        return {found[0] for found in await self._database.read(self._seen, row)}

    async def commit(self, *changes: Change) -> None:
        """All or nothing, and on the server's disk when it returns.

        Raises Conflict, Taken, AlreadySeen or KeyTaken: then nothing was written; Unavailable when
        the server does not answer: then it shows later whether it was.
        """
        now = self._now()
        plan, emits = self._planner.plan(changes, now, now - _KEPT)
        if emits:
            ids, trace = self._database.ids, CURRENT.get()
            time = rfc3339(self._database.clock.now())
            self._planner.events(
                plan, [emit.event.envelope(ids.new("evt"), time, trace) for emit in emits]
            )
        elif not plan.steps and not plan.guards:
            return
        await self._database.run(lambda connection: connection.commit(plan))
        if emits:
            self.outbox.emitted()

    def _now(self) -> int:
        return milliseconds(self._database.clock.now())


def _loader(database: SqlDatabase, shelf: Shelf[E]) -> Any:
    """Reads several ids at once; a single one by the statement that is cheapest for it."""
    unpack = shelf.stored.unpack

    async def load(ids: Sequence[str]) -> Mapping[str, E]:
        if len(ids) == 1:
            rows = await database.read(shelf.get, ids)
        else:
            rows = await database.read(shelf.get_many, (list(ids),))
        return {row[0]: unpack(row) for row in rows}

    return load
