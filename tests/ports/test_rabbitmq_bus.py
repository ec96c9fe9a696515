"""What RabbitMQ alone asks for: no message stays unacknowledged for half an hour."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ports.consumers import Batch, Counting, consumer, drained, open_pots
from tests.ports.kafka_platform import TERMS
from tests.ports.rabbitmq_platform import RabbitmqPlatform
from tests.ports.sample import CHANNEL, Tally

pytestmark = [pytest.mark.anyio, pytest.mark.server("rabbitmq")]


async def test_what_takes_long_is_acknowledged_in_time_and_applied_once(tmp_path: Path) -> None:
    platform = RabbitmqPlatform(tmp_path, terms=replace(TERMS, patience=30))
    await platform.open()
    begun, go_on = asyncio.Event(), asyncio.Event()
    counting = Counting(platform.store)
    batches: list[int] = []

    async def slow(batch: Batch) -> None:
        batches.append(len(batch))
        begun.set()
        await go_on.wait()
        await counting(batch)

    await platform.bus.start([consumer(slow, seen=lambda ids: platform.store.seen("counter", ids))])
    await open_pots(platform.store, "usr_ann")
    await begun.wait()
    [taker] = platform.rabbitmq._takers.values()
    await taker.hand_over()
    assert len(taker._since) == 1  # it is not late yet

    platform.clock.turn(timedelta(minutes=21))
    await taker.hand_over()
    assert taker.quiet is False  # its batch still runs
    go_on.set()
    await drained(platform)
    tally = await platform.store.get(Tally, "usr_ann")
    assert tally is not None
    assert tally.count == 1
    # The copy came when it was due, and the inbox knew it.
    assert taker._since == {}
    assert await platform.bus.dead_letters() == []
    await platform.close()
    await platform.remove()


async def test_a_process_that_dies_late_leaves_its_message_to_the_next(tmp_path: Path) -> None:
    platform = RabbitmqPlatform(tmp_path, terms=replace(TERMS, patience=30))
    await platform.open()
    begun = asyncio.Event()

    async def never(batch: Batch) -> None:
        begun.set()
        await asyncio.Event().wait()

    await platform.bus.start([consumer(never)])
    await open_pots(platform.store, "usr_ann")
    await begun.wait()
    platform.clock.turn(timedelta(minutes=21))
    await platform.rabbitmq._takers[CHANNEL, "pot"].hand_over()
    await platform.close()
    await platform.open()
    counting = Counting(platform.store)
    await platform.bus.start([consumer(counting)])
    await drained(platform)
    tally = await platform.store.get(Tally, "usr_ann")
    assert tally is not None
    assert tally.count == 1
    await platform.close()
    await platform.remove()
