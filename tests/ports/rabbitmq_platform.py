"""The embedded store, its events over a real RabbitMQ: queues of its own, deleted after."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika

from runtime.adapters.clock import TurnableClock
from runtime.adapters.intake import Terms
from runtime.adapters.rabbitmq import Publish, RabbitmqBus, Subscribe, Wiring
from runtime.adapters.sqlite import Database, SqliteStore
from runtime.adapters.sqlite.relayed import SqliteOutbox
from runtime.channels import Queue, retries
from tests.ports.kafka_platform import TERMS, TYPES
from tests.ports.relayed import Relayed
from tests.ports.sample import CHANNEL, TABLES

CHANNELS = (CHANNEL, "other-events")


def publishers(publish: Publish) -> None:
    """As generated/rabbitmq.py has them."""
    for channel in CHANNELS:
        publish(channel, "", dict[str, Any])


def subscribers(subscribe: Subscribe) -> None:
    """As generated/rabbitmq.py has them."""
    for channel in CHANNELS:
        subscribe(channel, "pot", dict[str, Any])


def wiring() -> Wiring:
    """The sample's contract."""
    queues = [Queue(channel, channel, f"{channel}.dead", TYPES) for channel in CHANNELS]
    queues += [Queue(f"{channel}Dead", f"{channel}.dead") for channel in CHANNELS]
    return Wiring({queue.channel: queue for queue in queues}, publishers, subscribers)


class RabbitmqPlatform:
    """SQLite, its outbox, and RabbitMQ."""

    bus: Relayed
    rabbitmq: RabbitmqBus
    store: SqliteStore
    other: SqliteStore

    def __init__(self, folder: Path, prefix: str = "", terms: Terms = TERMS) -> None:
        self.clock = TurnableClock()
        self.folder = folder / "data"
        self.prefix = prefix or f"test-{uuid4().hex[:12]}-"
        self.terms = terms
        self.url = os.environ["RABBITMQ_URL"]

    async def open(self) -> None:
        """Opens the folder, and connects."""
        self.database = await Database.open(self.folder, TABLES, clock=self.clock)
        self.store = SqliteStore(self.database, TABLES, "pot")
        self.other = SqliteStore(self.database, TABLES, "other")
        self.rabbitmq = await RabbitmqBus.open(
            self.url,
            wiring(),
            clock=self.clock,
            terms=self.terms,
            prefix=self.prefix,
        )
        self.bus = Relayed(self.rabbitmq, SqliteOutbox(self.database, wiring().queues))

    async def close(self) -> None:
        """Closes both."""
        await self.bus.stop()
        await self.database.close()

    async def inject(self, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Writes a message past the bus, as any client may."""
        broker: Any = self.rabbitmq._broker
        await broker.publish(body, queue=self.prefix + CHANNEL, headers=headers or {})

    def wake(self) -> None:
        """Has the retries look at the clock."""
        self.rabbitmq.wake()

    async def remove(self) -> None:
        """Deletes its queues."""
        connection = await aio_pika.connect(os.environ["RABBITMQ_URL"])
        async with connection, connection.channel() as channel:
            for channel_name in CHANNELS:
                again = retries(channel_name, "pot")
                for name in (channel_name, f"{channel_name}.dead", again):
                    await channel.queue_delete(self.prefix + name)
