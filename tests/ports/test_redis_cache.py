"""What a cache in Redis promises: never behind, a stampede loads once, and Redis may go."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextvars import Context
from pathlib import Path
from typing import Any, TypeVar

import pytest

from runtime.adapters.fanout import LocalFanout
from runtime.adapters.redis import CachedStore, Line, RedisFanout
from runtime.adapters.sqlite import SqliteStore
from runtime.model import Entity
from runtime.ports import Change, Conflict, Delete, Insert, Update
from runtime.problem import Unavailable
from runtime.reads import READS, Reads
from tests.ports import redis_server
from tests.ports.platforms import Embedded, until
from tests.ports.redis_server import OwnServer
from tests.ports.sample import TABLES, Pot, pot

pytestmark = [pytest.mark.anyio, pytest.mark.server("redis")]

E = TypeVar("E", bound=Entity)


class Elsewhere(SqliteStore):
    """The shared store as one over a network is: calls take turns, and may be seen and stopped."""

    def __init__(self, embedded: Embedded) -> None:
        super().__init__(embedded.database, TABLES, "pot", cached=0)
        self.gets: Counter[str] = Counter()
        self.turns = random.Random(5)
        self.dies_after_commit = False
        # A get that has read waits here before it answers.
        self.held: asyncio.Event | None = None

    async def get(self, kind: type[E], id: str) -> E | None:
        """Reads, some turns after it was asked and before it answers."""
        self.gets[id] += 1
        await self._turns()
        found = await super().get(kind, id)
        if self.held is not None:
            await self.held.wait()
        await self._turns()
        return found

    async def get_many(self, kind: type[E], ids: Sequence[str]) -> dict[str, E]:
        """The same."""
        self.gets.update(ids)
        return await super().get_many(kind, ids)

    async def commit(self, *changes: Change) -> None:
        """Commits, some turns after it was asked and before it says so."""
        await self._turns()
        await super().commit(*changes)
        if self.dies_after_commit:
            raise Unavailable("It was killed.")
        await self._turns()

    async def _turns(self) -> None:
        for _ in range(self.turns.randrange(6)):
            await asyncio.sleep(0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnServer]:
    server = OwnServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def shared(embedded: Embedded) -> Elsewhere:
    return Elsewhere(embedded)


@pytest.fixture
async def lines(server: OwnServer) -> AsyncIterator[list[Line]]:
    async with redis_server.opened(server.url) as one, redis_server.opened(server.url) as other:
        yield [one, other]


@pytest.fixture
def caches(shared: Elsewhere, lines: list[Line]) -> list[CachedStore]:
    """Two processes' stores."""
    return [CachedStore(shared, line, LocalFanout(), TABLES) for line in lines]


def renamed(entity: Pot, name: str) -> Pot:
    return entity.but(name=name, version=entity.version + 1)


async def test_a_read_entity_is_loaded_once_for_all_processes(
    shared: Elsewhere, caches: list[CachedStore]
) -> None:
    first = pot(members=["usr_bob"])
    await caches[0].commit(Insert(first))
    found = await asyncio.gather(*(caches[0].get(Pot, first.id) for _ in range(200)))
    assert set(map(id, found)) == {id(found[0])}
    assert found[0] == first
    for cache in caches:
        assert await cache.get(Pot, first.id) == first
        assert await cache.get_many(Pot, [first.id, "pot_none"]) == {first.id: first}
    assert shared.gets[first.id] == 1


async def test_who_gives_up_a_stampede_ends_it_for_nobody_else(
    shared: Elsewhere, caches: list[CachedStore]
) -> None:
    first = pot()
    await shared.commit(Insert(first))
    shared.held = asyncio.Event()
    impatient, patient = [asyncio.create_task(caches[0].get(Pot, first.id)) for _ in range(2)]
    await until(lambda: shared.gets[first.id])
    impatient.cancel()
    shared.held.set()
    assert await patient == first
    assert impatient.cancelled()


