"""A store's commit: one write where one document says it all, else one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
from pymongo import DeleteOne, InsertOne, ReadPreference, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from runtime.adapters.mongodb.database import MAJORITY, Bucket, MongoDatabase
from runtime.adapters.mongodb.shelf import FULL, GONE, Shelf, duplicate_key
from runtime.document import Document
from runtime.model import Entity
from runtime.ports import AlreadySeen, Conflict, Envelope, KeyTaken, Remember, Seen

_SNAPSHOT = ReadConcern("snapshot")
Model = InsertOne[Document] | UpdateOne | DeleteOne


@dataclass(frozen=True, slots=True)
class Ledgers:
    """A service's own collections: what was applied, what was answered, and events without an
    entity.
    """

    inbox: Bucket
    answers: Bucket
    events: Bucket

    @classmethod
    def of(cls, database: MongoDatabase, service: str) -> Ledgers:
        """Those of `service`."""
        return cls(
            database.bucket(f"{service}__inbox"),
            database.bucket(f"{service}__idempotency"),
            database.bucket(f"{service}__events"),
        )


def mark_id(seen: Seen) -> str:
    """The id of an inbox mark; a consumer's name has no slash."""
    return f"{seen.consumer}/{seen.event_id}"


def entry(envelope: Envelope) -> Document:
    """The event as a document's outbox holds it, without its number."""
    return {
        "id": envelope.id,
        "type": envelope.type,
        "channel": envelope.channel,
        "key": envelope.key,
        "subject": envelope.subject,
        "version": envelope.version,
        "time": envelope.time,
        "data": envelope.data,
        "traceparent": envelope.traceparent,
    }


class Full(Exception):
    """The document that was to hold the events has too many of them."""


@dataclass(frozen=True, slots=True)
class Write:
    """One entity's change: `insert`, `update` or `delete`."""

    kind: str
    shelf: Shelf[Any]
    entity: Entity


