"""A store whose read-mostly entities are kept in Redis, encoded; the port is `Store`.

Redis is asked on each read, so that what one process has committed all others read: what is kept
in the process spares decoding, not asking. Concurrent reads are one MGET. A key holds a state, a
version and the entity's row:

    V7:…   version 7
    M8:    version 8 is being written: ask the store, and keep nothing older
    D9:    version 8 was deleted

Before a commit the key is marked, after it the new state is put: a process that dies between the
two leaves a mark, not an old entity. A script compares versions, so that who comes late changes
nothing.
What is read from Redis is old only where a writer could not reach it: for `KEPT` seconds at most.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from redis.exceptions import ResponseError

from runtime.adapters.redis.line import Gone, Line
from runtime.adapters.redis.shelf import CacheShelf
from runtime.model import Entity
from runtime.ports import (
    Change,
    Delete,
    Fanout,
    Page,
    Query,
    Remembered,
    Store,
    Update,
)
from runtime.reads import READS
from runtime.table import Table

E = TypeVar("E", bound=Entity)

# A key, its version, and Redis's word on it.
Said = tuple[str, int, asyncio.Future[Any]]

INVALIDATIONS = "cache.invalidations"
# Seconds: an entity, a mark (longer than a commit takes), a deletion (longer than a read takes).
KEPT, MARKED, DELETED = 15.0, 10.0, 60.0
# Entities of one kind in the process: some 3 KB each.
CACHED = 2048
# Keys in one MGET.
_TOGETHER = 512
# Writes that Redis was not told of, to be made good when it is back.
_MOST_UNSAID = 10_000

# An older version, or one that is there already, changes nothing.
_PUT = """
local known = redis.call('GET', KEYS[1])
if known then
  local state, at = string.match(known, '^(%a)(%d+):')
  at = tonumber(at) or 0
  if at > tonumber(ARGV[1]) or (at == tonumber(ARGV[1]) and state ~= 'M') then return 0 end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
# A read that took longer, in seconds, may be older than what Redis remembers: it is not kept.
_FRESH = 5.0


