"""A process that applies events until it is killed: `killed_consumer BROKER FOLDER PREFIX`.

It prints `up` when it has joined, and a line after each batch that it has applied.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from runtime.adapters.sqlite import SqliteStore
from runtime.ports import Bus
from tests.ports.consumers import Batch, Counting, consumer
from tests.ports.kafka_platform import KafkaPlatform
from tests.ports.rabbitmq_platform import RabbitmqPlatform

KINDS = {"kafka": KafkaPlatform, "rabbitmq": RabbitmqPlatform}


async def count(bus: Bus, store: SqliteStore) -> None:
    """Counts each owner's pots, a few events a commit, so that a kill falls between them."""
    counting = Counting(store)

    async def handle(batch: Batch) -> None:
        await counting(batch)
        os.write(1, b"applied\n")

    await bus.start([consumer(handle, most=3, seen=lambda ids: store.seen("counter", ids))])


async def live(kind: str, folder: Path, prefix: str) -> None:
    """Joins, and goes on until it is killed."""
    platform = KINDS[kind](folder, prefix)
    await platform.open()
    await count(platform.bus.inner, platform.store)
    os.write(1, b"up\n")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
