"""The promises of the port Store about those who write at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runtime.ports import (
    AlreadySeen,
    Conflict,
    Delete,
    Insert,
    KeyTaken,
    Query,
    Remember,
    Seen,
    Store,
    Taken,
    Update,
)
from tests.ports.sample import Pot, Tally, pot, tally

pytestmark = pytest.mark.anyio


async def test_of_64_writers_of_one_version_exactly_one_wins(store: Store) -> None:
    entity = tally("usr_ann")
    await store.commit(Insert(entity))
    for version in range(2, 12):
        outcomes = await asyncio.gather(
            *[store.commit(Update(tally("usr_ann", writer, version))) for writer in range(64)],
            return_exceptions=True,
        )
        winners = [writer for writer, outcome in enumerate(outcomes) if outcome is None]
        assert len(winners) == 1
        assert all(isinstance(o, Conflict) for o in outcomes if o is not None)
        assert await store.get(Tally, "usr_ann") == tally("usr_ann", winners[0], version)


async def test_no_update_is_lost(store: Store) -> None:
    await store.commit(Insert(tally("usr_ann")))

    async def count() -> None:
        for _ in range(5):
            while True:
                now = await store.get(Tally, "usr_ann")
                assert now is not None
                try:
                    await store.commit(
                        Update(now.but(version=now.version + 1, count=now.count + 1))
                    )
                except Conflict:
                    continue
                break

    await asyncio.gather(*[count() for _ in range(20)])
    assert await store.get(Tally, "usr_ann") == tally("usr_ann", 100, 101)


async def test_a_refused_commit_does_not_hurt_those_beside_it(store: Store) -> None:
    taken = pot(name="taken")
    record = Remember("usr_ann", "k1", "openPot", b"")
    await store.commit(Insert(taken), Seen("counter", "evt_1"), record)
    good = [pot(members=["usr_bob"]) for _ in range(40)]
    bad = [
        (Insert(pot()), Insert(pot(name="taken"))),
        (Insert(pot()), Update(taken)),
        (Insert(pot()), Delete(taken.but(version=7))),
        (Insert(pot()), Seen("counter", "evt_1")),
        (Insert(pot()), record),
    ]
    commits: list[tuple[Any, ...]] = [(Insert(entity), Insert(tally(entity.id))) for entity in good]
    for place, changes in enumerate(bad):
        commits.insert(place * 8 + 3, changes)
    outcomes = await asyncio.gather(
        *[store.commit(*changes) for changes in commits], return_exceptions=True
    )
    refusals = [type(outcome) for outcome in outcomes if outcome is not None]
    assert refusals == [Taken, Conflict, Conflict, AlreadySeen, KeyTaken]
    assert await store.get_many(Pot, [e.id for e in good]) == {e.id: e for e in good}
    assert len(await store.get_many(Tally, [e.id for e in good])) == 40
    assert len((await store.page(Pot, Query(limit=200))).items) == 41


async def test_a_read_is_never_older_than_what_was_read_before(store: Store) -> None:
    await store.commit(Insert(tally("usr_ann")))
    committed = 1
    done = False

    async def read() -> None:
        last = 0
        while not done:
            least = max(last, committed)
            now = await store.get(Tally, "usr_ann")
            assert now is not None
            assert now.version >= least
            last = now.version
            await asyncio.sleep(0)

    async def write() -> None:
        nonlocal committed, done
        for version in range(2, 100):
            await store.commit(Update(tally("usr_ann", version, version)))
            committed = version
        done = True

    await asyncio.gather(write(), *[read() for _ in range(5)])


async def test_a_commit_nobody_waits_for_is_done_or_not(store: Store) -> None:
    entities = [pot() for _ in range(50)]
    tasks = [asyncio.ensure_future(store.commit(Insert(entity))) for entity in entities]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    found = await store.get_many(Pot, [entity.id for entity in entities])
    for entity, outcome in zip(entities, outcomes, strict=True):
        if outcome is None:
            assert found[entity.id] == entity
    # Whichever it was, from here on the store agrees with itself.
    for entity in entities:
        if entity.id in found:
            await store.commit(Update(entity.but(version=2)))
        else:
            await store.commit(Insert(entity))
    assert len((await store.page(Pot, Query(limit=100))).items) == 50
