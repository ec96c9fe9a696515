"""The order of a service's commits, as far as events tell of it.

Each event takes a number before its commit is sent. If one commit saw another's effect, or began
after it had returned, its numbers are higher, in whatever process; commits that ran at the same
time may have either order. A commit may be seen later than one with higher numbers, so whoever
reads the events in order reads the number first: all that those up to it depend on is there.
"""

from __future__ import annotations

import contextlib

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, OperationFailure

from runtime.adapters.mongodb.database import Bucket, MongoDatabase

# The one document of the collection: the number, and who relays (outbox.py).
RELAY = "relay"
_ATTEMPTS = 5


def relay_bucket(database: MongoDatabase, service: str) -> Bucket:
    """The collection of the service's relay."""
    return database.bucket(f"{service}__relay")


class Numbers:
    """Numbers for the events of one service, given once and ever higher."""

    def __init__(self, database: MongoDatabase, service: str) -> None:
        self._bucket = relay_bucket(database, service)

    async def reserve(self, count: int) -> int:
        """The first of `count` numbers. Raises PyMongoError."""
        for _ in range(_ATTEMPTS):
            # Several make the document at the same time, and one of them does: the others meet it,
            # or are answered nothing.
            with contextlib.suppress(DuplicateKeyError):
                found = await self._bucket.find_one_and_update(
                    {"_id": RELAY},
                    {"$inc": {"number": count}},
                    {"number": 1},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
                if found is not None:
                    return int(found["number"]) - count + 1
        raise OperationFailure("no number was given")
