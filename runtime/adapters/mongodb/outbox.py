"""The committed events of one service, in the order of its commits; the port is `Outbox`.

An event stands in the document that it was committed with, under its number (sequence.py). `take`
reads the number that was given last, and then the events up to it: whatever an event depends on had
a lower number and was committed before that read, so it is found too, though the documents are read
one after the other. Those of later numbers wait for the next `take`.

One process at a time is given any, by a lease that needs no clock but each process's own: the
holder adds to `beat`; who has seen the same `beat` for a lease's time takes the lease over, if it
still is the same. So a holder that was killed or stopped is replaced, and one that wakes up finds
that it holds nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from runtime.adapters.mongodb.database import Bucket, MongoDatabase
from runtime.adapters.mongodb.ledgers import Ledgers
from runtime.adapters.mongodb.sequence import RELAY, relay_bucket
from runtime.adapters.mongodb.shelf import GONE
from runtime.document import Collection, Document
from runtime.ports import Envelope
from runtime.problem import Unavailable

# Seconds without a sign of the holder until another may relay.
LEASE = 6.0
# How often the number is looked at for what other processes emitted.
_LOOK_EVERY = 0.5
# How long after a number was given its commit may still come.
_LATE = 10.0
# Documents read at once of each collection.
_MOST_DOCUMENTS = 200
# Numbers that one read looks at. MongoDB sorts what a range of an index of arrays holds.
_WINDOW = 1000
_PENDING = {"outbox.at": {"$gt": 0}}


@dataclass(frozen=True, slots=True)
class Backlog:
    """Events that wait, and when the oldest happened (RFC 3339; None: none waits)."""

    waiting: int
    oldest: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands."""

    bucket: str
    id: Any
    at: int


