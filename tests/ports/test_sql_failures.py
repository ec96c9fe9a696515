"""What the stores on SQL servers promise when servers fail: kills, hangs, refusals, locks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
from sqlalchemy import text

from runtime.adapters.sql import SqlDatabase, SqlStore
from runtime.adapters.sql.engine import engine
from runtime.ports import Insert, Query, Seen, Update
from runtime.problem import Unavailable
from runtime.settings import SettingsError
from tests.ports.proxy import Proxy
from tests.ports.sample import Tally, tally
from tests.ports.sql_platforms import Server
from tests.ports.sql_sample import SQL_TABLES

pytestmark = pytest.mark.anyio


@pytest.fixture
async def proxied(server: Server) -> AsyncIterator[tuple[Proxy, SqlStore]]:
    """A store whose server is behind a proxy that can hang, hang up, and refuse."""
    proxy = Proxy(server.address)
    await proxy.start()
    database = await server.database(port=proxy.port, patience=0.6, connections=4)
    yield proxy, SqlStore(database, SQL_TABLES, "pot")
    proxy.release()
    await database.close()
    await proxy.stop()


# --- connections ----------------------------------------------------------------------------------


async def commit_all(store: SqlStore, entities: list[Tally]) -> tuple[set[str], set[str]]:
    """Those that are acknowledged, and those that are not."""
    outcomes = await asyncio.gather(
        *[store.commit(Insert(entity), Seen("c", entity.id)) for entity in entities],
        return_exceptions=True,
    )
    done: set[str] = set()
    unknown: set[str] = set()
    for entity, outcome in zip(entities, outcomes, strict=True):
        if outcome is None:
            done.add(entity.id)
        else:
            assert isinstance(outcome, Unavailable), outcome
            unknown.add(entity.id)
    return done, unknown


async def test_a_killed_connection_loses_nothing_that_was_acknowledged(server: Server) -> None:
    chance = random.Random(3)
    done: set[str] = set()
    unknown: set[str] = set()
    killing = asyncio.ensure_future(server.kill_connections(chance, 25))
    turn = 0
    while not killing.done() or len(done) < 200:
        turn += 1
        entities = [tally(f"t_{turn}_{number}") for number in range(20)]
        acknowledged, other = await commit_all(server.store, entities)
        done |= acknowledged
        unknown |= other
    await killing
    found = await server.store.get_many(Tally, [*done, *unknown])
    assert done <= found.keys()
    assert unknown
    # All or nothing: the mark is there exactly where the entity is.
    assert await server.store.seen("c", [*done, *unknown]) == found.keys()


async def test_a_read_does_not_notice_that_its_connection_was_lost(server: Server) -> None:
    await server.store.commit(Insert(tally("usr_ann")))
    for _ in range(5):
        await server.kill_connections(random.Random(1), 1)
        assert await server.store.get(Tally, "usr_ann") == tally("usr_ann")


async def test_a_server_that_hangs_is_unavailable_in_time(
    proxied: tuple[Proxy, SqlStore], caplog: pytest.LogCaptureFixture
) -> None:
    proxy, store = proxied
    await store.commit(Insert(tally("usr_ann")))
    proxy.hang()
    loop = asyncio.get_running_loop()
    before = loop.time()
    calls: list[Awaitable[Any]] = [
        *[store.commit(Insert(tally(f"t_{number}"))) for number in range(10)],
        *[store.page(Tally, Query(sort=(("id", True),))) for _ in range(10)],
        *[store.get(Tally, "usr_ann") for _ in range(10)],
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert all(outcome.retry_after for outcome in outcomes if isinstance(outcome, Unavailable))
    assert loop.time() - before < 2.0
    proxy.release()
    await until_it_answers(store)
    assert "budget:budget" not in caplog.text


async def test_connections_that_hang_for_ever_are_given_up(
    proxied: tuple[Proxy, SqlStore],
) -> None:
    proxy, store = proxied
    await store.commit(Insert(tally("usr_ann")))
    await asyncio.gather(*[store.find(Tally, id="usr_ann") for _ in range(40)])
    proxy.stall()
    await until_it_answers(store)
    found = await asyncio.gather(
        *[store.find(Tally, id="usr_ann") for _ in range(40)], return_exceptions=True
    )
    await until_it_answers(store)
    again = await asyncio.gather(*[store.find(Tally, id="usr_ann") for _ in range(40)])
    assert all(isinstance(one, Tally | Unavailable) for one in found)
    assert None not in again


async def test_a_server_that_is_gone_is_unavailable_at_once_and_found_again(
    proxied: tuple[Proxy, SqlStore],
) -> None:
    proxy, store = proxied
    await store.commit(Insert(tally("usr_ann")))
    await proxy.refuse()
    for call in (store.get(Tally, "usr_ann"), store.commit(Update(tally("usr_ann", 1, 2)))):
        with pytest.raises(Unavailable):
            await call
    await proxy.start()
    await until_it_answers(store)


async def until_it_answers(store: SqlStore) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                assert await store.get(Tally, "usr_ann") is not None
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_callers_that_hang_up_cost_no_connection(server: Server) -> None:
    await server.store.commit(Insert(tally("usr_ann")))
    before = await server.connection_ids()
    for _ in range(40):
        calls: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(server.store.page(Tally, Query(sort=(("id", True),)))),
            asyncio.ensure_future(server.store.recall("usr_ann", "k")),
        ]
        for _ in range(3):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert await server.store.get(Tally, "usr_ann") is not None
    assert before <= await server.connection_ids()


async def test_a_row_that_another_holds_makes_nobody_wait_for_ever(server: Server) -> None:
    database = await server.database(patience=1.5)
    store = SqlStore(database, SQL_TABLES, "pot")
    await store.commit(Insert(tally("usr_ann")))
    made = engine(server.url)
    async with made.connect() as connection:
        await connection.execute(text("SELECT * FROM tallies FOR UPDATE"))
        with pytest.raises(Unavailable):
            await store.commit(Update(tally("usr_ann", 1, 2)))
        await connection.rollback()
    await made.dispose()
    await store.commit(Update(tally("usr_ann", 1, 2)))
    await database.close()


async def test_commits_that_meet_in_a_deadlock_are_done_all_the_same(server: Server) -> None:
    store = server.store
    names = [f"t_{number}" for number in range(4)]
    await store.commit(*[Insert(tally(name)) for name in names])
    chance = random.Random(5)

    async def count() -> None:
        for _ in range(6):
            while True:
                order = chance.sample(names, len(names))
                now = await store.get_many(Tally, order)
                try:
                    await store.commit(
                        *[
                            Update(e.but(version=e.version + 1, count=e.count + 1))
                            for e in now.values()
                        ]
                    )
                    break
                except Exception as error:
                    assert type(error).__name__ == "Conflict"  # noqa: PT017 # any other is the point

    await asyncio.gather(*[count() for _ in range(6)])
    found = await store.get_many(Tally, names)
    assert [entity.count for entity in found.values()] == [36] * 4


async def test_who_gets_no_connection_leaves_the_work_to_those_who_have(
    proxied: tuple[Proxy, SqlStore],
) -> None:
    proxy, store = proxied
    await store.commit(Insert(tally("usr_ann")))
    proxy.take_no_more()
    for _ in range(5):
        found = await asyncio.gather(*[store.find(Tally, id="usr_ann") for _ in range(40)])
        assert None not in found


# --- the start and the health ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["hangs", "refuses"])
async def test_a_start_without_a_server_names_the_variable_and_no_secret(
    server: Server, how: str
) -> None:
    proxy = Proxy(server.address)
    await proxy.start()
    if how == "hangs":
        proxy.hang()
    else:
        await proxy.refuse()
    before = asyncio.get_running_loop().time()
    with pytest.raises(SettingsError) as refused:
        await server.database(port=proxy.port, within=1.0)
    assert asyncio.get_running_loop().time() - before < 1.5
    assert server.variable in str(refused.value)
    assert "budget:" not in str(refused.value)
    await proxy.stop()


async def test_health_tells_whether_the_server_answers(proxied: tuple[Proxy, SqlStore]) -> None:
    proxy, store = proxied
    database: SqlDatabase = store._database
    assert await database.check() is None
    proxy.hang()
    assert isinstance(await database.check(), Unavailable)
    proxy.release()
    await store.commit(Insert(tally("usr_ann")))
    await until_it_answers(store)
    assert await database.check() is None
