"""The order of a service's commits, as far as events tell of it.

Each event takes a number before its commit is sent. If one commit saw another's effect, or began
after it had returned, its numbers are higher, in whatever process; commits that ran at the same
time may have either order. A commit may be seen later than one with higher numbers, so whoever
reads the events in order reads the number first: all that those up to it depend on is there.
"""

from __future__ import annotations

import asyncio

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from runtime.adapters.mongodb.database import Bucket, MongoDatabase

# The one document of the collection: the number, and who relays (outbox.py).
RELAY = "relay"


def relay_bucket(database: MongoDatabase, service: str) -> Bucket:
    """The collection of the service's relay."""
    return database.bucket(f"{service}__relay")


class Sequence:
    """Numbers for the events of one service. Those asked for in the meantime are one request."""

    def __init__(self, database: MongoDatabase, service: str) -> None:
        self._bucket = relay_bucket(database, service)
        self._waiting: list[tuple[int, asyncio.Future[int]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def reserve(self, count: int) -> int:
        """The first of `count` numbers. Raises PyMongoError."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # Never a part of the request under way: its numbers may be older than what we have seen.
        self._waiting.append((count, future))
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
        return await future

    async def _ask(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                number = await self._increment(sum(count for count, _ in waiting))
            except BaseException as error:
                for _, future in waiting:
                    if not future.done():
                        future.set_exception(error)
                if not isinstance(error, Exception):
                    self._asking = None
                    raise
                continue
            for count, future in waiting:
                if not future.done():
                    future.set_result(number)
                number += count
        self._asking = None

    async def _increment(self, by: int) -> int:
        for attempt in (1, 2):
            try:
                found = await self._bucket.find_one_and_update(
                    {"_id": RELAY},
                    {"$inc": {"number": by}},
                    {"number": 1},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:
                # Another process made the document at the same time.
                if attempt == 2:
                    raise
            else:
                assert found is not None  # noqa: S101 # an upsert answers what it made
                return int(found["number"]) - by + 1
        raise AssertionError("unreachable")
