"""What the outbox on MongoDB promises: order across documents and processes, and turns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from runtime.adapters.mongodb import MongoDatabase, MongoOutbox, MongoStore
from runtime.ports import Emit, Envelope, Insert, Seen, Update
from tests.ports.mongodb_platform import MongoPlatform
from tests.ports.platforms import until
from tests.ports.sample import PotOpened, pot, tally
from tests.ports.sample_documents import COLLECTIONS

pytestmark = [pytest.mark.anyio, pytest.mark.server("mongodb")]


Between = Callable[[], Awaitable[None]]


class Process:
    """A store and an outbox over a connection of their own."""

    def __init__(self, database: MongoDatabase, lease: float) -> None:
        self.store = MongoStore(database, COLLECTIONS, "pot")
        self.outbox = MongoOutbox(database, COLLECTIONS, "pot", lease=lease)


@asynccontextmanager
async def process(mongo: MongoPlatform, lease: float = 0.4) -> AsyncIterator[Process]:
    """Another process, as far as the server can tell."""
    database = await MongoDatabase.open(mongo.uri, clock=mongo.clock)
    one = Process(database, lease)
    try:
        yield one
    finally:
        await one.outbox.close()
        await database.close()


def subjects(envelopes: list[Envelope]) -> list[str]:
    return [envelope.subject for envelope in envelopes]


async def test_what_is_taken_comes_again_until_it_is_cleared(mongo: MongoPlatform) -> None:
    outbox = mongo.outbox
    assert await outbox.take(10) == []
    entity = pot()
    await mongo.store.commit(Insert(entity), *[Emit(PotOpened(str(n), "usr_ann")) for n in (1, 2)])
    await mongo.store.commit(Update(entity.but(version=2)), Emit(PotOpened("3", "usr_ann")))
    await mongo.store.commit(Emit(PotOpened("4", "usr_bob")), Seen("counter", "evt_1"))
    await mongo.store.commit(Emit(PotOpened("5", "usr_bob")))
    taken = await outbox.take(10)
    assert subjects(taken) == ["1", "2", "3", "4", "5"]
    assert taken[0].data == b'{"potId": "1", "ownerId": "usr_ann"}'
    assert await outbox.take(10) == taken
    assert subjects(await outbox.take(2)) == ["1", "2"]
    # Also those that were not in the last take.
    await outbox.clear(taken[1:4])
    assert (await outbox.backlog()).waiting == 2
    assert subjects(await outbox.take(10)) == ["1", "5"]
    await outbox.clear(await outbox.take(10))
    assert await outbox.take(10) == []
    backlog = await outbox.backlog()
    assert (backlog.waiting, backlog.oldest) == (0, None)


async def test_a_large_backlog_comes_in_order(mongo: MongoPlatform) -> None:
    pots = [pot(owner_id=f"usr_{number}") for number in range(500)]
    for at in range(0, 500, 100):
        await asyncio.gather(
            *[
                mongo.store.commit(Insert(entity), Emit(PotOpened(entity.id, "usr_ann")))
                for entity in pots[at : at + 100]
            ]
        )
    for entity in pots[:50]:
        event = Emit(PotOpened(f"{entity.id}+", "usr_ann"))
        await mongo.store.commit(Update(entity.but(version=2)), event)
    found: list[str] = []
    while some := await mongo.outbox.take(30):
        assert len(some) <= 30
        found += subjects(some)
        await mongo.outbox.clear(some)
    assert sorted(found[:500]) == sorted(entity.id for entity in pots)
    assert found[500:] == [f"{entity.id}+" for entity in pots[:50]]
    # Those of one hundred were committed at the same time, those hundreds one after the other.
    for at in range(0, 500, 100):
        assert set(found[at : at + 100]) == {entity.id for entity in pots[at : at + 100]}


async def test_order_holds_within_a_key_across_documents_and_processes(
    mongo: MongoPlatform,
) -> None:
    """Each commit begins after the one before has returned, in the other process, and writes
    another document, while others commit all the time and the relay takes.
    """
    written: dict[str, list[str]] = {f"usr_{number}": [] for number in range(6)}
    found: list[tuple[str, str]] = []
    chance = random.Random(5)
    async with process(mongo) as first, process(mongo) as second:
        stores = [first.store, second.store]

        async def write(owner: str) -> None:
            for number in range(25):
                entity = pot(owner_id=owner)
                event = Emit(PotOpened(entity.id, owner))
                # One document, a transaction, or an event alone.
                way = chance.choice([(Insert(entity),), (Insert(entity), Insert(tally(entity.id)))])
                await stores[number % 2].commit(event, *(way if number % 5 else ()))
                written[owner].append(entity.id)

        async def relay() -> None:
            while sum(map(len, written.values())) > len(found) or len(found) < 150:
                taken = await mongo.outbox.take(chance.choice([1, 3, 100]))
                found.extend((envelope.key, envelope.subject) for envelope in taken)
                await mongo.outbox.clear(taken)

        async with asyncio.timeout(60):
            await asyncio.gather(relay(), *[write(owner) for owner in written])
    for owner, ids in written.items():
        assert [id for key, id in found if key == owner] == ids


async def test_one_process_at_a_time_is_given_events(mongo: MongoPlatform) -> None:
    async with process(mongo, lease=1.0) as first, process(mongo, lease=1.0) as second:
        await first.store.commit(Emit(PotOpened("1", "usr_ann")))
        assert subjects(await first.outbox.take(10)) == ["1"]
        # While the first goes on, the second gets none, however long.
        loop = asyncio.get_running_loop()
        end = loop.time() + 2.2
        while loop.time() < end:
            assert subjects(await first.outbox.take(10)) == ["1"]
            assert await second.outbox.take(10) == []
        # It has gone quiet: killed, or stopped in its tracks.
        async with asyncio.timeout(5):
            while not (taken := await second.outbox.take(10)):
                pass
        assert subjects(taken) == ["1"]
        assert await first.outbox.take(10) == []
        # It ends in good order: at once.
        await second.outbox.close()
        assert subjects(await first.outbox.take(10)) == ["1"]


async def test_relays_that_take_turns_lose_nothing_and_keep_the_order(
    mongo: MongoPlatform,
) -> None:
    """Each relay now and then hangs for longer than its lease, between taking and clearing."""
    chance = random.Random(3)
    published: list[tuple[str, str]] = []
    owners = [f"usr_{number}" for number in range(4)]
    written: dict[str, list[str]] = {owner: [] for owner in owners}
    done = asyncio.Event()

    async def relay(one: Process) -> int:
        turns = 0
        while not done.is_set():
            taken = await one.outbox.take(7)
            turns += bool(taken)
            published.extend((envelope.key, envelope.subject) for envelope in taken)
            if taken and chance.random() < 0.2:
                await asyncio.sleep(0.6)
            await one.outbox.clear(taken)
            await asyncio.sleep(0.01)
        return turns

    async def write(store: MongoStore, owner: str) -> None:
        for _ in range(40):
            entity = pot(owner_id=owner)
            await store.commit(Insert(entity), Emit(PotOpened(entity.id, owner)))
            written[owner].append(entity.id)

    async with process(mongo, lease=0.2) as first, process(mongo, lease=0.2) as second:
        relays = [asyncio.ensure_future(relay(one)) for one in (first, second)]
        await asyncio.gather(*[write(first.store, owner) for owner in owners])
        wanted = {(owner, id) for owner, ids in written.items() for id in ids}
        await until(lambda: wanted <= set(published))
        async with asyncio.timeout(20):
            while (await first.outbox.backlog()).waiting:  # noqa: ASYNC110 # nothing tells of it
                await asyncio.sleep(0.02)
        done.set()
        turns = await asyncio.gather(*relays)
    assert min(turns) > 0
    # What came twice counts where it came first, as to a consumer with an inbox.
    firsts = list(dict.fromkeys(published))
    for owner, ids in written.items():
        assert [id for key, id in firsts if key == owner] == ids


async def test_a_listener_is_woken_by_this_process_and_by_others(mongo: MongoPlatform) -> None:
    woken = asyncio.Event()
    end = mongo.outbox.on_emitted(woken.set)
    await mongo.store.commit(Emit(PotOpened("1", "usr_ann")))
    assert woken.is_set()
    async with process(mongo) as other:
        # Past the time in which the first may come again.
        await mongo.outbox.clear(await mongo.outbox.take(10))
        taken: list[str] = []

        async def relay() -> None:
            while not taken:
                await woken.wait()
                woken.clear()
                taken.extend(subjects(await mongo.outbox.take(10)))

        relaying = asyncio.ensure_future(relay())
        await other.store.commit(Emit(PotOpened("2", "usr_ann")))
        async with asyncio.timeout(2):
            await relaying
    assert taken == ["2"]
    end()
    woken.clear()
    await mongo.store.commit(Emit(PotOpened("3", "usr_ann")))
    assert not woken.is_set()


class Slow:
    """A collection that calls `between` before or after each read."""

    def __init__(
        self, bucket: Any, before: Between | None = None, after: Between | None = None
    ) -> None:
        self._bucket = bucket
        self._before = before
        self._after = after

    def find(self, *args: Any, **options: Any) -> Any:
        self._cursor = self._bucket.find(*args, **options)
        return self

    async def to_list(self) -> Any:
        if self._before:
            await self._before()
        found = await self._cursor.to_list()
        if self._after:
            await self._after()
        return found


async def test_no_event_comes_before_what_it_depends_on(mongo: MongoPlatform) -> None:
    """One collection is read, then two commits follow each other, then the other is read: what the
    first wrote is not seen, what the second wrote is.
    """
    store, outbox = mongo.store, mongo.outbox
    await store.commit(Emit(PotOpened("0", "usr_ann")))
    await outbox.clear(await outbox.take(10))
    buckets = dict(outbox._buckets)
    read = asyncio.Event()

    async def after() -> None:
        read.set()

    async def before() -> None:
        await read.wait()
        await store.commit(Insert(pot()), Emit(PotOpened("1", "usr_ann")))
        await store.commit(Insert(tally("usr_ann")), Emit(PotOpened("2", "usr_ann")))

    outbox._buckets |= {
        "pots": Slow(buckets["pots"], after=after),  # type: ignore[dict-item] # all that is asked of it
        "tallies": Slow(buckets["tallies"], before=before),  # type: ignore[dict-item] # the same
    }
    assert await outbox.take(10) == []
    outbox._buckets = buckets
    assert subjects(await outbox.take(10)) == ["1", "2"]
