"""What a service keeps beside its entities: what was applied, what was answered, and events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import UpdateOne

from runtime.adapters.mongodb.database import Bucket, MongoDatabase
from runtime.document import Document
from runtime.ports import Envelope, Remember, Seen


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


def answer_id(caller: str, key: str) -> str:
    """The id of an idempotency key's record: no two pairs have the same."""
    return f"{len(str(caller))}:{caller}{key}"


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


def answer_kept(record: Remember, at: datetime, kept: timedelta, now: datetime) -> UpdateOne:
    """Keeps the record of an idempotency key, if there is none that is younger than `kept`."""
    # `at` is our clock's, by which it is forgotten; `stored_at` the time by which it is purged.
    values = {
        "operation": record.operation,
        "fingerprint": record.fingerprint,
        "answer": record.encode(record.answer),
        "at": at,
        "stored_at": now,
    }
    # One that is forgotten but not purged yet gives its key free.
    free = {"_id": answer_id(record.caller, record.key), "at": {"$lt": at - kept}}
    return UpdateOne(free, {"$set": values}, upsert=True)