class MongoOutbox:
    """The events in the documents of one service; `close` gives the lease free."""

    def __init__(
        self,
        database: MongoDatabase,
        collections: Sequence[Collection[Any]],
        service: str,
        *,
        lease: float = LEASE,
    ) -> None:
        """Of `collections` those of `service`. `lease`: seconds, the same in all processes."""
        self._database = database
        self._service = service
        self._relay = relay_bucket(database, service)
        names = [codec.name for codec in collections if codec.service == service]
        events = Ledgers.of(database, service).events
        self._buckets: dict[str, Bucket] = {name: database.bucket(name) for name in names}
        self._buckets[events.name] = events
        self._lease = lease
        self._me = secrets.token_hex(8)
        # Monotonic: when our last sign was on its way; another may take over a lease's time later.
        self._beaten = float("-inf")
        self._rival: Document = {}
        self._rival_since = 0.0
        # No event that waits has a lower number, but for one whose commit came late.
        self._oldest = 0
        # What was taken last, so that `clear` finds it.
        self._places: dict[str, Place] = {}
        self._listeners: list[Callable[[], None]] = []
        self._looking: asyncio.Task[None] | None = None
        # Whether the last `take` left something: for another process, or for the next.
        self._left = False

    async def take(self, most: int) -> list[Envelope]:
        """The oldest events, the same ones again until they are cleared. Raises Unavailable."""
        found = await self._database.run(self._take(most))
        self._places = {envelope.id: place for place, envelope in found}
        return [envelope for _, envelope in found]

    async def clear(self, envelopes: Sequence[Envelope]) -> None:
        """These are published, and kept there. Raises Unavailable."""
        await self._database.run(self._clear([envelope.id for envelope in envelopes]))

    def on_emitted(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` at once after events were committed in this process, and within a second
        after another's; answers how to end that.
        """
        self._listeners.append(listener)
        end = self._database.on_emitted(self._service, listener)
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

        def stop() -> None:
            self._listeners.remove(listener)
            end()
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

        return stop

    async def close(self) -> None:
        """Looks no more, and lets another process relay at once."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None
        self._beaten = float("-inf")
        with contextlib.suppress(Unavailable):
            free = self._relay.update_one({"_id": RELAY, "holder": self._me}, _FREE)
            await self._database.run(free)

    async def backlog(self) -> Backlog:
        """What the metrics show. Raises Unavailable."""
        return await self._database.run(self._count())

    # --- whose turn it is -------------------------------------------------------------------------

    async def _turn(self) -> int | None:
        """The number given last, if it is our turn."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now < self._beaten + self._lease / 4:
            found = await self._relay.find_one({"_id": RELAY})
            if found is not None and found.get("holder") == self._me:
                return int(found["number"])
        elif self._beaten > float("-inf"):
            number = await self._beat(now, {"holder": self._me})
            if number is not None:
                return number
        self._beaten = float("-inf")
        found = await self._relay.find_one({"_id": RELAY})
        # Only now: a sign that came while we asked is as young as this.
        now = loop.time()
        if found is None:
            # Nothing was ever emitted.
            return None
        held = {"holder": found.get("holder"), "beat": found.get("beat")}
        if held["holder"] is not None:
            if held != self._rival:
                self._rival, self._rival_since = held, now
            if now < self._rival_since + self._lease:
                self._left = True
                return None
        return await self._beat(now, held)

    async def _beat(self, now: float, held: Document) -> int | None:
        """Takes or keeps the lease, if it still is as in `held`; the number given last."""
        found = await self._relay.find_one_and_update(
            {"_id": RELAY, **held},
            {"$set": {"holder": self._me}, "$inc": {"beat": 1}},
            return_document=ReturnDocument.AFTER,
        )
        if found is None:
            return None
        self._beaten = now
        return int(found["number"])

    # --- the events -------------------------------------------------------------------------------

    async def _take(self, most: int) -> list[tuple[Place, Envelope]]:
        number = await self._turn()
        if number is None:
            return []
        found = await self._read(number, most)
        if asyncio.get_running_loop().time() >= self._beaten + self._lease:
            # That took so long that another may have begun.
            self._left = True
            return []
        return found

    async def _clear(self, ids: Sequence[str]) -> None:
        places: dict[str, list[Place]] = {}
        for id in ids:
            if place := self._places.get(id):
                places.setdefault(place.bucket, []).append(place)
        if unknown := [id for id in ids if id not in self._places]:
            for place in await self._where(unknown):
                places.setdefault(place.bucket, []).append(place)
        for name, some in places.items():
            await _clear(self._buckets[name], some)

    async def _count(self) -> Backlog:
        stages: list[Document] = [
            {"$match": _PENDING},
            {"$unwind": "$outbox"},
            {"$group": {"_id": None, "n": {"$sum": 1}, "oldest": {"$min": "$outbox.time"}}},
        ]
        waiting, oldest = 0, None
        for bucket in self._buckets.values():
            for row in await (await bucket.aggregate(stages)).to_list():
                waiting += row["n"]
                oldest = row["oldest"] if oldest is None else min(oldest, row["oldest"])
        return Backlog(waiting, oldest)

    async def _read(self, number: int, most: int) -> list[tuple[Place, Envelope]]:
        """The oldest events up to `number`."""
        # No further than a window, so that a backlog of any size is not sorted each time.
        upto = min(number, self._oldest + _WINDOW)
        found = await self._oldest_documents(upto, most)
        if upto < number and not any(found.values()):
            oldest = await self._find_oldest()
            if oldest is None:
                self._oldest = number
                return []
            upto = min(number, oldest + _WINDOW)
            found = await self._oldest_documents(upto, most)
        limit = min(most, _MOST_DOCUMENTS)
        events: list[tuple[Place, Document]] = []
        known = upto
        for name, documents in found.items():
            if len(documents) == limit:
                # Of the documents behind the last one nothing is known but that they begin later.
                known = min(known, min(event["at"] for event in documents[-1]["outbox"]))
            events += [
                (Place(name, document["_id"], event["at"]), event)
                for document in documents
                for event in document["outbox"]
            ]
        events.sort(key=lambda event: event[0].at)
        taken = [event for event in events if event[0].at <= known][:most]
        self._oldest = events[0][0].at if events else upto
        self._left = len(taken) < len(events) or upto < number
        return [(place, _envelope(event)) for place, event in taken]

    async def _oldest_documents(self, upto: int, most: int) -> dict[str, list[Document]]:
        """Of each collection those with the oldest events up to a number."""
        limit = min(most, _MOST_DOCUMENTS)
        parts = await asyncio.gather(
            *[_pending(bucket, {"$lte": upto}, limit) for bucket in self._buckets.values()]
        )
        return dict(zip(self._buckets, parts, strict=True))

    async def _find_oldest(self) -> int | None:
        """The lowest number that waits."""
        parts = await asyncio.gather(
            *[_pending(bucket, {"$gt": 0}, 1) for bucket in self._buckets.values()]
        )
        return min((e["at"] for part in parts for d in part for e in d["outbox"]), default=None)

    async def _where(self, ids: Sequence[str]) -> list[Place]:
        """Where events stand that were not taken just now."""
        wanted = set(ids)
        places: list[Place] = []
        for name, bucket in self._buckets.items():
            asked = {**_PENDING, "outbox.id": {"$in": list(wanted)}}
            for document in await bucket.find(asked, {"outbox": 1}).to_list():
                places += [
                    Place(name, document["_id"], event["at"])
                    for event in document["outbox"]
                    if event["id"] in wanted
                ]
        return places

    async def _look(self) -> None:
        """Wakes the listeners after another process emitted, and while something is left."""
        loop = asyncio.get_running_loop()
        known: int | None = None
        until = loop.time() + _LATE
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            asked = self._relay.find_one({"_id": RELAY}, {"number": 1})
            try:
                found = await asyncio.shield(self._database.start(asked))
            except PyMongoError:
                continue
            number = None if found is None else found["number"]
            if number != known:
                known, until = number, loop.time() + _LATE
            if self._left or loop.time() < until:
                for listener in [*self._listeners]:
                    listener()


_FREE: Document = {"$unset": {"holder": "", "beat": ""}}


async def _pending(bucket: Bucket, numbers: Document, limit: int) -> list[Document]:
    """The documents that hold events of such numbers, those with the oldest first."""
    cursor = bucket.find(
        {"outbox.at": numbers},
        {"outbox": 1},
        sort=[("outbox.at", 1)],
        limit=limit,
        batch_size=limit + 1,
    )
    return await cursor.to_list()


async def _clear(bucket: Bucket, places: Sequence[Place]) -> None:
    """Takes events out of their documents, and removes tombstones that hold no others."""
    ids = list({place.id: None for place in places})
    numbers = [place.at for place in places]
    pull = {"$pull": {"outbox": {"at": {"$in": numbers}}}}
    alive = await bucket.update_many({"_id": {"$in": ids}, "version": {"$gt": 0}}, pull)
    if alive.matched_count == len(ids):
        return
    gone: Document = {"_id": {"$in": ids}, "version": GONE}
    others = {"$elemMatch": {"at": {"$nin": numbers}}}
    removed = await bucket.delete_many({**gone, "outbox": {"$not": others}})
    if alive.matched_count + removed.deleted_count < len(ids):
        await bucket.update_many(gone, pull)


def _envelope(event: Document) -> Envelope:
    return Envelope(
        event["id"],
        event["type"],
        event["channel"],
        event["key"],
        event["subject"],
        event["version"],
        event["time"],
        event["data"],
        event["traceparent"],
    )
