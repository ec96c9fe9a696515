"""What a killed process has acknowledged is there, nothing half done, each event applied once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.sqlite import Database, SqliteStore
from runtime.ports import Query, Where
from tests.ports.killed import OWNERS, counter
from tests.ports.sample import TABLES, Pot, Tally

pytestmark = pytest.mark.anyio

ROUNDS = int(os.environ.get("KILL_ROUNDS", "6"))


def live_until_killed(folder: Path, after: int) -> dict[str, int]:
    """Runs the process until it has acknowledged `after` commits; answers the versions by id."""
    command = [sys.executable, "-m", "tests.ports.killed", str(folder)]
    acknowledged: dict[str, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        for line in process.stdout:
            if not line.endswith("\n"):
                break  # cut off by the kill
            _, id, version = line.split()
            acknowledged[id] = int(version)
            after -= 1
            if after == 0:
                process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    return acknowledged


async def all_pots(store: SqliteStore, where: tuple[Where, ...] = ()) -> dict[str, Pot]:
    found: dict[str, Pot] = {}
    after = None
    while True:
        page = await store.page(Pot, Query(where, (("id", False),), 200, after))
        found.update((item.id, item) for item in page.items)
        if not page.more:
            return found
        after = (page.items[-1].id, page.items[-1].id)


async def test_a_kill_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    acknowledged: dict[str, int] = {}
    for _ in range(ROUNDS):
        acknowledged |= live_until_killed(tmp_path, after=chance.randrange(1, 400))

        database = await Database.open(tmp_path, TABLES)
        store = SqliteStore(database, TABLES, "pot")
        pots = await all_pots(store)
        for id, version in acknowledged.items():
            assert pots[id].version >= version
        # Half of a commit would be a pot without its shadow, or its sets.
        shadows = await store.get_many(Tally, [f"of_{id}" for id in pots])
        assert {f"of_{id}": pot.version for id, pot in pots.items()} == {
            id: shadow.version for id, shadow in shadows.items()
        }
        for member, version in (("usr_bob", 1), ("usr_cyd", 2)):
            seen = await all_pots(store, (Where("visible_to", "has", member),))
            assert seen == {id: pot for id, pot in pots.items() if pot.version == version}
        await database.close()

    database = await Database.open(tmp_path, TABLES)
    store = SqliteStore(database, TABLES, "pot")
    bus = EmbeddedBus(database)
    await bus.start([counter(store)])
    assert await bus.drained(60)
    owners = [f"usr_{number}" for number in range(OWNERS)]
    pots = await all_pots(store)
    counts = await store.get_many(Tally, owners)
    assert {owner: tally.count for owner, tally in counts.items()} == {
        owner: sum(pot.owner_id == owner for pot in pots.values()) for owner in counts
    }
    assert sum(tally.count for tally in counts.values()) == len(pots)
    assert await bus.dead_letters() == []
    await bus.stop()
    await database.close()