class CachedStore:
    """Keeps the entities of `tables` in Redis; all else, and all writes, are `store`'s.

    `trust`: for so many seconds an entity is read without asking Redis, for kinds of which a
    process may be behind: it is told on `cache.invalidations`, and forgets all where it may have
    missed something. 0: never behind. Entities handed out never change.
    """

    def __init__(
        self,
        store: Store,
        line: Line,
        fanout: Fanout,
        tables: Sequence[Table[Any]],
        *,
        prefix: str = "budget:",
        trust: float = 0.0,
        cached: int = CACHED,
        kept: float = KEPT,
    ) -> None:
        self._store = store
        self._line = line
        self._fanout = fanout
        self._kept = kept
        self._shelves: dict[type[Entity], CacheShelf[Any]] = {
            table.kind: CacheShelf(table, prefix, cached, trust) for table in tables
        }
        self._wanted: dict[str, list[asyncio.Future[bytes | None]]] = {}
        self._unsaid: OrderedDict[str, int] = OrderedDict()
        line.on_back(self._make_good)
        self._following: asyncio.Task[None] | None = None
        if trust:
            self._following = asyncio.get_running_loop().create_task(self._follow())

    async def close(self) -> None:
        """Listens no longer; the store is its opener's to close."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    # --- reading ----------------------------------------------------------------------------------

    async def get(self, kind: type[E], id: str) -> E | None:
        """One entity, or None. Raises Unavailable."""
        shelf: CacheShelf[E] | None = self._shelves.get(kind)
        if shelf is None or not self._line.ready:
            return await self._store.get(kind, id)
        entity = shelf.trusted(id)
        if entity is not None:
            return entity
        reads = READS.get()
        if reads is not None and reads.until > monotonic():
            known: E | None = reads.known.get((kind, id))
            if known is not None:
                return known
        else:
            reads = None
        try:
            kept = await self._ask(shelf.key(id))
        except (Gone, ResponseError):
            return await self._store.get(kind, id)
        entity = shelf.decoded(id, kept)
        if entity is not None:
            if reads is not None:
                reads.known[kind, id] = entity
            return entity
        if kept is not None:
            return await self._store.get(kind, id)
        # Redis knew of no write: whoever asks meanwhile may have the same answer.
        load = shelf.loads.get(id)
        if load is None:
            load = asyncio.get_running_loop().create_task(self._load(shelf, id))
            shelf.loads[id] = load
            load.add_done_callback(lambda _: shelf.loads.pop(id, None))
        return await asyncio.shield(load)

    async def get_many(self, kind: type[E], ids: Sequence[str]) -> dict[str, E]:
        """Those that exist, by id, in the order asked for. Raises Unavailable."""
        shelf: CacheShelf[E] | None = self._shelves.get(kind)
        wanted = list(dict.fromkeys(ids))
        if shelf is None or not self._line.ready or not wanted:
            return await self._store.get_many(kind, wanted)
        found: dict[str, E] = {}
        missing: list[str] = []
        fill: list[str] = []
        answers: list[bytes | None] = []
        try:
            for at in range(0, len(wanted), _TOGETHER):
                some = wanted[at : at + _TOGETHER]
                answers += await self._line.call("MGET", *(shelf.key(id) for id in some))
        except (Gone, ResponseError):
            return await self._store.get_many(kind, wanted)
        for id, kept in zip(wanted, answers, strict=True):
            entity = shelf.decoded(id, kept)
            if entity is not None:
                found[id] = entity
                continue
            missing.append(id)
            if kept is None:
                fill.append(id)
        if missing:
            now = asyncio.get_running_loop().time
            begun = now()
            loaded = await self._store.get_many(kind, missing)
            found |= loaded
            for id in fill:
                if id in loaded and now() - begun < _FRESH:
                    self._fill(shelf, loaded[id])
        return {id: found[id] for id in wanted if id in found}

    async def find(self, kind: type[E], **unique: Any) -> E | None:
        """As the store has it."""
        return await self._store.find(kind, **unique)

    async def page(self, kind: type[E], query: Query) -> Page[E]:
        """As the store has it."""
        return await self._store.page(kind, query)

    async def recall(self, caller: str, key: str) -> Remembered | None:
        """As the store has it."""
        return await self._store.recall(caller, key)

    async def seen(self, consumer: str, event_ids: Sequence[str]) -> set[str]:
        """As the store has it."""
        return await self._store.seen(consumer, event_ids)

    async def _load(self, shelf: CacheShelf[E], id: str) -> E | None:
        now = asyncio.get_running_loop().time
        begun = now()
        entity = await self._store.get(shelf.table.kind, id)
        if entity is not None and now() - begun < _FRESH:
            self._fill(shelf, entity)
        return entity

    def _fill(self, shelf: CacheShelf[E], entity: E) -> None:
        """Has Redis keep what was read, unless it knows of something newer; waits for nothing."""
        shelf.keep(entity)
        done = self._put(shelf.key(entity.id), entity.version, shelf.encoded(entity), self._kept)
        done.add_done_callback(lambda done: done.cancelled() or done.exception())

    # Reads of one tick travel together; one that comes after they were sent goes with the next.

    def _ask(self, key: str) -> asyncio.Future[bytes | None]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes | None] = loop.create_future()
        if not self._wanted:
            loop.call_soon(self._send)
        # Each has a future of its own, which may be cancelled.
        self._wanted.setdefault(key, []).append(answer)
        return answer

    def _send(self) -> None:
        wanted, self._wanted = self._wanted, {}
        items = list(wanted.items())
        for at in range(0, len(items), _TOGETHER):
            some = items[at : at + _TOGETHER]
            asked = self._line.call("MGET", *(key for key, _ in some))
            asked.add_done_callback(partial(_spread, some))

    # --- writing ----------------------------------------------------------------------------------

    async def commit(self, *changes: Change) -> None:
        """As the store does; then what Redis keeps is the new state, or nothing.

        Raises what the store raises. Where that leaves open whether the commit was made, the mark
        stays, and the store is asked.
        """
        written = [
            (shelf, change)
            for change in changes
            if isinstance(change, (Update, Delete))
            and (shelf := self._shelves.get(type(change.entity))) is not None
        ]
        await self._said([self._mark(shelf, change) for shelf, change in written])
        try:
            await self._store.commit(*changes)
        except BaseException:
            for shelf, change in written:
                # Whatever was written, by us or by another, what is kept here is old.
                shelf.forget(change.entity.id, _version(change))
            raise
        finally:
            # What the call has read is old, if only because the commit was refused.
            reads = READS.get()
            if reads is not None:
                reads.known.clear()
        await self._said([self._new(shelf, change) for shelf, change in written])
        for shelf, change in written:
            told = {"entity": shelf.name, "id": change.entity.id, "version": _version(change)}
            message = json.dumps(told, separators=(",", ":")).encode()
            await self._fanout.publish(INVALIDATIONS, message)

    def _mark(self, shelf: CacheShelf[Any], change: Update | Delete) -> Said:
        key, version = shelf.key(change.entity.id), _version(change)
        return key, version, self._put(key, version, b"M%d:" % version, MARKED)

    def _new(self, shelf: CacheShelf[Any], change: Update | Delete) -> Said:
        entity, version = change.entity, _version(change)
        key = shelf.key(entity.id)
        shelf.forget(entity.id, version)
        if isinstance(change, Delete):
            return key, version, self._put(key, version, b"D%d:" % version, DELETED)
        shelf.keep(entity)
        return key, version, self._put(key, version, shelf.encoded(entity), self._kept)

    def _put(self, key: str, version: int, value: bytes, seconds: float) -> asyncio.Future[Any]:
        return self._line.call("EVAL", _PUT, 1, key, version, value, int(seconds * 1000))

    async def _said(self, said: Sequence[Said]) -> None:
        """Waits for Redis's word. What it was not told is remembered until it is back."""
        for key, version, done in said:
            try:
                await done
            except (Gone, ResponseError):
                self._unsaid[key] = max(version, self._unsaid.get(key, 0))
                if len(self._unsaid) > _MOST_UNSAID:
                    self._unsaid.popitem(last=False)

    def _make_good(self) -> None:
        """Redis is back, before anybody asks it: what was written meanwhile is marked."""
        unsaid, self._unsaid = self._unsaid, OrderedDict()
        for key, version in unsaid.items():
            done = self._put(key, version, b"M%d:" % version, MARKED)
            done.add_done_callback(lambda done: done.cancelled() or done.exception())

    # --- being told -------------------------------------------------------------------------------

    async def _follow(self) -> None:
        names = {shelf.name: shelf for shelf in self._shelves.values()}
        while True:
            async for message in self._fanout.listen(INVALIDATIONS, 4096):
                told = json.loads(message)
                shelf = names.get(told["entity"])
                if shelf is not None:
                    shelf.forget(told["id"], told.get("version", 2**53))
            # It fell behind, or Redis was away: anything may have changed.
            for shelf in names.values():
                shelf.clear()


def _version(change: Update | Delete) -> int:
    """The version that there is after it; of a deletion, one that no entity had."""
    return change.entity.version + isinstance(change, Delete)


def _spread(
    wanted: Sequence[tuple[str, list[asyncio.Future[bytes | None]]]], done: asyncio.Future[Any]
) -> None:
    """Gives each its part of an MGET's answer, or all the error."""
    error = done.exception()
    for at, (_, answers) in enumerate(wanted):
        for answer in answers:
            if answer.done():
                continue
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(done.result()[at])
