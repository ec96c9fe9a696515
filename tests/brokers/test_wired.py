"""The platform's own consumers over real brokers, wired as the contract says and app.py will."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import aio_pika
import pytest

from app import Platform, build
from bench.sample import BUDGET
from generated import brokers
from generated.events import ExpenseCreated, TaskQueued
from generated.models import BudgetRecord, Currency, Expense, TaskKind
from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.split_bus import SplitBus
from runtime.adapters.sqlite.relayed import SqliteOutbox
from runtime.channels import retries
from runtime.log import LogWriter
from runtime.ports import Bus, Emit, Insert
from runtime.settings import Settings
from tests.ports.kafka_platform import delete_topics
from tests.ports.relayed import Relayed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wired(tmp_path: Path) -> AsyncIterator[tuple[Platform, Relayed]]:
    """The embedded platform, whose events go over Kafka and whose tasks over RabbitMQ."""
    from generated.kafka import WIRING as KAFKA
    from generated.rabbitmq import WIRING as RABBITMQ
    from runtime.adapters.kafka import KafkaBus
    from runtime.adapters.rabbitmq import RabbitmqBus

    there = replace(Settings.read({}), data_dir=tmp_path)
    platform = await build(there, log=LogWriter(BytesIO()))
    prefix = f"test-{uuid4().hex[:12]}-"
    kafka = await KafkaBus.open(
        os.environ["KAFKA_BROKER"], KAFKA, clock=platform.clock, prefix=prefix
    )
    rabbitmq = await RabbitmqBus.open(
        os.environ["RABBITMQ_URL"], RABBITMQ, clock=platform.clock, prefix=prefix
    )
    channels: dict[str, Bus] = {
        **dict.fromkeys(brokers.TOPICS, kafka),
        **dict.fromkeys(brokers.QUEUES, rabbitmq),
    }
    embedded = EmbeddedBus(platform.database, others=channels)
    bus = Relayed(SplitBus(channels, embedded), SqliteOutbox(platform.database, channels))
    await bus.start(platform.consumers)
    yield platform, bus
    await bus.stop()
    await platform.stop()
    await delete_topics(prefix)
    connection = await aio_pika.connect(os.environ["RABBITMQ_URL"])
    async with connection, connection.channel() as channel:
        for queue in brokers.QUEUES.values():
            await channel.queue_delete(prefix + queue.address)
            await channel.queue_delete(prefix + retries(queue.address, "task"))


@pytest.mark.server("kafka", "rabbitmq")
async def test_events_and_tasks_have_their_effects(wired: tuple[Platform, Relayed]) -> None:
    platform, bus = wired
    store = platform.budget._store
    sample = {**BUDGET, "members": [], "version": 1, "spent": "0.00", "startsOn": "2026-01-01"}
    await store.commit(Insert(BudgetRecord.model_validate_json(json.dumps(sample), by_name=False)))
    now, today = platform.clock.now(), platform.clock.today()
    for number in range(40):
        expense = Expense(
            id=f"exp_01jd8z4k5qf6x8v0m2t7n9w{number:03d}",
            version=1,
            created_at=now,
            updated_at=now,
            budget_id=BUDGET["id"],
            owner_id=BUDGET["ownerId"],
            description="Milk and bread",
            amount=Decimal("1.50"),
            currency=Currency.USD,
            category="Groceries",
            spent_on=today,
            tags=[],
        )
        await store.commit(Emit(ExpenseCreated(expense)))
    await store.commit(
        Emit(
            TaskQueued(
                attempt=1,
                kind=TaskKind.SEND_EMAIL,
                owner_id=BUDGET["ownerId"],
                task_id="tsk_01jd8z4k5qf6x8v0m2t7n9w301",
            )
        )
    )
    assert await bus.drained(60)
    after = await store.get(BudgetRecord, BUDGET["id"])
    assert after is not None
    assert after.spent == Decimal("60.00")
    assert await bus.dead_letters() == []
    # All went out: by Kafka and RabbitMQ, as nothing of it is the embedded bus's.
    rows = platform.database.read("SELECT consumer, count(*) FROM inbox GROUP BY consumer")
    applied: dict[str, int] = {row[0]: row[1] for row in rows}
    assert applied["countExpenses"] == 40
    assert applied["runTasks"] == 1


async def test_nothing_of_a_broker_is_loaded_without_one() -> None:
    script = "import app, sys; print(sorted({m.split('.')[0] for m in sys.modules}))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    loaded = out.decode()
    assert "'runtime'" in loaded
    for heavy in ("faststream", "aiokafka", "aio_pika"):
        assert f"'{heavy}'" not in loaded
