"""A service's entities in the embedded database; the port is `Store`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from runtime.adapters.clock import milliseconds
from runtime.adapters.sqlite.changes import Commit
from runtime.adapters.sqlite.database import IDEMPOTENCY_KEPT, Database
from runtime.adapters.sqlite.pages import Pages
from runtime.adapters.sqlite.shelf import Shelf
from runtime.model import Entity
from runtime.ports import (
    Change,
    Delete,
    Emit,
    Insert,
    Page,
    Query,
    Remember,
    Remembered,
    Seen,
    Update,
)
from runtime.scalar import rfc3339
from runtime.table import Row, Table
from runtime.trace import CURRENT

E = TypeVar("E", bound=Entity)

# In ms; the database purges what is older.
_KEPT = IDEMPOTENCY_KEPT // timedelta(milliseconds=1)
# Entities of one kind in the cache: some 3 KB each.
CACHED = 2048
# Ids in one statement of `get_many`; more are read in several.
_MOST_IDS = 512

_RECALL = (
    "SELECT operation, fingerprint, answer FROM idempotency "
    "WHERE service = ? AND caller = ? AND key = ? AND at >= ?"
)


class SqliteStore:
    """The tables of one service. Reads run inline on the loop; commits wait for the writer."""

    def __init__(
        self,
        database: Database,
        tables: Sequence[Table[Any]],
        service: str,
        *,
        cached: int = CACHED,
    ) -> None:
        """Of `tables` those of `service`; the database was opened with them.

        A guest caches nothing: nobody tells it what the server writes.
        """
        self._database = database
        self._service = service
        self._shelves: dict[type[Entity], Shelf[Any]] = {
            table.kind: Shelf(table, *database.shape(table.name), 0 if database.guest else cached)
            for table in tables
            if table.service == service
        }
        self._pages = {kind: Pages(shelf) for kind, shelf in self._shelves.items()}
        self._finds: dict[tuple[type[Entity], tuple[str, ...]], str] = {}
        self._add: dict[type, Callable[[Commit, Any], None]] = {
            Insert: lambda commit, change: commit.insert(
                self._shelves[type(change.entity)], change.entity
            ),
            Update: lambda commit, change: commit.update(
                self._shelves[type(change.entity)], change.entity
            ),
            Delete: lambda commit, change: commit.delete(
                self._shelves[type(change.entity)], change.entity
            ),
            Emit: self._emit,
            Seen: lambda commit, change: commit.seen(change, self._now()),
            Remember: self._remember,
        }
        # What the guests' stamp was when the caches were last known to be true.
        self._stamp = database.stamp
        self._known = self._stamp[0]

    async def get(self, kind: type[E], id: str) -> E | None:
        """One entity, or None. Raises Unavailable."""
        shelf: Shelf[E] = self._shelves[kind]
        if self._stamp[0] != self._known:
            self._forget()
        cache = shelf.cache
        entity = cache.get(id)
        if entity is not None:
            cache.move_to_end(id)
            return entity
        rows = self._database.read(shelf.get, (id,))
        return shelf.keep(shelf.table.decode(rows[0])) if rows else None

    async def get_many(self, kind: type[E], ids: Sequence[str]) -> dict[str, E]:
        """Those that exist, by id, in the order asked for. Raises Unavailable."""
        shelf: Shelf[E] = self._shelves[kind]
        if self._stamp[0] != self._known:
            self._forget()
        cache = shelf.cache
        wanted = dict.fromkeys(ids)
        missing = [id for id in wanted if id not in cache]
        if not missing:
            return {id: cache[id] for id in wanted}
        found = {id: cache[id] for id in wanted if id in cache}
        for at in range(0, len(missing), _MOST_IDS):
            some = missing[at : at + _MOST_IDS]
            # Filled up to a power of two, so that few statements are compiled; no id is NULL.
            places = 1 << (len(some) - 1).bit_length()
            sql = f'{shelf.select} WHERE "id" IN (?{", ?" * (places - 1)})'
            for row in self._database.read(sql, (*some, *[None] * (places - len(some)))):
                found[row[0]] = shelf.keep(shelf.table.decode(row))
        return {id: found[id] for id in wanted if id in found}

    async def find(self, kind: type[E], **unique: Any) -> E | None:
        """The entity whose attributes have these values. Raises Unavailable."""
        shelf: Shelf[E] = self._shelves[kind]
        if self._stamp[0] != self._known:
            self._forget()
        fields = tuple(unique)
        sql = self._finds.get((kind, fields))
        if sql is None:
            tests = " AND ".join(f'"{field}" = ?' for field in fields)
            sql = self._finds[kind, fields] = f"{shelf.select} WHERE {tests} LIMIT 1"
        row = tuple(shelf.cell(field, value) for field, value in unique.items())
        rows = self._database.read(sql, row)
        return self._entity(shelf, rows[0]) if rows else None

    async def page(self, kind: type[E], query: Query) -> Page[E]:
        """A page by keyset (`pages.py`). Raises Unavailable; ValueError for an unknown field."""
        shelf: Shelf[E] = self._shelves[kind]
        if self._stamp[0] != self._known:
            self._forget()
        pages = self._pages[kind]
        read = self._database.read
        rows: list[Row] = []
        for statements in pages.statements(query):
            part = [row for sql, bindings in statements for row in read(sql, bindings)]
            rows += part if len(statements) == 1 else pages.merge(part, query)
            if len(rows) > query.limit:
                break
        items = [self._entity(shelf, row) for row in rows[: query.limit]]
        return Page(items, len(rows) > query.limit)

    async def pages(self, kind: type[E], queries: Sequence[Query]) -> list[Page[E]]:
        """One page a query. Nothing travels here: they are read one after the other."""
        return [await self.page(kind, query) for query in queries]

    async def seen(self, consumer: str, event_ids: Sequence[str]) -> set[str]:
        """Those of the events that `consumer` has applied. Raises Unavailable."""
        found: set[str] = set()
        for at in range(0, len(event_ids), _MOST_IDS):
            some = event_ids[at : at + _MOST_IDS]
            sql = (
                "SELECT event_id FROM inbox WHERE consumer = ? "
                f"AND event_id IN ({', '.join('?' * len(some))})"
            )
            found.update(row[0] for row in self._database.read(sql, (consumer, *some)))
        return found

    async def recall(self, caller: str, key: str) -> Remembered | None:
        """The record of an idempotency key that is not older than 24 hours. Raises Unavailable."""
        oldest = self._now() - _KEPT
        rows = self._database.read(_RECALL, (self._service, caller, key, oldest))
        return Remembered(*rows[0]) if rows else None

    async def commit(self, *changes: Change) -> None:
        """All or nothing, and on the disk when it returns.

        Raises Conflict, Taken, AlreadySeen or KeyTaken: then nothing was written; Unavailable when
        the disk or the file refused: then it shows after the next start whether it was.
        """
        commit = Commit()
        for change in changes:
            if change is not None:
                self._add[type(change)](commit, change)
        if commit.steps or commit.guards:
            await self._database.commit(commit)

    def _entity(self, shelf: Shelf[E], row: Row) -> E:
        """The row's entity, without decoding it where the cache has that very version."""
        known = shelf.cache.get(row[0])
        if known is not None and known.version == row[1]:
            return known
        return shelf.keep(shelf.table.decode(row))

    def _emit(self, commit: Commit, change: Emit) -> None:
        database = self._database
        commit.emit(
            change.event.envelope(
                database.ids.new("evt"), rfc3339(database.clock.now()), CURRENT.get()
            )
        )

    def _remember(self, commit: Commit, change: Remember) -> None:
        now = self._now()
        commit.remember(self._service, change, now, now - _KEPT)

    def _now(self) -> int:
        return milliseconds(self._database.clock.now())

    def _forget(self) -> None:
        """A guest has written: what is cached may be of the past."""
        self._known = self._stamp[0]
        for shelf in self._shelves.values():
            shelf.cache.clear()
