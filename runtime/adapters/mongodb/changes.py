"""A store's commit: one write where one document says it all, else one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
from pymongo import DeleteOne, InsertOne, ReadPreference, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from runtime.adapters.mongodb.database import MAJORITY, MongoDatabase
from runtime.adapters.mongodb.ledgers import Ledgers, answer_kept, mark_id
from runtime.adapters.mongodb.shelf import FULL, GONE, MOST_EVENTS, Shelf, duplicate_key
from runtime.document import Document
from runtime.model import Entity
from runtime.ports import AlreadySeen, Conflict, KeyTaken, Remember, Seen

_SNAPSHOT = ReadConcern("snapshot")
Model = InsertOne[Document] | UpdateOne | DeleteOne


@dataclass(slots=True)
class Write:
    """One entity's change: `insert`, `update` or `delete`; `entries` go into its document."""

    kind: str
    shelf: Shelf[Any]
    entity: Entity
    entries: list[Document] = field(default_factory=list)

    @property
    def stored(self) -> Document:
        """The filter of the document as it must be, with room for the events."""
        version = self.entity.version - (self.kind == "update")
        asked: Document = {"_id": self.entity.id, "version": version}
        if self.entries:
            asked[FULL] = GONE
        return asked

    def inserted(self) -> Document:
        """The new document."""
        document = self.shelf.codec.encode(self.entity)
        if self.entries:
            document["outbox"] = self.entries
        return document

    def updated(self) -> Document:
        """The update that makes the document, a tombstone's too, the entity's."""
        return self.shelf.update(self.entity, self.entries)

    def buried(self) -> Document:
        """The update that leaves nothing but the events."""
        if not self.entries:
            return self.shelf.emptied
        return {**self.shelf.emptied, "$push": {"outbox": {"$each": self.entries}}}

    def models(self, *, reviving: bool) -> Iterator[Model]:
        """What does it within a transaction: just one of them changes a document."""
        if self.kind == "update":
            yield UpdateOne(self.stored, self.updated())
        elif self.kind == "delete":
            if not self.entries:
                yield DeleteOne({**self.stored, "outbox.0": GONE})
            yield UpdateOne(self.stored, self.buried())
        elif reviving:
            asked = {"_id": self.entity.id, "version": GONE}
            yield UpdateOne(asked, self.updated(), upsert=True)
        else:
            yield InsertOne(self.inserted())

    async def refuse(self, session: AsyncClientSession | None = None) -> None:
        """Tells why it found no document: Full, else Conflict."""
        if self.entries:
            full = {**self.stored, FULL: {"$exists": True}}
            if await self.shelf.bucket.find_one(full, {"_id": 1}, session=session):
                raise Full(self)
        raise Conflict(self.shelf.name, self.entity.id)


class Full(Exception):
    """The document that was to hold events has too many of them."""

    def __init__(self, write: Write) -> None:
        super().__init__()
        self.write = write


class Several(Exception):
    """One of several writes was refused: which one shows when each is done by itself."""


class _Revive(Exception):
    """An insert met a document of its id: an entity, or a tombstone."""


