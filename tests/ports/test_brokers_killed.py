"""Nothing is lost and nothing is applied twice: processes are killed, and groups change."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from runtime.ports import Envelope
from tests.ports.consumers import Batch, Counting, consumer
from tests.ports.kafka_platform import KafkaPlatform
from tests.ports.killed_consumer import KINDS, count
from tests.ports.platforms import Broker, until
from tests.ports.sample import PotOpened, Tally

pytestmark = pytest.mark.anyio

ROUNDS = int(os.environ.get("KILL_ROUNDS", "6"))
OWNERS = [f"usr_{number}" for number in range(7)]


def events(start: int, many: int) -> list[Envelope]:
    time = "2026-11-22T09:30:00.000Z"
    return [
        PotOpened(f"pot_{number}", OWNERS[number % len(OWNERS)]).envelope(f"evt_{number}", time)
        for number in range(start, start + many)
    ]


async def counts(platform: Broker) -> dict[str, int]:
    found = await platform.store.get_many(Tally, OWNERS)
    return {owner: tally.count for owner, tally in found.items()}


def apply_until_killed(kind: str, folder: Path, prefix: str, batches: int) -> None:
    command = [sys.executable, "-m", "tests.ports.killed_consumer", kind, str(folder), prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            batches -= line == "applied\n"
            if batches <= 0:
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.server(kind)) for kind in KINDS]
)
@pytest.mark.slow
async def test_a_killed_consumer_loses_nothing_and_doubles_nothing(
    kind: str, tmp_path: Path
) -> None:
    chance = random.Random(11)
    platform = KINDS[kind](tmp_path)
    published = 0
    for _ in range(ROUNDS):
        await platform.open()
        some = events(published, 300)
        await platform.bus.publish(some)
        published += len(some)
        await platform.close()
        batches = chance.randrange(1, 60)
        await asyncio.to_thread(apply_until_killed, kind, tmp_path, platform.prefix, batches)
    await platform.open()
    await count(platform.bus.inner, platform.store)
    assert await platform.bus.drained(60)
    expected = Counter(OWNERS[number % len(OWNERS)] for number in range(published))
    assert await counts(platform) == expected
    assert await platform.bus.dead_letters() == []
    await platform.close()
    await platform.remove()


@pytest.mark.server("kafka")
async def test_a_group_that_grows_and_shrinks_applies_each_event_once(tmp_path: Path) -> None:
    """Two processes' buses over one store: the second joins in the middle, and the first leaves."""
    first = KafkaPlatform(tmp_path, instance=None)
    await first.open()
    took: dict[str, set[str]] = {"first": set(), "second": set()}

    def counter(name: str) -> Counting:
        class Noting(Counting):
            async def __call__(self, batch: Batch) -> None:
                await super().__call__(batch)
                took[name].update(delivery.event.pot_id for delivery in batch)

        return Noting(first.store)

    second, third = await first.another(), await first.another()
    published = 0
    enough = asyncio.Event()

    async def publish() -> None:
        """By a third, which goes on when the others leave."""
        nonlocal published
        while not enough.is_set():
            await third.publish(events(published, 20))
            published += 20
            await asyncio.sleep(0.02)

    publishing = asyncio.create_task(publish())
    try:
        await first.bus.inner.start([consumer(counter("first"), most=5)])
        await until(lambda: len(took["first"]) > 300)
        # Joining waits for the others' next heartbeat: 3 s.
        await second.start([consumer(counter("second"), most=5)])
        await until(lambda: len(took["second"]) > 100)
        await first.kafka.stop()
        alone = len(took["second"])
        await until(lambda: len(took["second"]) > alone + 300)
        enough.set()
        await publishing
        assert await second.drained(60)
        expected = Counter(OWNERS[number % len(OWNERS)] for number in range(published))
        assert await counts(first) == expected
        assert len(took["first"] | took["second"]) == published
        assert await second.dead_letters() == []
    finally:
        publishing.cancel()
        await asyncio.gather(second.stop(), third.stop())
        await first.close()
        await first.remove()
