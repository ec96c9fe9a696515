"""The embedded store, its events over a real Kafka: topics of its own, deleted after."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient

from runtime.adapters.clock import TurnableClock
from runtime.adapters.intake import Terms
from runtime.adapters.kafka import KafkaBus, Publish, Subscribe, Wiring
from runtime.adapters.sqlite import Database, SqliteStore
from runtime.adapters.sqlite.relayed import SqliteOutbox
from runtime.channels import Topic
from tests.ports.relayed import Relayed
from tests.ports.sample import CHANNEL, OPENED, TABLES

TYPES = {OPENED: "pot", "pot.closed.v1": "pot"}
TERMS = Terms(
    first_delay=0.01, longest_delay=0.05, patience=0.5, stop_within=0.2, answer_within=5.0
)


def publishers(publish: Publish) -> None:
    """As generated/kafka.py has them."""
    for channel in (CHANNEL, "other-events"):
        publish(channel, "", dict[str, Any])


def subscribers(subscribe: Subscribe) -> None:
    """As generated/kafka.py has them."""
    for channel in (CHANNEL, "other-events"):
        subscribe(channel, "pot", dict[str, Any])


def wiring(partitions: int = 3) -> Wiring:
    """The sample's contract."""
    topics = [Topic(CHANNEL, CHANNEL, partitions, dead_letters=f"{CHANNEL}.dead", types=TYPES)]
    topics += [Topic("other-events", "other-events", dead_letters="other.dead", types=TYPES)]
    topics += [Topic("dead", f"{CHANNEL}.dead"), Topic("otherDead", "other.dead")]
    return Wiring({topic.channel: topic for topic in topics}, publishers, subscribers)


async def delete_topics(prefix: str) -> None:
    """Deletes all topics whose names begin so."""
    admin = AIOKafkaAdminClient(bootstrap_servers=os.environ["KAFKA_BROKER"])
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if names:
            await admin.delete_topics(names)
    finally:
        await admin.close()


class KafkaPlatform:
    """SQLite, its outbox, and Kafka."""

    bus: Relayed
    kafka: KafkaBus
    store: SqliteStore
    other: SqliteStore

    def __init__(
        self, folder: Path, prefix: str = "", terms: Terms = TERMS, instance: str | None = "one"
    ) -> None:
        self.instance = instance
        self.clock = TurnableClock()
        self.folder = folder / "data"
        self.prefix = prefix or f"test-{uuid4().hex[:12]}-"
        self.terms = terms

    async def open(self) -> None:
        """Opens the folder, and connects."""
        self.database = await Database.open(self.folder, TABLES, clock=self.clock)
        self.store = SqliteStore(self.database, TABLES, "pot")
        self.other = SqliteStore(self.database, TABLES, "other")
        self.kafka = await self.another(self.instance)
        self.bus = Relayed(self.kafka, SqliteOutbox(self.database, wiring().topics))

    async def another(self, instance: str | None = None) -> KafkaBus:
        """A bus like that of another process; `instance` spares a restart 10 s."""
        return await KafkaBus.open(
            os.environ["KAFKA_BROKER"],
            wiring(),
            clock=self.clock,
            terms=self.terms,
            prefix=self.prefix,
            instance=instance,
        )

    async def close(self) -> None:
        """Closes both."""
        await self.bus.stop()
        await self.database.close()

    async def inject(self, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Writes a message past the bus, as any client may."""
        admin: Any = self.kafka._broker
        await admin.publish(body, topic=self.prefix + CHANNEL, key=b"usr_x", headers=headers or {})

    def wake(self) -> None:
        """Has the retries look at the clock."""
        self.kafka.wake()

    async def remove(self) -> None:
        """Deletes its topics."""
        async with asyncio.timeout(20):
            await delete_topics(self.prefix)
