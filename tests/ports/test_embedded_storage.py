"""What the embedded database promises beyond the port: one server, and a disk that fails."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from runtime.adapters.sqlite import Database, SqliteStore
from runtime.adapters.sqlite.pages import Pages
from runtime.adapters.sqlite.shelf import Shelf
from runtime.ports import Emit, Insert, Query, Remember, Seen, Where
from runtime.problem import Unavailable
from runtime.table import Table
from tests.ports.consumers import Recorder, consumer
from tests.ports.platforms import Embedded, until
from tests.ports.sample import POTS, START, TABLES, Pot, PotOpened, pot

pytestmark = pytest.mark.anyio


def opened(platform: Embedded, tables: tuple[Table[Any], ...] = TABLES) -> Any:
    return Database.open(platform.folder, tables, clock=platform.clock)


# --- the disk -----------------------------------------------------------------------------------


@contextmanager
def full_disk(database: Database) -> Iterator[None]:
    """SQLite's own limit on the file: it answers SQLITE_FULL, as for a full disk."""
    connection = database._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    yield
    connection.pragma("max_page_count", 1 << 30)


@contextmanager
def no_room_for_files() -> Iterator[None]:
    """Every write behind a file's first bytes fails with EFBIG, which SQLite calls an I/O error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_refuses_commits_and_nothing_else(embedded: Embedded) -> None:
    kept = pot()
    await embedded.store.commit(Insert(kept))
    refused = [pot(name=f"{number}" * 3000) for number in range(20)]
    with full_disk(embedded.database):
        outcomes = await asyncio.gather(
            *[embedded.store.commit(Insert(entity)) for entity in refused], return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} == {Unavailable}
        assert await embedded.store.get(Pot, kept.id) == kept
        assert (await embedded.store.page(Pot, Query())).items == [kept]
        assert isinstance(await embedded.database.check(), Unavailable | None)
    await embedded.store.commit(*[Insert(entity) for entity in refused])
    assert await embedded.database.check() is None
    assert len((await embedded.store.page(Pot, Query())).items) == 21


async def test_an_io_error_refuses_commits_and_nothing_else(
    embedded: Embedded, caplog: pytest.LogCaptureFixture
) -> None:
    kept = pot()
    await embedded.store.commit(Insert(kept))
    with no_room_for_files():
        with pytest.raises(Unavailable) as refused:
            await embedded.store.commit(Insert(pot()))
        assert isinstance(await embedded.database.check(), Unavailable)
        assert await embedded.store.get(Pot, kept.id) == kept
    # What the caller is told names no file and no cause; the log does.
    assert str(refused.value) == "The store does not answer."
    assert "could not commit" in caplog.text
    assert await embedded.database.check() is None
    await embedded.store.commit(Insert(pot()))
    await embedded.close()
    await embedded.open()
    assert len((await embedded.store.page(Pot, Query())).items) == 2


async def test_events_go_on_when_the_disk_has_room_again(embedded: Embedded) -> None:
    recorder = Recorder({"pot_1": 1})
    await embedded.bus.start([consumer(recorder)])
    await embedded.bus.drained()
    await embedded.store.commit(Emit(PotOpened("pot_1", "usr_ann")))
    with no_room_for_files():
        # Its consumer fails, and that cannot be written down either.
        await until(lambda: recorder.attempts)
        assert not await embedded.bus.drained(0.05)

    def turned() -> bool:
        embedded.clock.turn(timedelta(seconds=1))
        embedded.wake()
        return bool(recorder.applied)

    await until(turned)
    assert await embedded.bus.drained()


# --- what is kept, and what it costs ------------------------------------------------------------


async def test_what_is_past_its_time_is_purged(embedded: Embedded) -> None:
    def record(number: int) -> Remember:
        return Remember("usr_ann", f"key_{number}", "openPot", b"")

    for number in range(1100):
        await embedded.store.commit(record(number), Seen("counter", f"evt_{number}"))
    assert await embedded.database.sweep() == 0
    embedded.clock.turn(timedelta(hours=23))
    await embedded.store.commit(record(9999))
    embedded.clock.turn(timedelta(hours=2))
    assert await embedded.database.sweep() == 1100
    assert await embedded.store.recall("usr_ann", "key_9999") is not None
    embedded.clock.turn(timedelta(days=5, hours=22, minutes=59))
    assert await embedded.database.sweep() == 1
    embedded.clock.turn(timedelta(minutes=2))
    assert await embedded.database.sweep() == 1100


async def test_a_commit_is_on_the_disk_when_it_returns(embedded: Embedded) -> None:
    connection = embedded.database._connection
    assert (connection.pragma("journal_mode"), connection.pragma("synchronous")) == ("wal", 2)


async def test_commits_that_wait_share_a_transaction(embedded: Embedded) -> None:
    commits = 0

    def count() -> bool:
        nonlocal commits
        commits += 1
        return False

    embedded.database._connection.set_commit_hook(count)
    await asyncio.gather(*[embedded.store.commit(Insert(pot())) for _ in range(60)])
    assert commits == 1


async def test_a_store_that_cannot_keep_up_says_so(embedded: Embedded) -> None:
    commits = [asyncio.ensure_future(embedded.store.commit(Insert(pot()))) for _ in range(10_050)]
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert len(refused) == 50
    assert all(isinstance(outcome, Unavailable) for outcome in refused)
    # And it forgot nothing about the others.
    await embedded.store.commit(Insert(pot()))
    assert embedded.store._shelves[Pot].changing == {}


async def test_a_close_commits_what_waits(embedded: Embedded) -> None:
    entities = [pot() for _ in range(300)]
    commits = [asyncio.ensure_future(embedded.store.commit(Insert(e))) for e in entities]
    await asyncio.sleep(0)
    await embedded.close()
    assert await asyncio.gather(*commits, return_exceptions=True) == [None] * 300
    with pytest.raises(Unavailable):
        await embedded.store.commit(Insert(pot()))
    with pytest.raises(Unavailable):
        await embedded.store.get(Pot, "pot_none")
    await embedded.open()
    assert len(await embedded.store.get_many(Pot, [e.id for e in entities])) == 300


async def test_the_cache_is_bounded_and_keeps_what_is_used(embedded: Embedded) -> None:
    store = SqliteStore(embedded.database, TABLES, "pot", cached=10)
    entities = [pot() for _ in range(30)]
    await store.commit(*[Insert(entity) for entity in entities])
    favourite = entities[0]
    first = await store.get(Pot, favourite.id)
    for entity in entities[1:]:
        await store.get(Pot, entity.id)
        assert await store.get(Pot, favourite.id) is first
    assert len(store._shelves[Pot].cache) == 10


def explained(platform: Embedded, sql: str, bindings: Sequence[Any]) -> list[str]:
    rows = platform.database.read(f"EXPLAIN QUERY PLAN {sql}", bindings)
    return [row[3] for row in rows]


OWNER = Where("owner_id", "eq", "usr_ann")
OWNERS = Where("owner_id", "in", ("usr_ann", "usr_bob", "usr_cyd"))
UP, DOWN = (("created_at", False),), (("created_at", True),)
LAST = (START, "pot_x")


@pytest.mark.parametrize(
    "query",
    [
        Query((OWNER,), DOWN),
        Query((OWNER,), DOWN, after=LAST),
        Query((OWNER,), UP, after=LAST),
        Query((OWNERS,), DOWN),
        Query((OWNERS,), DOWN, after=LAST),
        Query((OWNERS, Where("rank", "eq", 3)), UP, after=LAST),
        Query((OWNERS, Where("created_at", "gte", START)), DOWN, after=LAST),
        Query((OWNERS, Where("visible_to", "has", "usr_dot")), DOWN, after=LAST),
    ],
)
async def test_a_page_reads_its_own_range_in_order(embedded: Embedded, query: Query) -> None:
    pages = Pages(Shelf(POTS, *embedded.database.shape("pots"), 10))
    for statements in pages.statements(query):
        for sql, bindings in statements:
            plan = explained(embedded, sql, bindings)
            assert any("pots:owner_id:created_at" in step for step in plan)
            assert not any("SCAN t" in step for step in plan)
            # The page itself may be sorted once more, what it is chosen from never.
            if "TEMP B-TREE" in plan[-1] and "SCAN k" in plan:
                plan.pop()
            assert not any("TEMP B-TREE" in step for step in plan)


async def test_a_set_is_read_from_its_own_range(embedded: Embedded) -> None:
    pages = Pages(Shelf(POTS, *embedded.database.shape("pots"), 10))
    [[(sql, bindings)]] = pages.statements(Query((Where("visible_to", "has", "usr_ann"),)))
    plan = explained(embedded, sql, bindings)
    assert "PRIMARY KEY (value=?)" in plan[0]
    assert not any("SCAN" in step for step in plan)
