"""What MongoDB tells the command line: what waits, and the idempotency records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import UpdateOne

from runtime.adapters.mongodb.database import MongoDatabase
from runtime.adapters.mongodb.ledgers import Ledgers, answer_id
from runtime.document import Collection, Document
from runtime.inspection import KeptKey, Retrying, Waiting

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 # the codecs know that they are UTC
_MILLISECOND = timedelta(milliseconds=1)


class MongoInspection:
    """`Backlogs` and `KeyRecords` of one database; a broker has what retries."""

    def __init__(self, database: MongoDatabase, collections: Sequence[Collection[Any]]) -> None:
        self._database = database
        self._collections = collections

    async def waiting(self) -> list[Waiting]:
        """What stands in the documents, of all services. Raises Unavailable."""
        return await self._database.run(self._waiting())

    async def _waiting(self) -> list[Waiting]:
        names = {codec.name for codec in self._collections}
        services = {codec.service for codec in self._collections}
        names |= {Ledgers.of(self._database, service).events.name for service in services}
        found: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, "9"])
        steps: list[Document] = [
            {"$match": {"outbox.at": {"$gt": 0}}},
            {"$unwind": "$outbox"},
            {"$match": {"outbox.at": {"$gt": 0}}},
            {
                "$group": {
                    "_id": {"channel": "$outbox.channel", "type": "$outbox.type"},
                    "count": {"$sum": 1},
                    "oldest": {"$min": "$outbox.time"},
                }
            },
        ]
        for name in sorted(names):
            async for row in await self._database.bucket(name).aggregate(steps):
                entry = found[row["_id"]["channel"], row["_id"]["type"]]
                entry[0] += row["count"]
                entry[1] = min(entry[1], row["oldest"])
        waiting = [Waiting(*key, *figures) for key, figures in found.items()]
        return sorted(waiting, key=lambda each: each.oldest)

    async def retrying(self, most: int) -> list[Retrying]:
        """None: the bus puts events aside, not the store."""
        return []

    async def keys(
        self, service: str, since: int, after: tuple[str, str] | None, most: int
    ) -> list[KeptKey]:
        """A page of records. Raises Unavailable."""
        return await self._database.run(self._keys(service, since, after, most))

    async def _keys(
        self, service: str, since: int, after: tuple[str, str] | None, most: int
    ) -> list[KeptKey]:
        bucket = Ledgers.of(self._database, service).answers
        asked: Document = {"at": {"$gte": _EPOCH + since * _MILLISECOND}}
        if after is not None:
            asked["_id"] = {"$gt": answer_id(*after)}
        found: list[KeptKey] = []
        async for row in bucket.find(asked).sort("_id", 1).limit(most):
            length, _, both = row["_id"].partition(":")
            at = (row["at"] - _EPOCH) // _MILLISECOND
            found.append(
                KeptKey(
                    both[: int(length)],
                    both[int(length) :],
                    row["operation"],
                    bytes(row["fingerprint"]),
                    bytes(row["answer"]),
                    at,
                )
            )
        return found

    async def keep(self, service: str, records: Sequence[KeptKey]) -> None:
        """Puts records in, or in the place of what is there. Raises Unavailable."""
        bucket = Ledgers.of(self._database, service).answers
        now = datetime.now(UTC).replace(tzinfo=None)
        writes = [
            UpdateOne(
                {"_id": answer_id(r.caller, r.key)},
                {
                    "$set": {
                        "operation": r.operation,
                        "fingerprint": r.fingerprint,
                        "answer": r.answer,
                        "at": _EPOCH + r.at * _MILLISECOND,
                        "stored_at": now,
                    }
                },
                upsert=True,
            )
            for r in records
        ]
        if writes:
            await self._database.run(bucket.bulk_write(writes, ordered=False))
