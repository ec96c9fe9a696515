"""A process that commits until it is killed: `python -m tests.ports.killed FOLDER`.

It prints `ack ID` when the commit of pot ID has returned, and `up` when it has begun.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.sqlite import Database, SqliteStore
from runtime.ports import Consumer, Emit, Insert, Update
from tests.ports.consumers import Batch, Counting
from tests.ports.sample import CHANNEL, OPENED, TABLES, PotOpened, Tally, pot, tally

OWNERS = 7


def counter(store: SqliteStore) -> Consumer:
    """Counts each owner's pots, once each."""
    counting = Counting(store)

    async def count(batch: Batch) -> None:
        await counting(batch)

    return Consumer("counter", "pot", CHANNEL, frozenset({OPENED}), PotOpened.decode, count, most=5)


async def live(folder: Path) -> None:
    """Opens pots and changes them, in 16 tasks."""
    database = await Database.open(folder, TABLES)
    store = SqliteStore(database, TABLES, "pot")
    bus = EmbeddedBus(database)
    await bus.start([counter(store)])
    os.write(1, b"up\n")

    async def work(number: int) -> None:
        while True:
            entity = pot(owner_id=f"usr_{number % OWNERS}", members=["usr_bob"])
            opened = PotOpened(entity.id, entity.owner_id)
            # The pot, its sets, its shadow and its event: all or none.
            await store.commit(Insert(entity), Insert(tally(f"of_{entity.id}")), Emit(opened))
            os.write(1, f"ack {entity.id} 1\n".encode())
            shadow = await store.get(Tally, f"of_{entity.id}")
            assert shadow is not None
            await store.commit(
                Update(entity.but(version=2, members=["usr_cyd"])),
                Update(shadow.but(version=2, count=1)),
            )
            os.write(1, f"ack {entity.id} 2\n".encode())

    await asyncio.gather(*[work(number) for number in range(16)])


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1])))
