"""Events a second through inbox and store: `python -m bench.events [direct embedded kafka]`.

The consumer is the platform's own countExpenses over SQLite at synchronous=FULL: 20,000 expenses of
100 budgets, their counters, `spent` and inbox marks. *direct* hands the same batches to it without
any bus, as many at once as the bus does: what SQLite's group commit allows. *embedded* takes them
from the outbox, *kafka* (KAFKA_BROKER) from a topic; both begin with all of them there. A rate is
per second of the clock; the CPU is this process's, the writing thread's included.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from uuid import uuid4

import uvloop

from app import Platform, build
from bench.sample import BUDGET
from generated.events import ExpenseCreated
from generated.models import BudgetRecord, Currency, Expense
from runtime.log import LogWriter
from runtime.ports import Consumer, Delivery, Envelope, Insert, Seen
from runtime.settings import Settings

EVENTS, BUDGETS, ROUNDS, LANES = 20_000, 100, 3, 16
CONSUMER = "countExpenses"

# Seconds of the clock, and of CPU.
Took = tuple[float, float]
Way = Callable[[Platform, Sequence[ExpenseCreated], Sequence[Envelope]], Awaitable[Took]]


def counting(platform: Platform) -> Consumer:
    """The consumer, as it is wired."""
    return next(each for each in platform.consumers if each.name == CONSUMER)


async def filled(platform: Platform) -> list[ExpenseCreated]:
    """Events of expenses in budgets that are there."""
    clock, store = platform.clock, platform.budget._store
    ids = [f"bud_01jd8z4k5qf6x8v0m2t7n{number:05d}" for number in range(BUDGETS)]
    sample = {**BUDGET, "members": [], "version": 1, "spent": "0.00"}
    for id in ids:
        record = BudgetRecord.model_validate_json(json.dumps({**sample, "id": id}), by_name=False)
        await store.commit(Insert(record))
    return [
        ExpenseCreated(
            Expense(
                id=f"exp_01jd8z4k5qf6x8v0m2t{number:07d}",
                version=1,
                created_at=clock.now(),
                updated_at=clock.now(),
                budget_id=ids[number % BUDGETS],
                owner_id=BUDGET["ownerId"],
                description="Milk and bread",
                amount=Decimal("1.50"),
                currency=Currency.USD,
                category="Groceries",
                spent_on=clock.today(),
                tags=["weekly"],
            )
        )
        for number in range(EVENTS)
    ]


async def measured(work: Awaitable[object]) -> Took:
    """How long it takes."""
    begun, cpu = perf_counter(), process_time()
    await work
    return perf_counter() - begun, process_time() - cpu


async def direct(
    platform: Platform, events: Sequence[ExpenseCreated], envelopes: Sequence[Envelope]
) -> Took:
    """The same batches, without a bus."""
    consumer = counting(platform)
    batches: dict[str, list[list[Delivery[ExpenseCreated]]]] = {}
    for event, envelope in zip(events, envelopes, strict=True):
        lane = batches.setdefault(envelope.key, [[]])
        if len(lane[-1]) == consumer.most:
            lane.append([])
        lane[-1].append(Delivery(event, Seen(CONSUMER, envelope.id)))
    lanes = list(batches.values())

    async def work() -> None:
        while lanes:
            for batch in lanes.pop():
                await consumer.handle(batch)

    return await measured(asyncio.gather(*(work() for _ in range(LANES))))


async def embedded(
    platform: Platform, events: Sequence[ExpenseCreated], envelopes: Sequence[Envelope]
) -> Took:
    """From the outbox of the same database."""
    await platform.bus.publish(envelopes)

    async def deliver() -> None:
        await platform.bus.start([counting(platform)])
        assert await platform.bus.drained(120)

    return await measured(deliver())


async def kafka(
    platform: Platform, events: Sequence[ExpenseCreated], envelopes: Sequence[Envelope]
) -> Took:
    """From a topic of its own, which is deleted after."""
    from generated.kafka import WIRING
    from runtime.adapters.kafka import KafkaBus
    from tests.ports.kafka_platform import delete_topics

    prefix = f"bench-{uuid4().hex[:8]}-"
    bus = await KafkaBus.open(
        os.environ["KAFKA_BROKER"], WIRING, clock=platform.clock, prefix=prefix
    )
    writing = await measured(bus.publish(envelopes[:5000]))
    for at in range(5000, len(envelopes), 5000):
        await bus.publish(envelopes[at : at + 5000])

    async def deliver() -> None:
        await bus.start([counting(platform)])
        assert await bus.drained(120)

    took = await measured(deliver())
    await bus.stop()
    await delete_topics(prefix)
    print(
        f"  published at {5000 / writing[0]:,.0f} a second, {writing[1] * 200:.0f} µs of CPU each"
    )
    return took


WAYS: dict[str, Way] = {"direct": direct, "embedded": embedded, "kafka": kafka}


async def run(way: Way) -> Took:
    """One round in a new data folder; checks that each event was counted once."""
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(Settings.read({}), data_dir=Path(folder))
        platform = await build(settings, log=LogWriter(BytesIO()))
        events = await filled(platform)
        envelopes = [
            event.envelope(f"evt_{number}", "2026-11-22T09:30:00.000Z")
            for number, event in enumerate(events)
        ]
        took = await way(platform, events, envelopes)
        rows = platform.database.read("SELECT count(*) FROM inbox WHERE consumer = ?", (CONSUMER,))
        assert rows[0][0] == EVENTS, rows
        await platform.stop()
        return took


def main() -> None:
    """Prints a line a way."""
    for name in sys.argv[1:] or WAYS:
        if name == "kafka" and "KAFKA_BROKER" not in os.environ:
            print("kafka: KAFKA_BROKER is not set")
            continue
        rounds = [uvloop.run(run(WAYS[name])) for _ in range(ROUNDS)]
        clock, cpu = (median(each[at] for each in rounds) for at in (0, 1))
        print(
            f"{name}: {EVENTS / clock:,.0f} events a second, "
            f"{EVENTS / cpu:,.0f} a second of CPU ({cpu / EVENTS * 1e6:.0f} µs each)"
        )


if __name__ == "__main__":
    main()
