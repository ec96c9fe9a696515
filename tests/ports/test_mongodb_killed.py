"""What a killed process has acknowledged is in MongoDB, nothing half done, each event once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys

import pytest

from runtime.ports import Query
from tests.ports.mongodb_killed import OWNERS
from tests.ports.mongodb_platform import MongoPlatform
from tests.ports.sample import Pot, Tally

pytestmark = [pytest.mark.anyio, pytest.mark.server("mongodb")]

ROUNDS = int(os.environ.get("KILL_ROUNDS", "3"))


async def live_until_killed(uri: str, after: int) -> dict[str, int]:
    """Runs the process until it has acknowledged `after` commits; answers the versions by id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.ports.mongodb_killed", uri, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    acknowledged: dict[str, int] = {}
    while (line := await process.stdout.readline()).endswith(b"\n"):
        _, id, version = line.decode().split()
        acknowledged[id] = int(version)
        after -= 1
        if after == 0:
            process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    return acknowledged


async def all_pots(mongo: MongoPlatform) -> dict[str, Pot]:
    found: dict[str, Pot] = {}
    after = None
    while True:
        page = await mongo.store.page(Pot, Query((), (("id", False),), 200, after))
        found.update((item.id, item) for item in page.items)
        if not page.more:
            return found
        after = (page.items[-1].id, page.items[-1].id)


async def test_a_kill_loses_nothing_and_doubles_nothing(mongo: MongoPlatform) -> None:
    chance = random.Random(11)
    acknowledged: dict[str, int] = {}
    pots: dict[str, Pot] = {}
    for _ in range(ROUNDS):
        acknowledged |= await live_until_killed(mongo.uri, chance.randrange(1, 300))
        pots = await all_pots(mongo)
        for id, version in acknowledged.items():
            assert pots[id].version >= version
        # Half of a commit would be the second version without its shadow, mark or answer.
        second = {id for id, pot in pots.items() if pot.version == 2}
        shadows = await mongo.store.get_many(Tally, [f"of_{id}" for id in pots])
        assert set(shadows) == {f"of_{id}" for id in second}
        assert await mongo.store.seen("counter", list(pots)) == second
        for id in list(pots)[:20]:
            recalled = await mongo.store.recall(pots[id].owner_id, id)
            assert (recalled is not None) == (id in second)
    taken: list[tuple[str, str]] = []
    while some := await mongo.outbox.take(100):
        taken += [(envelope.key, envelope.subject) for envelope in some]
        await mongo.outbox.clear(some)
    wanted = {f"{id} {version}" for id, pot in pots.items() for version in (1, pot.version)}
    assert len(taken) == len(wanted)
    assert {subject for _, subject in taken} == wanted
    for owner in range(OWNERS):
        subjects = [subject for key, subject in taken if key == f"usr_{owner}"]
        for id in {subject.split()[0] for subject in subjects}:
            own = [subject for subject in subjects if subject.startswith(id)]
            assert own == sorted(own)
