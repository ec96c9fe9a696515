"""Makes the indexes that the documents declare, and says where the database has others.

Beanie does it, and it alone loads Beanie: `migrate` runs at a release, `drift` at each start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, timedelta
from typing import Any

from beanie import Document, init_beanie
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, IndexModel

from runtime.adapters.mongodb.database import Bucket, Documents, MongoDatabase
from runtime.adapters.mongodb.declared import OUTBOX
from runtime.adapters.mongodb.ledgers import Ledgers
from runtime.adapters.mongodb.store import KEPT

INBOX_KEPT = timedelta(days=7)
# What of an index tells it from another; the rest the server adds.
_OPTIONS = ("unique", "partialFilterExpression", "expireAfterSeconds", "sparse", "collation")


async def declare(
    database: MongoDatabase, documents: Sequence[type[Document]], *, indexes: bool = False
) -> None:
    """Binds Beanie's documents to the database; with `indexes`, makes those that are missing."""
    # Aware dates: who reads through Beanie is no codec of ours.
    aware: Documents = database.documents.with_options(CodecOptions(tz_aware=True, tzinfo=UTC))
    await init_beanie(aware, document_models=list(documents), skip_indexes=not indexes)


async def migrate(
    database: MongoDatabase, documents: Sequence[type[Document]], services: Iterable[str]
) -> None:
    """Makes all collections and indexes that are missing, by any number of processes at once.

    Raises PyMongoError: OperationFailure where an index of the name is another, or where what is
    stored breaks a new uniqueness rule.
    """
    await declare(database, documents, indexes=True)
    for service in services:
        for bucket, indexes in _own(Ledgers.of(database, service)):
            await bucket.create_indexes(indexes)


async def drift(
    database: MongoDatabase, documents: Sequence[type[Document]], services: Iterable[str]
) -> list[str]:
    """A line an index that is missing, or another than declared; and each unique one that is not
    declared, as it refuses what the contract allows. Others, such as an operator's own, may stay.
    """
    await declare(database, documents)
    wanted = [
        (database.bucket(str(settings.name)), [field.index for field in settings.indexes])
        for settings in (document.get_settings() for document in documents)
    ]
    for service in services:
        wanted += _own(Ledgers.of(database, service))
    found: list[str] = []
    for bucket, indexes in wanted:
        there = await bucket.index_information()
        declared = {str(index.document["name"]): _shape(index.document) for index in indexes}
        for name, shape in declared.items():
            if name not in there:
                found.append(f"{bucket.name}: index {name} is missing")
            elif _shape(there[name]) != shape:
                found.append(f"{bucket.name}: index {name} is another")
        found += [
            f"{bucket.name}: index {name} is not declared"
            for name, index in there.items()
            if name not in declared and name != "_id_" and index.get("unique")
        ]
    return found


def _own(ledgers: Ledgers) -> list[tuple[Bucket, list[IndexModel]]]:
    """A service's own collections and their indexes; the server purges by these."""
    purged = [
        (ledgers.inbox, "at", INBOX_KEPT),
        (ledgers.answers, "stored_at", KEPT),
    ]
    own = [
        (
            bucket,
            [
                IndexModel(
                    [(field, ASCENDING)],
                    name="expiry",
                    expireAfterSeconds=int(kept.total_seconds()),
                )
            ],
        )
        for bucket, field, kept in purged
    ]
    return [*own, (ledgers.events, [OUTBOX])]


def _shape(index: Any) -> tuple[Any, ...]:
    """What an index is, as it was declared or as the server tells."""
    keys = index["key"]
    pairs = keys.items() if hasattr(keys, "items") else keys
    options = {name: index[name] for name in _OPTIONS if index.get(name) not in (None, False)}
    return tuple((field, int(direction)) for field, direction in pairs), options