@pytest.mark.parametrize("seed", range(5))
async def test_no_read_is_older_than_a_write_that_was_acknowledged_anywhere(
    shared: Elsewhere, caches: list[CachedStore], seed: int
) -> None:
    shared.turns = random.Random(seed)
    entity = pot()
    await caches[0].commit(Insert(entity))
    acknowledged = 1
    done = False

    async def write(cache: CachedStore) -> None:
        nonlocal acknowledged
        for n in range(40):
            known = await cache.get(Pot, entity.id)
            assert known is not None
            after = renamed(known, f"{seed} {n}")
            try:
                await cache.commit(Update(after))
            except Conflict:
                continue
            acknowledged = max(acknowledged, after.version)
            own = await cache.get(Pot, entity.id)
            assert own is not None
            assert own.version >= after.version

    async def read(cache: CachedStore) -> int:
        reads = 0
        while not done:
            least = acknowledged
            if reads % 2:
                found = await cache.get(Pot, entity.id)
            else:
                found = (await cache.get_many(Pot, [entity.id])).get(entity.id)
            assert found is not None
            assert found.version >= least
            reads += 1
        return reads

    readers = [asyncio.create_task(read(caches[n % 2])) for n in range(6)]
    await asyncio.gather(*(write(caches[n % 2]) for n in range(4)))
    done = True
    assert min(await asyncio.gather(*readers)) > 20
    assert acknowledged > 40


async def test_what_was_read_before_a_write_and_comes_late_is_not_kept(
    shared: Elsewhere, caches: list[CachedStore]
) -> None:
    first = pot()
    await shared.commit(Insert(first))
    shared.held = asyncio.Event()
    late = asyncio.create_task(caches[1].get(Pot, first.id))
    await until(lambda: shared.gets[first.id])
    held, shared.held = shared.held, None
    second = renamed(first, "second")
    await caches[0].commit(Update(second))
    held.set()
    await late
    for cache in caches:
        assert await cache.get(Pot, first.id) == second
    # The same with a deletion.
    shared.held = asyncio.Event()
    await caches[0].commit(Delete(second))
    shared.held.set()
    assert [await cache.get(Pot, first.id) for cache in caches] == [None, None]
    await caches[0]._said([caches[0]._new(caches[0]._shelves[Pot], Update(first))])
    assert [await cache.get(Pot, first.id) for cache in caches] == [None, None]


async def test_a_writer_that_is_killed_in_a_commit_leaves_nothing_old(
    shared: Elsewhere, caches: list[CachedStore]
) -> None:
    first = pot()
    await caches[0].commit(Insert(first))
    await caches[1].get(Pot, first.id)
    shared.dies_after_commit = True
    with pytest.raises(Unavailable):
        await caches[0].commit(Update(renamed(first, "second")))
    shared.dies_after_commit = False
    for cache in caches:
        found = await cache.get(Pot, first.id)
        assert found is not None
        assert found.name == "second"


async def test_a_call_asks_once_until_it_commits_or_has_taken_long(
    caches: list[CachedStore], lines: list[Line]
) -> None:
    first = pot()
    await caches[0].commit(Insert(first))
    await caches[0].get(Pot, first.id)

    async def asked() -> int:
        found = re.search(rb"cmdstat_mget:calls=(\d+)", await lines[1].call("INFO", "commandstats"))
        assert found
        return int(found[1])

    reads = Reads()
    READS.set(reads)
    before = await asked()
    assert [await caches[0].get(Pot, first.id) for _ in range(3)] == [first] * 3
    assert await asked() == before + 1
    # Another process writes; a commit of ours is refused, and then the call sees why.
    second = renamed(first, "second")
    await asyncio.create_task(caches[1].commit(Update(second)), context=Context())
    with pytest.raises(Conflict):
        await caches[0].commit(Update(renamed(first, "mine")))
    assert await caches[0].get(Pot, first.id) == second
    third = renamed(second, "third")
    await caches[0].commit(Update(third))
    assert await caches[0].get(Pot, first.id) == third
    # What runs on after the call, or for long, is told of the next write.
    reads.close()
    fourth = renamed(third, "fourth")
    await asyncio.create_task(caches[1].commit(Update(fourth)), context=Context())
    assert await caches[0].get(Pot, first.id) == fourth
    READS.set(None)


