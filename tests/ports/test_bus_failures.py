"""The promises of the port Bus about consumers that fail."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from runtime.ports import AlreadySeen, Consumer, Envelope
from runtime.problem import Unavailable
from tests.ports.consumers import Batch, Counting, Recorder, consumer, drained, open_pots
from tests.ports.platforms import Platform
from tests.ports.sample import CHANNEL, OPENED, PotOpened, Tally

pytestmark = pytest.mark.anyio


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

    await platform.bus.start([consumer(twice, seen=partial(platform.store.seen, "counter"))])
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
