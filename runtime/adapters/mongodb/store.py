"""A service's entities in MongoDB; the port is `Store`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from pymongo.errors import PyMongoError

from runtime.adapters.mongodb.changes import Commit, Write
from runtime.adapters.mongodb.database import Bucket, MongoDatabase
from runtime.adapters.mongodb.groups import Groups
from runtime.adapters.mongodb.ledgers import Ledgers, answer_id, entry, mark_id
from runtime.adapters.mongodb.pages import ALIVE, Pages, together
from runtime.adapters.mongodb.shelf import Shelf
from runtime.document import Collection
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
from runtime.together import Together
from runtime.trace import CURRENT

E = TypeVar("E", bound=Entity)

KEPT = timedelta(hours=24)
# Ids in one find.
_MOST_IDS = 1000


class MongoStore:
    """The collections of one service. Gets that are awaited in the same tick are one find."""

    def __init__(
        self, database: MongoDatabase, collections: Sequence[Collection[Any]], service: str
    ) -> None:
        """Of `collections` those of `service`; `migrate` has made their indexes."""
        self._database = database
        self._shelves: dict[type[Entity], Shelf[Any]] = {
            codec.kind: Shelf(codec, database) for codec in collections if codec.service == service
        }
        self._pages = {kind: Pages(shelf) for kind, shelf in self._shelves.items()}
        self._gets = {kind: self._together(shelf) for kind, shelf in self._shelves.items()}
        self._ledgers = Ledgers.of(database, service)
        self._groups = Groups(database, service)
        self._add: dict[type, Callable[[Commit, Any], None]] = {
            Insert: self._write("insert"),
            Update: self._write("update"),
            Delete: self._write("delete"),
            Emit: self._emit,
            Seen: lambda commit, change: commit.seen.append(change),
            Remember: self._remember,
        }

    async def get(self, kind: type[E], id: str) -> E | None:
        """One entity, or None. Raises Unavailable."""
        if not _is_text(id):
            return None
        entity: E | None = await self._gets[kind].get(id)
        return entity

    async def get_many(self, kind: type[E], ids: Sequence[str]) -> dict[str, E]:
        """Those that exist, by id, in the order asked for. Raises Unavailable."""
        shelf: Shelf[E] = self._shelves[kind]
        asked = list(dict.fromkeys(filter(_is_text, ids)))
        found = await self._database.run(_load(shelf, asked))
        return {id: found[id] for id in asked if id in found}

    async def find(self, kind: type[E], **unique: Any) -> E | None:
        """The entity whose attributes have these values. Raises Unavailable."""
        shelf: Shelf[E] = self._shelves[kind]
        tests = [(shelf.path(f), "$eq", shelf.cell(f, value)) for f, value in unique.items()]
        asked = together([ALIVE, *tests])
        return shelf.entity(await self._database.run(shelf.bucket.find_one(asked, shelf.shown)))

    async def page(self, kind: type[E], query: Query) -> Page[E]:
        """A page by keyset (`pages.py`). Raises Unavailable; ValueError for an unknown field."""
        pages: Pages[E] = self._pages[kind]
        return await self._database.run(pages.page(query))

    async def recall(self, caller: str, key: str) -> Remembered | None:
        """The record of an idempotency key that is not older than 24 hours. Raises Unavailable."""
        oldest = self._database.clock.now() - KEPT
        asked = {"_id": answer_id(caller, key), "at": {"$gte": oldest}}
        found = await self._database.run(self._ledgers.answers.find_one(asked))
        if found is None:
            return None
        return Remembered(found["operation"], found["fingerprint"], found["answer"])

    async def seen(self, consumer: str, event_ids: Sequence[str]) -> set[str]:
        """Those of the events that `consumer` has applied. Raises Unavailable."""
        marks = {mark_id(Seen(consumer, event_id)): event_id for event_id in event_ids}
        found = await self._database.run(_there(self._ledgers.inbox, list(marks)))
        return {marks[mark] for mark in found}

    async def commit(self, *changes: Change) -> None:
        """All or nothing, and with most members of the replica set when it returns.

        Raises Conflict, Taken, AlreadySeen or KeyTaken: then nothing was written; Unavailable when
        the server did not answer in time: then it shows later whether it was.
        """
        commit = Commit(self._database, self._ledgers)
        for change in changes:
            if change is not None:
                self._add[type(change)](commit, change)
        commit.place()
        if commit.documents:
            await self._groups.commit(commit)

    # --- within -----------------------------------------------------------------------------------

    def _together(self, shelf: Shelf[E]) -> Together[str, E]:
        async def load(ids: Sequence[str]) -> Mapping[str, E]:
            # Of itself a task that nobody cancels.
            try:
                return await _load(shelf, ids)
            except PyMongoError as error:
                raise self._database.unavailable(error) from error

        return Together(load)

    def _write(self, kind: str) -> Callable[[Commit, Any], None]:
        def add(commit: Commit, change: Insert | Update | Delete) -> None:
            entity = change.entity
            commit.writes.append(Write(kind, self._shelves[type(entity)], entity))

        return add

    def _emit(self, commit: Commit, change: Emit) -> None:
        database = self._database
        envelope = change.event.envelope(
            database.ids.new("evt"), rfc3339(database.clock.now()), CURRENT.get()
        )
        commit.entries.append(entry(envelope))

    def _remember(self, commit: Commit, change: Remember) -> None:
        commit.answers.append((change, self._database.clock.now(), KEPT))


def _is_text(id: object) -> bool:
    """What is no text is no id: as a value in a filter it could be an operator."""
    return isinstance(id, str)


async def _load(shelf: Shelf[E], ids: Sequence[str]) -> dict[str, E]:
    """The entities of `ids` that there are."""
    if len(ids) == 1:
        one = shelf.entity(await shelf.bucket.find_one({"_id": ids[0]}, shelf.shown))
        return {} if one is None else {one.id: one}
    found: dict[str, E] = {}
    for at in range(0, len(ids), _MOST_IDS):
        some = {"_id": {"$in": ids[at : at + _MOST_IDS]}}
        cursor = shelf.bucket.find(some, shelf.shown, batch_size=_MOST_IDS + 1)
        for document in await cursor.to_list():
            entity = shelf.entity(document)
            if entity is not None:
                found[entity.id] = entity
    return found


async def _there(bucket: Bucket, ids: Sequence[str]) -> list[str]:
    """Those of the `ids` that documents have."""
    found: list[str] = []
    for at in range(0, len(ids), _MOST_IDS):
        some = {"_id": {"$in": ids[at : at + _MOST_IDS]}}
        cursor = bucket.find(some, {"_id": 1}, batch_size=_MOST_IDS + 1)
        found += [document["_id"] for document in await cursor.to_list()]
    return found