async def test_with_redis_gone_the_store_answers_and_afterwards_nothing_is_old(
    shared: Elsewhere, caches: list[CachedStore], lines: list[Line], server: OwnServer
) -> None:
    entity = pot()
    await caches[0].commit(Insert(entity))
    for cache in caches:
        assert await cache.get(Pot, entity.id) == entity
    server.kill()
    for n in range(20):
        entity = renamed(entity, f"without {n}")
        await caches[n % 2].commit(Update(entity))
        for cache in caches:
            assert await cache.get(Pot, entity.id) == entity
            assert await cache.get_many(Pot, [entity.id]) == {entity.id: entity}
    server.start()
    await asyncio.gather(*map(redis_server.back, lines))
    for n in range(20):
        entity = renamed(entity, f"again {n}")
        await caches[n % 2].commit(Update(entity))
        for cache in caches:
            assert await cache.get(Pot, entity.id) == entity


async def test_a_process_that_was_cut_off_from_redis_makes_good_what_it_wrote(
    caches: list[CachedStore], lines: list[Line]
) -> None:
    first = pot()
    await caches[0].commit(Insert(first))
    assert await caches[1].get(Pot, first.id) == first
    second = renamed(first, "second")
    url, lines[0].url = lines[0].url, "redis://127.0.0.1:1/0"
    await lines[1].call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await lines[0].check()
    await caches[0].commit(Update(second))
    assert await caches[0].get(Pot, first.id) == second
    lines[0].url = url
    await redis_server.back(lines[0])
    for cache in caches:
        assert await cache.get(Pot, first.id) == second


async def test_what_is_no_entity_of_ours_is_passed_over(
    shared: Elsewhere, caches: list[CachedStore], lines: list[Line]
) -> None:
    first = pot()
    await caches[0].commit(Insert(first))
    await caches[0].get(Pot, first.id)
    [key] = await lines[0].call("KEYS", "*")
    kept = await lines[0].call("GET", key)
    shape = kept[: kept.index(b" ") + 1]
    for rubbish in (b"", b"V", b"V1:", b"\xff", b"V1:0 []", shape + b"[]", shape + b"{", kept[:-3]):
        await lines[0].call("SET", key, rubbish)
        assert await caches[1].get(Pot, first.id) == first
        second = renamed(first, "second")
        await caches[1].commit(Update(second))
        assert await caches[0].get(Pot, first.id) == second
        first = second


async def test_a_process_that_trusts_is_told_and_forgets_all_after_a_gap(
    shared: Elsewhere, lines: list[Line], server: OwnServer
) -> None:
    fanouts = [RedisFanout(line) for line in lines]
    here, there = (
        CachedStore(shared, line, fanout, TABLES, trust=3600.0)
        for line, fanout in zip(lines, fanouts, strict=True)
    )
    try:
        await asyncio.sleep(0)
        for fanout in fanouts:
            await fanout.settled()
        first, unrelated = pot(), pot()
        await here.commit(Insert(first), Insert(unrelated))
        assert await there.get(Pot, first.id) == first
        assert await there.get(Pot, unrelated.id) == unrelated
        second = renamed(first, "second")
        await here.commit(Update(second))
        assert await here.get(Pot, first.id) == second
        shelf: Any = there._shelves[Pot]
        await until(lambda: shelf.trusted(first.id) is None)
        assert await there.get(Pot, first.id) == second
        assert shelf.trusted(unrelated.id) is unrelated or shelf.trusted(unrelated.id) == unrelated
        server.kill()
        await lines[1].check()
        assert await there.get(Pot, first.id) == second
        server.start()
        await until(lambda: shelf.trusted(first.id) is None)
    finally:
        for cache in (here, there):
            await cache.close()
        for fanout in fanouts:
            await fanout.aclose()
