"""The promises of the port Bus, together with the store whose events it carries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from runtime.ports import (
    AlreadySeen,
    Conflict,
    Consumer,
    Delivery,
    Emit,
    Envelope,
    Insert,
    Store,
    Taken,
    Update,
)
from runtime.problem import Unavailable
from tests.ports.platforms import Platform
from tests.ports.sample import CHANNEL, OPENED, PotOpened, Tally, pot, tally

pytestmark = pytest.mark.anyio

Batch = Sequence[Delivery[PotOpened]]
Handle = Callable[[Batch], Awaitable[None]]


def consumer(handle: Handle, name: str = "counter", **options: Any) -> Consumer:
    options = {"channel": CHANNEL, "types": frozenset({OPENED}), **options}
    return Consumer(name=name, service="pot", decode=PotOpened.decode, handle=handle, **options)


async def open_pots(store: Store, *owners: str) -> list[str]:
    """Commits a pot and its event for each owner, one after the other; answers the pots' ids."""
    ids = []
    for owner in owners:
        entity = pot(owner_id=owner)
        await store.commit(Insert(entity), Emit(PotOpened(entity.id, owner)))
        ids.append(entity.id)
    return ids


class Counting:
    """A consumer as handlers are written: counts each owner's pots, exactly."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.handed: list[list[str]] = []

    async def __call__(self, batch: Batch) -> None:
        self.handed.append([delivery.event.pot_id for delivery in batch])
        owner = batch[0].event.owner_id
        assert {delivery.event.owner_id for delivery in batch} == {owner}
        before = await self.store.get(Tally, owner)
        if before is None:
            change: Insert | Update = Insert(tally(owner, len(batch)))
        else:
            after = before.but(version=before.version + 1, count=before.count + len(batch))
            change = Update(after)
        await self.store.commit(change, *[delivery.seen for delivery in batch])


class Recorder:
    """Notes what it is handed; fails as often as it is told to."""

    def __init__(self, fails: dict[str, int] | None = None, error: Exception | None = None) -> None:
        self.applied: list[str] = []
        self.attempts: list[tuple[str, int]] = []
        self.fails = fails or {}
        self.error = error or Unavailable("not now")

    async def __call__(self, batch: Batch) -> None:
        for delivery in batch:
            self.attempts.append((delivery.event.pot_id, delivery.attempt))
        for delivery in batch:
            if self.fails.get(delivery.event.pot_id, 0) > 0:
                if len(batch) == 1:
                    self.fails[delivery.event.pot_id] -= 1
                raise self.error
        self.applied += [delivery.event.pot_id for delivery in batch]


async def drained(platform: Platform) -> None:
    """Waits until all is delivered, also what is retried: turns the clock until nothing changes."""
    for _ in range(30):
        assert await platform.bus.drained()
        platform.clock.turn(timedelta(seconds=60))
        platform.wake()
    assert await platform.bus.drained()


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
    assert second.applied == ids
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
    assert sizes == [15, 5]


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


async def test_an_effect_is_applied_once_though_its_event_comes_twice(platform: Platform) -> None:
    counting = Counting(platform.store)
    calls = 0

    async def twice(batch: Batch) -> None:
        """Applies the effect, and then fails as if the acknowledgement were lost."""
        nonlocal calls
        calls += 1
        await counting(batch)
        if calls % 2:
            raise Unavailable("the answer is lost")

    await platform.bus.start([consumer(twice)])
    for _ in range(10):
        await open_pots(platform.store, "usr_ann", "usr_bob")
    await drained(platform)
    for owner in ("usr_ann", "usr_bob"):
        counted = await platform.store.get(Tally, owner)
        assert counted is not None
        assert counted.count == 10
    assert await platform.bus.dead_letters() == []


async def test_already_seen_counts_as_done(platform: Platform) -> None:
    async def seen(batch: Batch) -> None:
        raise AlreadySeen

    await platform.bus.start([consumer(seen)])
    await open_pots(platform.store, "usr_ann", "usr_ann")
    await drained(platform)
    assert await platform.bus.dead_letters() == []


async def test_one_bad_event_does_not_hurt_its_batch(platform: Platform) -> None:
    ids = await open_pots(platform.store, *["usr_ann"] * 6)
    recorder = Recorder({ids[2]: 1})
    await platform.bus.start([consumer(recorder)])
    assert await platform.bus.drained()
    # The later ones go on, before it is retried.
    assert recorder.applied[:5] == [id for id in ids if id != ids[2]]
    await drained(platform)
    assert sorted(recorder.applied) == sorted(ids)
    assert [attempt for id, attempt in recorder.attempts if id == ids[2]] == [1, 1, 2]


async def test_a_failing_event_is_tried_with_growing_delays_and_then_given_up(
    platform: Platform,
) -> None:
    bad, good = await open_pots(platform.store, "usr_ann", "usr_ann")
    recorder = Recorder({bad: 99}, Unavailable("the ledger is closed"))
    await platform.bus.start([consumer(recorder, attempts=4, most=1)])
    await drained(platform)
    assert recorder.applied == [good]
    assert [attempt for id, attempt in recorder.attempts if id == bad] == [1, 2, 3, 4]
    [letter] = await platform.bus.dead_letters()
    assert (letter.consumer, letter.attempts) == ("counter", 4)
    assert letter.reason == "Unavailable: the ledger is closed"
    assert (letter.envelope.subject, letter.envelope.type) == (bad, OPENED)
    assert letter.at


async def test_a_reason_quotes_no_exception_but_a_problem(platform: Platform) -> None:
    [bad] = await open_pots(platform.store, "usr_ann")
    recorder = Recorder({bad: 99}, RuntimeError("password=hunter2"))
    await platform.bus.start([consumer(recorder, attempts=1)])
    await drained(platform)
    [letter] = await platform.bus.dead_letters()
    assert letter.reason == "RuntimeError (see the log)"


async def test_a_consumer_that_is_cancelled_from_within_has_failed(platform: Platform) -> None:
    calls = 0

    async def cancelled(batch: Batch) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise asyncio.CancelledError

    await platform.bus.start([consumer(cancelled)])
    await open_pots(platform.store, "usr_ann")
    await drained(platform)
    assert calls == 2


async def test_an_event_that_cannot_be_read_is_given_up_at_once(platform: Platform) -> None:
    recorder = Recorder()

    def decode(envelope: Envelope) -> PotOpened:
        event = PotOpened.decode(envelope)
        if event.pot_id == bad:
            raise ValueError(f"secret in {envelope.data!r}")
        return event

    _, bad, _ = ids = await open_pots(platform.store, *["usr_ann"] * 3)
    reading = Consumer("reader", "pot", CHANNEL, frozenset({OPENED}), decode, recorder)
    await platform.bus.start([reading])
    assert await platform.bus.drained()
    assert recorder.applied == [ids[0], ids[2]]
    [letter] = await platform.bus.dead_letters()
    assert (letter.envelope.subject, letter.attempts) == (bad, 1)
    assert letter.reason == "cannot be read: ValueError"


async def test_a_failing_consumer_keeps_nothing_from_the_others(platform: Platform) -> None:
    ids = await open_pots(platform.store, *["usr_ann"] * 5)
    failing, well = Recorder(dict.fromkeys(ids, 99)), Recorder()
    await platform.bus.start([consumer(failing, "failing", attempts=2), consumer(well, "well")])
    await drained(platform)
    assert well.applied == ids
    assert failing.applied == []
    assert {letter.consumer for letter in await platform.bus.dead_letters()} == {"failing"}


async def test_a_dead_letter_is_replayed_to_its_consumer_alone(platform: Platform) -> None:
    [bad] = await open_pots(platform.store, "usr_ann")
    failing, well = Recorder({bad: 2}), Recorder()
    await platform.bus.start([consumer(failing, "failing", attempts=2), consumer(well, "well")])
    await drained(platform)
    [letter] = await platform.bus.dead_letters()
    assert not await platform.bus.replay("well", letter.envelope.id)
    assert not await platform.bus.replay("failing", "evt_none")
    assert await platform.bus.replay("failing", letter.envelope.id)
    assert not await platform.bus.replay("failing", letter.envelope.id)
    await drained(platform)
    assert failing.applied == well.applied == [bad]
    assert failing.attempts[-1] == (bad, 1)
    assert await platform.bus.dead_letters() == []


async def test_attempts_survive_a_restart(platform: Platform) -> None:
    [bad] = await open_pots(platform.store, "usr_ann")
    recorder = Recorder({bad: 99})
    for _ in range(3):
        await platform.bus.start([consumer(recorder, attempts=3)])
        assert await platform.bus.drained()
        await platform.close()
        platform.clock.turn(timedelta(minutes=1))
        await platform.open()
    assert [attempt for _, attempt in recorder.attempts] == [1, 2, 3]
    [letter] = await platform.bus.dead_letters()
    assert letter.attempts == 3


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


async def test_a_handler_that_hangs_is_ended_and_its_batch_tried_again(platform: Platform) -> None:
    ids = await open_pots(platform.store, *["usr_ann"] * 3)
    calls = 0
    recorder = Recorder()

    async def hangs_once(batch: Batch) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.Event().wait()
        await recorder(batch)

    await platform.bus.start([consumer(hangs_once)])
    await drained(platform)
    assert sorted(recorder.applied) == sorted(ids)
    assert [attempt for _, attempt in recorder.attempts] == [2, 2, 2]


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
