"""A service's entities in MongoDB; the port is `Store`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from pymongo.errors import PyMongoError

from runtime.adapters.mongodb.changes import Commit, Ledgers, Write, entry, mark_id
from runtime.adapters.mongodb.database import MongoDatabase
from runtime.adapters.mongodb.pages import Pages, together
from runtime.adapters.mongodb.sequence import Sequence as Numbers
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
        self._service = service
        self._shelves: dict[type[Entity], Shelf[Any]] = {
            codec.kind: Shelf(codec, database) for codec in collections if codec.service == service
        }
        self._pages = {kind: Pages(shelf) for kind, shelf in self._shelves.items()}
        self._gets = {kind: self._together(shelf) for kind, shelf in self._shelves.items()}
        self._ledgers = Ledgers.of(database, service)
        self._numbers = Numbers(database, service)
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
        entity: E | None = await self._gets[kind].get(id)
        return entity

    async def get_many(self, kind: type[E], ids: Sequence[str]) -> dict[str, E]:
        """Those that exist, by id, in the order asked for. Raises Unavailable."""
        found = await self._load(self._shelves[kind], list(dict.fromkeys(ids)))
        return {id: found[id] for id in ids if id in found}

    async def find(self, kind: type[E], **unique: Any) -> E | None:
        """The entity whose attributes have these values. Raises Unavailable."""
        shelf: Shelf[E] = self._shelves[kind]
        tests = [(shelf.path(f), "$eq", shelf.cell(f, value)) for f, value in unique.items()]
        asked = together([("version", "$gt", 0), *tests])
        try:
            return shelf.entity(await shelf.bucket.find_one(asked, shelf.shown))
        except PyMongoError as error:
            raise self._database.unavailable(error) from error

    async def page(self, kind: type[E], query: Query) -> Page[E]:
        """A page by keyset (`pages.py`). Raises Unavailable; ValueError for an unknown field."""
        pages: Pages[E] = self._pages[kind]
        try:
            return await pages.page(query)
        except PyMongoError as error:
            raise self._database.unavailable(error) from error

    async def recall(self, caller: str, key: str) -> Remembered | None:
        """The record of an idempotency key that is not older than 24 hours. Raises Unavailable."""
        oldest = self._database.clock.now() - KEPT
        asked = {"_id": {"$eq": {"caller": caller, "key": key}}, "at": {"$gte": oldest}}
        try:
            found = await self._ledgers.answers.find_one(asked)
        except PyMongoError as error:
            raise self._database.unavailable(error) from error
        if found is None:
            return None
        return Remembered(found["operation"], found["fingerprint"], found["answer"])

    async def seen(self, consumer: str, event_ids: Sequence[str]) -> set[str]:
        """Those of the events that `consumer` has applied. Raises Unavailable."""
        marks = {mark_id(Seen(consumer, event_id)): event_id for event_id in event_ids}
        ids = list(marks)
        found: set[str] = set()
        try:
            for at in range(0, len(ids), _MOST_IDS):
                asked = {"_id": {"$in": ids[at : at + _MOST_IDS]}}
                cursor = self._ledgers.inbox.find(asked, {"_id": 1}, batch_size=_MOST_IDS + 1)
                found.update(marks[document["_id"]] for document in await cursor.to_list())
        except PyMongoError as error:
            raise self._database.unavailable(error) from error
        return found

    async def commit(self, *changes: Change) -> None:
        """All or nothing, and with most members of the replica set when it returns.

        Raises Conflict, Taken, AlreadySeen or KeyTaken: then nothing was written; Unavailable when
        the server did not answer in time: then it shows later whether it was.
        """
        commit = Commit(self._database, self._ledgers)
        for change in changes:
            if change is not None:
                self._add[type(change)](commit, change)
        if not commit.documents:
            return
        entries = commit.entries
        try:
            if entries:
                number = await self._numbers.reserve(len(entries))
                for place, event in enumerate(entries):
                    event["at"] = number + place
            await commit.run()
        except PyMongoError as error:
            raise self._database.unavailable(error) from error
        if entries:
            self._database.emitted(self._service)

    # --- within -----------------------------------------------------------------------------------

    def _together(self, shelf: Shelf[E]) -> Together[str, E]:
        async def load(ids: Sequence[str]) -> Mapping[str, E]:
            return await self._load(shelf, ids)

        return Together(load)

    async def _load(self, shelf: Shelf[E], ids: Sequence[str]) -> dict[str, E]:
        """The entities of `ids` that there are."""
        # What is no text is no id: as a value in a filter it could be an operator.
        asked = [id for id in ids if isinstance(id, str)]
        entities: dict[str, E] = {}
        try:
            for at in range(0, len(asked), _MOST_IDS):
                some = asked[at : at + _MOST_IDS]
                if len(some) == 1:
                    one = await shelf.bucket.find_one({"_id": some[0]}, shelf.shown)
                    documents = [] if one is None else [one]
                else:
                    cursor = shelf.bucket.find(
                        {"_id": {"$in": some}}, shelf.shown, batch_size=len(some) + 1
                    )
                    documents = await cursor.to_list()
                for document in documents:
                    entity = shelf.entity(document)
                    if entity is not None:
                        entities[entity.id] = entity
        except PyMongoError as error:
            raise self._database.unavailable(error) from error
        return entities

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
        commit.remember = (change, self._database.clock.now(), KEPT)