class Commit:
    """The changes of one `Store.commit`: all of them or none."""

    def __init__(self, database: MongoDatabase, ledgers: Ledgers) -> None:
        self._database = database
        self._ledgers = ledgers
        self.writes: list[Write] = []
        # Events, numbered when the commit begins.
        self.entries: list[Document] = []
        self.seen: list[Seen] = []
        self.remember: tuple[Remember, datetime, timedelta] | None = None
        # What an attempt teaches the next: that inserts may meet a tombstone, that the events need
        # a document of their own, that it must be known which write is refused.
        self._reviving = False
        self._apart = False
        self._singly = False

    @property
    def documents(self) -> int:
        """How many documents it writes."""
        own = 1 if self.entries and not self.writes else 0
        return len(self.writes) + len(self.seen) + own + (self.remember is not None)

    async def run(self) -> None:
        """Raises the ports' refusals, and PyMongoError."""
        if self.documents != 1:
            await self._transaction()
        elif not self.writes:
            await self._outside(None)
        else:
            try:
                await self._one(self.writes[0])
            except Full:
                self._apart = True
                await self._transaction()

    # --- one document -----------------------------------------------------------------------------

    async def _one(self, write: Write) -> None:
        shelf, entity, entries = write.shelf, write.entity, self.entries
        bucket = shelf.bucket
        try:
            if write.kind == "insert":
                await self._insert(shelf, entity)
                return
            if write.kind == "update":
                found = await bucket.update_one(
                    _stored(entity, entity.version - 1, entries), shelf.update(entity, entries)
                )
                if found.matched_count:
                    return
                await self._refuse(shelf, entity, entity.version - 1)
        except DuplicateKeyError as error:
            raise shelf.taken(error) from None
        if not entries:
            clean = {"_id": entity.id, "version": entity.version, "outbox.0": GONE}
            if (await bucket.delete_one(clean)).deleted_count:
                return
        found = await bucket.update_one(
            _stored(entity, entity.version, entries), self._tombstone(shelf, entries)
        )
        if not found.matched_count:
            await self._refuse(shelf, entity, entity.version)
        if not entries:
            # Its last events may have been relayed just now: then nobody else clears it away.
            await bucket.delete_one({"_id": entity.id, "version": GONE, "outbox.0": GONE})

    async def _insert(self, shelf: Shelf[Any], entity: Entity) -> None:
        document = shelf.codec.encode(entity)
        if self.entries:
            document["outbox"] = self.entries
        try:
            await shelf.bucket.insert_one(document)
        except DuplicateKeyError as error:
            if duplicate_key(error) != ("_id",):
                raise
            # Taken, or a tombstone that becomes the entity's document.
            await shelf.bucket.update_one(
                {"_id": entity.id, "version": GONE},
                shelf.update(entity, self.entries),
                upsert=True,
            )

    @staticmethod
    def _tombstone(shelf: Shelf[Any], entries: list[Document]) -> Document:
        """The update that leaves nothing but the events."""
        if not entries:
            return shelf.emptied
        return {**shelf.emptied, "$push": {"outbox": {"$each": entries}}}

    async def _refuse(
        self,
        shelf: Shelf[Any],
        entity: Entity,
        version: int,
        session: AsyncClientSession | None = None,
    ) -> None:
        """Tells why no document was written: Full, else Conflict."""
        if self.entries and not self._apart:
            full = {"_id": entity.id, "version": version, FULL: {"$exists": True}}
            found = await shelf.bucket.find_one(full, {"_id": 1}, session=session)
            if found:
                raise Full
        raise Conflict(shelf.name, entity.id)

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
                except Full:
                    self._apart = True
                except _Revive:
                    self._reviving = True
                except _Singly:
                    self._singly = True
                else:
                    return

    async def _attempt(self, session: AsyncClientSession) -> None:
        await self._outside(session)
        for bucket, writes in self._groups():
            await self._group(session, bucket, writes)

    async def _outside(self, session: AsyncClientSession | None) -> None:
        """What is beside the entities; first the two reasons that are told first."""
        now = datetime.now(UTC)
        if self.seen:
            marks = [{"_id": mark_id(seen), "at": now} for seen in self.seen]
            try:
                await self._ledgers.inbox.insert_many(marks, session=session)
            except (DuplicateKeyError, BulkWriteError) as error:
                if not _duplicate(error):
                    raise
                raise AlreadySeen from None
        if self.remember is not None:
            await self._keep_answer(*self.remember, now, session)
        if self.entries and (self._apart or not self.writes):
            alone = {"_id": self.entries[0]["id"], "outbox": self.entries}
            await self._ledgers.events.insert_one(alone, session=session)

    async def _keep_answer(
        self,
        record: Remember,
        at: datetime,
        kept: timedelta,
        now: datetime,
        session: AsyncClientSession | None,
    ) -> None:
        # `at` is our clock's, by which it is forgotten; `stored_at` the time by which it is purged.
        values = {
            "operation": record.operation,
            "fingerprint": record.fingerprint,
            "answer": record.encode(record.answer),
            "at": at,
            "stored_at": now,
        }
        key = {"caller": record.caller, "key": record.key}
        try:
            # One that is forgotten but not purged yet gives its key free.
            await self._ledgers.answers.update_one(
                {"_id": key, "at": {"$lt": at - kept}},
                {"$set": values},
                upsert=True,
                session=session,
            )
        except DuplicateKeyError:
            raise KeyTaken from None

    def _groups(self) -> Iterator[tuple[Bucket, list[Write]]]:
        """The writes in their order, those to one collection together where they follow."""
        group: list[Write] = []
        for write in self.writes:
            if group and (self._singly or group[0].shelf is not write.shelf):
                yield group[0].shelf.bucket, group
                group = []
            group.append(write)
        if group:
            yield group[0].shelf.bucket, group

    async def _group(
        self, session: AsyncClientSession, bucket: Bucket, writes: list[Write]
    ) -> None:
        shelf = writes[0].shelf
        models = [model for write in writes for model in self._models(write)]
        try:
            done = await bucket.bulk_write(models, session=session)
        except BulkWriteError as error:
            refused = _duplicate(error)
            if refused is None:
                raise
            if duplicate_key(refused) == ("_id",) and not self._reviving:
                raise _Revive from None
            raise shelf.taken(refused) from None
        # Each write has changed one document, in one of these ways.
        changed = (
            done.inserted_count + done.upserted_count + done.matched_count + done.deleted_count
        )
        if changed == len(writes):
            return
        if len(writes) > 1:
            raise _Singly
        write = writes[0]
        version = write.entity.version - (write.kind == "update")
        await self._refuse(shelf, write.entity, version, session)

    def _models(self, write: Write) -> Iterator[Model]:
        shelf, entity = write.shelf, write.entity
        entries = self.entries if write is self.writes[0] and not self._apart else []
        if write.kind == "insert":
            if self._reviving:
                asked = {"_id": entity.id, "version": GONE}
                yield UpdateOne(asked, shelf.update(entity, entries), upsert=True)
                return
            document = shelf.codec.encode(entity)
            if entries:
                document["outbox"] = entries
            yield InsertOne(document)
            return
        version = entity.version - (write.kind == "update")
        asked = _stored(entity, version, entries)
        if write.kind == "update":
            yield UpdateOne(asked, shelf.update(entity, entries))
            return
        if not entries:
            yield DeleteOne({**asked, "outbox.0": GONE})
        yield UpdateOne(asked, self._tombstone(shelf, entries))


class _Singly(Exception):
    """One of several writes found its document in another state."""


def _stored(entity: Entity, version: int, entries: list[Document]) -> Document:
    """The filter of a document that has this version, and room for the events."""
    asked: Document = {"_id": entity.id, "version": version}
    if entries:
        asked[FULL] = GONE
    return asked


class _Revive(Exception):
    """An insert met a document of its id: an entity, or a tombstone."""


def _duplicate(error: DuplicateKeyError | BulkWriteError) -> DuplicateKeyError | None:
    """The violated uniqueness constraint, where it is one."""
    if isinstance(error, DuplicateKeyError):
        return error
    for refused in error.details.get("writeErrors", ()):
        if refused.get("code") == 11000:
            return DuplicateKeyError("duplicate key", 11000, refused)
    return None