class Commit:
    """The changes of one `Store.commit`, or of several as one: all of them or none."""

    def __init__(self, database: MongoDatabase, ledgers: Ledgers) -> None:
        self._database = database
        self._ledgers = ledgers
        self.writes: list[Write] = []
        # Events, numbered before the commit runs.
        self.entries: list[Document] = []
        self.seen: list[Seen] = []
        self.answers: list[tuple[Remember, datetime, timedelta]] = []
        # Events that have no entity's document, each list in one of its own.
        self._apart: list[list[Document]] = []
        # What an attempt teaches the next: that inserts may meet a tombstone, and that it must be
        # known which write is refused.
        self._reviving = False
        self._singly = False
        self._merged = False

    def place(self) -> None:
        """Puts each event into the document of its subject, or else of the first entity; where that
        would be too many, or there is none, into one of their own.
        """
        writes = {write.entity.id: write for write in reversed(self.writes)}
        apart: list[Document] = []
        for event in self.entries:
            first = self.writes[0] if self.writes else None
            write = writes.get(event["subject"], first)
            if write is not None and len(write.entries) < MOST_EVENTS:
                write.entries.append(event)
            else:
                apart.append(event)
        for at in range(0, len(apart), MOST_EVENTS):
            self._apart.append(apart[at : at + MOST_EVENTS])

    def merged(self, others: Iterable[Commit]) -> Commit:
        """This one and others as one, which raises Several where any of them is refused."""
        one = Commit(self._database, self._ledgers)
        one._merged = True
        for commit in (self, *others):
            one.writes += commit.writes
            one.seen += commit.seen
            one.answers += commit.answers
            one._apart += commit._apart
        return one

    @property
    def documents(self) -> int:
        """How many documents it writes."""
        return len(self.writes) + len(self.seen) + len(self.answers) + len(self._apart)

    def touched(self) -> Iterator[object]:
        """What of it another commit must not touch at the same time."""
        for write in self.writes:
            yield write.shelf.name, write.entity.id
        for seen in self.seen:
            yield mark_id(seen)
        for record, _, _ in self.answers:
            yield record.caller, record.key, record.operation

    async def run(self) -> None:
        """Raises the ports' refusals, and PyMongoError."""
        if self.documents != 1:
            await self._transaction()
        elif not self.writes:
            await self._beside(None)
        else:
            try:
                await self._one(self.writes[0])
            except Full as full:
                self._set_apart(full.write)
                await self._transaction()

    # --- one document -----------------------------------------------------------------------------

    async def _one(self, write: Write) -> None:
        bucket, id = write.shelf.bucket, write.entity.id
        try:
            if write.kind == "insert":
                await self._insert(write)
                return
            if write.kind == "update":
                if not (await bucket.update_one(write.stored, write.updated())).matched_count:
                    await write.refuse()
                return
        except DuplicateKeyError as error:
            raise write.shelf.taken(error) from None
        if not write.entries:
            clean = {**write.stored, "outbox.0": GONE}
            if (await bucket.delete_one(clean)).deleted_count:
                return
        if not (await bucket.update_one(write.stored, write.buried())).matched_count:
            await write.refuse()
        if not write.entries:
            # Its last events may have been relayed just now: then nobody else clears it away.
            await bucket.delete_one({"_id": id, "version": GONE, "outbox.0": GONE})

    async def _insert(self, write: Write) -> None:
        bucket = write.shelf.bucket
        try:
            await bucket.insert_one(write.inserted())
        except DuplicateKeyError as error:
            if duplicate_key(error) != ("_id",):
                raise
            # Taken, or a tombstone that becomes the entity's document.
            asked = {"_id": write.entity.id, "version": GONE}
            await bucket.update_one(asked, write.updated(), upsert=True)

    # --- several ----------------------------------------------------------------------------------

    async def _transaction(self) -> None:
        """All writes, or none; again from the start where another transaction was in the way."""
        async with self._database.client.start_session(causal_consistency=False) as session:
            while True:
                try:
                    # One limit for all of it, where each operation would have its own.
                    with pymongo.timeout(self._database.patience):
                        await session.with_transaction(
                            self._attempt, _SNAPSHOT, MAJORITY, ReadPreference.PRIMARY
                        )
                except Full as full:
                    self._set_apart(full.write)
                except _Revive:
                    self._reviving = True
                except Several:
                    if self._merged:
                        raise
                    self._singly = True
                else:
                    return

    async def _attempt(self, session: AsyncClientSession) -> None:
        await self._beside(session)
        for writes in self._groups():
            await self._group(session, writes)

    async def _beside(self, session: AsyncClientSession | None) -> None:
        """What is beside the entities; first the two reasons that are told first."""
        now = datetime.now(UTC)
        if self.seen:
            marks = [{"_id": mark_id(seen), "at": now} for seen in self.seen]
            try:
                await self._ledgers.inbox.insert_many(marks, session=session)
            except BulkWriteError as error:
                _duplicate(error)
                raise AlreadySeen from None
        if self.answers:
            kept = [answer_kept(*answer, now) for answer in self.answers]
            try:
                await self._ledgers.answers.bulk_write(kept, session=session)
            except BulkWriteError as error:
                _duplicate(error)
                raise KeyTaken from None
        if self._apart:
            alone = [{"_id": entries[0]["id"], "outbox": entries} for entries in self._apart]
            await self._ledgers.events.insert_many(alone, session=session)

    def _groups(self) -> Iterator[list[Write]]:
        """The writes in their order, those to one collection together where they follow."""
        group: list[Write] = []
        for write in self.writes:
            if group and (self._singly or group[0].shelf is not write.shelf):
                yield group
                group = []
            group.append(write)
        if group:
            yield group

    async def _group(self, session: AsyncClientSession, writes: list[Write]) -> None:
        shelf = writes[0].shelf
        models = [model for write in writes for model in write.models(reviving=self._reviving)]
        try:
            done = await shelf.bucket.bulk_write(models, session=session)
        except BulkWriteError as error:
            refused = _duplicate(error)
            if self._merged:
                raise Several from None
            if duplicate_key(refused) == ("_id",) and not self._reviving:
                raise _Revive from None
            raise shelf.taken(refused) from None
        # Each write has changed one document, in one of these ways.
        changed = (
            done.inserted_count + done.upserted_count + done.matched_count + done.deleted_count
        )
        if changed == len(writes):
            return
        if self._merged or len(writes) > 1:
            raise Several
        await writes[0].refuse(session)

    def _set_apart(self, write: Write) -> None:
        """Its events get a document of their own."""
        self._apart.append(write.entries)
        write.entries = []


async def insert_all(writes: list[Write]) -> dict[int, DuplicateKeyError]:
    """New documents of one collection, each by itself; the refusals by their place in `writes`."""
    try:
        await writes[0].shelf.bucket.insert_many(
            [write.inserted() for write in writes], ordered=False
        )
    except BulkWriteError as error:
        _duplicate(error)
        return {
            refused["index"]: DuplicateKeyError("duplicate key", refused["code"], refused)
            for refused in error.details["writeErrors"]
        }
    return {}


def _duplicate(error: BulkWriteError) -> DuplicateKeyError:
    """The uniqueness constraint that refused a write; raises `error` for another reason."""
    refusals = error.details.get("writeErrors") or [{}]
    if error.details.get("writeConcernErrors") or any(r.get("code") != 11000 for r in refusals):
        raise error
    return DuplicateKeyError("duplicate key", 11000, refusals[0])
