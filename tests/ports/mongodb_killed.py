"""A process that commits to MongoDB until it is killed: `python -m tests.ports.mongodb_killed URI`.

It prints `ack ID VERSION` when a commit of pot ID has returned, and `up` when it has begun.
"""

from __future__ import annotations

import asyncio
import os
import sys

from runtime.adapters.mongodb import MongoDatabase, MongoStore
from runtime.ports import Emit, Insert, Remember, Seen, Update
from tests.ports.sample import PotOpened, pot, tally
from tests.ports.sample_documents import COLLECTIONS

OWNERS = 7


async def live(uri: str) -> None:
    """Opens pots and changes them, in 16 tasks: by single updates and by transactions."""
    database = await MongoDatabase.open(uri)
    store = MongoStore(database, COLLECTIONS, "pot")
    os.write(1, b"up\n")

    async def work(number: int) -> None:
        owner = f"usr_{number % OWNERS}"
        while True:
            entity = pot(owner_id=owner)
            shadow = tally(f"of_{entity.id}")
            # One document; then two, an inbox mark and an answer: all or none.
            await store.commit(Insert(entity), Emit(PotOpened(f"{entity.id} 1", owner)))
            os.write(1, f"ack {entity.id} 1\n".encode())
            await store.commit(
                Update(entity.but(version=2)),
                Insert(shadow),
                Emit(PotOpened(f"{entity.id} 2", owner)),
                Seen("counter", entity.id),
                Remember(owner, entity.id, "openPot", b""),
            )
            os.write(1, f"ack {entity.id} 2\n".encode())

    await asyncio.gather(*[work(number) for number in range(16)])


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1]))
