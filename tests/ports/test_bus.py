"""The promises of the port Bus, together with the store whose events it carries."""

from __future__ import annotations

import asyncio

import pytest

from runtime.ports import Conflict, Emit, Insert, Taken, Update
from tests.ports.consumers import Batch, Counting, Recorder, consumer, open_pots
from tests.ports.platforms import Platform
from tests.ports.sample import PotOpened, Tally, pot

pytestmark = pytest.mark.anyio


async def test_an_event_reaches_every_consumer_of_its_type(platform: Platform) -> None:
    first, second, other, elsewhere = Recorder(), Recorder(), Recorder(), Recorder()
    await platform.bus.start(
        [
            consumer(first, "first"),
            consumer(second, "second", keyed=False),
            consumer(other, "other", types=frozenset({"pot.closed.v1"})),
            consumer(elsewhere, "elsewhere", channel="other-events"),
        ]
    )
    ids = await open_pots(platform.store, "usr_ann", "usr_bob", "usr_ann")
    assert await platform.bus.drained()
    assert sorted(first.applied) == sorted(ids)
    assert sorted(second.applied) == sorted(ids)
    assert other.applied == elsewhere.applied == []


async def test_an_event_that_nobody_takes_is_not_kept(platform: Platform) -> None:
    await platform.bus.start([])
    await open_pots(platform.store, "usr_ann")
    assert await platform.bus.drained()


async def test_what_was_committed_before_the_start_is_delivered(platform: Platform) -> None:
    ids = await open_pots(platform.store, "usr_ann", "usr_ann")
    recorder = Recorder()
    await platform.bus.start([consumer(recorder)])
    assert await platform.bus.drained()
    assert recorder.applied == ids


async def test_a_refused_commit_emits_nothing(platform: Platform) -> None:
    recorder = Recorder()
    await platform.bus.start([consumer(recorder)])
    entity = pot()
    opened = Emit(PotOpened(entity.id, entity.owner_id))
    await platform.store.commit(Insert(entity))
    with pytest.raises(Taken):
        await platform.store.commit(opened, Insert(entity))
    with pytest.raises(Conflict):
        await platform.store.commit(opened, Update(entity))
    assert await platform.bus.drained()
    assert recorder.applied == []


async def test_order_holds_within_a_key(platform: Platform) -> None:
    recorder = Recorder()
    await platform.bus.start([consumer(recorder, most=3)])
    owners = [f"usr_{number}" for number in range(5)]
    ids: dict[str, list[str]] = {owner: [] for owner in owners}

    async def live(owner: str) -> None:
        for _ in range(20):
            ids[owner] += await open_pots(platform.store, owner)

    await asyncio.gather(*[live(owner) for owner in owners])
    assert await platform.bus.drained()
    for owner in owners:
        assert [id for id in recorder.applied if id in ids[owner]] == ids[owner]


async def test_a_batch_holds_one_key_and_no_more_than_most(platform: Platform) -> None:
    await open_pots(platform.store, *["usr_ann", "usr_bob"] * 10)
    counting = Counting(platform.store)
    everything = Recorder()
    sizes: list[int] = []

    async def measure(batch: Batch) -> None:
        sizes.append(len(batch))
        await everything(batch)

    await platform.bus.start(
        [consumer(counting, most=4), consumer(measure, "all", keyed=False, most=15)]
    )
    assert await platform.bus.drained()
    assert max(len(batch) for batch in counting.handed) == 4
    assert sum(sizes) == 20
    assert max(sizes) <= 15


async def test_lanes_run_beside_each_other_and_each_alone(platform: Platform) -> None:
    running: set[str] = set()
    most = 0
    all_there = asyncio.Event()

    async def handle(batch: Batch) -> None:
        nonlocal most
        owner = batch[0].event.owner_id
        assert owner not in running
        running.add(owner)
        most = max(most, len(running))
        if len(running) == 4:
            all_there.set()
        await all_there.wait()
        running.remove(owner)

    await open_pots(platform.store, *[f"usr_{number}" for number in range(4)] * 3)
    await platform.bus.start([consumer(handle, most=1)])
    assert await platform.bus.drained()
    assert most == 4


async def test_a_stop_finishes_what_runs_and_a_start_does_the_rest(platform: Platform) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    counting = Counting(platform.store)

    async def slow(batch: Batch) -> None:
        begun.set()
        await go_on.wait()
        await counting(batch)

    await open_pots(platform.store, *["usr_ann"] * 10)
    await platform.bus.start([consumer(slow, most=3)])
    await begun.wait()
    stopping = asyncio.ensure_future(platform.bus.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    counted = await platform.store.get(Tally, "usr_ann")
    assert counted is not None
    assert counted.count == 3
    await platform.close()
    await platform.open()
    counting.store = platform.store
    await platform.bus.start([consumer(counting)])
    assert await platform.bus.drained()
    counted = await platform.store.get(Tally, "usr_ann")
    assert counted is not None
    assert counted.count == 10


async def test_a_stop_does_not_wait_for_a_handler_that_hangs(platform: Platform) -> None:
    begun = asyncio.Event()

    async def hangs(batch: Batch) -> None:
        begun.set()
        await asyncio.Event().wait()

    ids = await open_pots(platform.store, "usr_ann")
    await platform.bus.start([consumer(hangs)])
    await begun.wait()
    await platform.close()
    await platform.open()
    recorder = Recorder()
    await platform.bus.start([consumer(recorder)])
    assert await platform.bus.drained()
    assert recorder.applied == ids


async def test_drained_says_when_something_is_still_on_its_way(platform: Platform) -> None:
    go_on = asyncio.Event()

    async def slow(batch: Batch) -> None:
        await go_on.wait()

    await platform.bus.start([consumer(slow)])
    await open_pots(platform.store, "usr_ann")
    assert not await platform.bus.drained(timeout=0.05)
    go_on.set()
    assert await platform.bus.drained()


async def test_what_a_consumer_emits_is_delivered_too(platform: Platform) -> None:
    recorder = Recorder()

    async def pass_on(batch: Batch) -> None:
        for delivery in batch:
            if delivery.event.owner_id != "usr_end":
                echo = PotOpened(delivery.event.pot_id, "usr_end")
                await platform.store.commit(Emit(echo), delivery.seen)
        await recorder(batch)

    await platform.bus.start([consumer(pass_on)])
    ids = await open_pots(platform.store, "usr_ann", "usr_bob")
    assert await platform.bus.drained()
    assert sorted(recorder.applied) == sorted(ids * 2)


async def test_thousands_of_events_are_each_applied_once(platform: Platform) -> None:
    counting = Counting(platform.store)
    await platform.bus.start([consumer(counting)])

    async def live(number: int) -> None:
        for turn in range(50):
            await open_pots(platform.store, f"usr_{(number + turn) % 10}")

    await asyncio.gather(*[live(number) for number in range(40)])
    assert await platform.bus.drained(timeout=30)
    counts = await platform.store.get_many(Tally, [f"usr_{number}" for number in range(10)])
    assert [tally.count for tally in counts.values()] == [200] * 10
