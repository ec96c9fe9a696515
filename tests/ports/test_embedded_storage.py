"""What the embedded database promises beyond the port: one server, and a disk that fails."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from runtime.adapters.sqlite import CannotOpen, Database, SqliteStore
from runtime.adapters.sqlite.pages import Pages
from runtime.adapters.sqlite.shelf import Shelf
from runtime.ports import Conflict, Emit, Insert, Query, Remember, Seen, Update, Where
from runtime.problem import Unavailable
from runtime.table import Table
from tests.ports.platforms import Embedded, until
from tests.ports.sample import POTS, START, TABLES, TALLIES, Pot, PotOpened, Tally, pot, tally
from tests.ports.test_bus import Recorder, consumer

pytestmark = pytest.mark.anyio


@contextmanager
def server(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that serves from `folder`."""
    command = [sys.executable, "-m", "tests.ports.killed", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process


def opened(platform: Embedded, tables: tuple[Table[Any], ...] = TABLES) -> Any:
    return Database.open(platform.folder, tables, clock=platform.clock)


# --- one server, and guests ---------------------------------------------------------------------


async def test_a_second_server_is_refused_and_told_why(embedded: Embedded) -> None:
    with pytest.raises(CannotOpen, match=rf"another process \(pid {os.getpid()}\) serves"):
        await opened(embedded)


async def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with server(tmp_path) as process:
        with pytest.raises(CannotOpen, match=f"pid {process.pid}"):
            await Database.open(tmp_path, TABLES)
        process.kill()
    database = await Database.open(tmp_path, TABLES)
    await database.close()


async def test_a_guest_reads_and_writes_beside_the_server(embedded: Embedded) -> None:
    await embedded.store.commit(Insert(tally("usr_ann")))
    assert await embedded.store.get(Tally, "usr_ann") == tally("usr_ann")
    recorder = Recorder()
    await embedded.bus.start([consumer(recorder)])
    guest = await Database.open(embedded.folder, TABLES, guest=True)
    beside = SqliteStore(guest, TABLES, "pot")
    changed = tally("usr_ann", 5, version=2)
    await beside.commit(Update(changed), Emit(PotOpened("pot_guest", "usr_ann")))
    # The server had it cached, and sees the new one at once.
    assert await embedded.store.get(Tally, "usr_ann") == changed
    with pytest.raises(Conflict):
        await embedded.store.commit(Update(tally("usr_ann", 1, version=2)))
    # What the guest emitted is found without anything else happening.
    await until(lambda: recorder.applied)
    assert recorder.applied == ["pot_guest"]
    await guest.close()


async def test_server_and_guest_take_turns(embedded: Embedded) -> None:
    guest = await Database.open(embedded.folder, TABLES, guest=True)
    beside = SqliteStore(guest, TABLES, "pot")
    await embedded.store.commit(Insert(tally("usr_ann")))

    async def count(store: SqliteStore) -> None:
        for _ in range(30):
            while True:
                now = await store.get(Tally, "usr_ann")
                assert now is not None
                after = now.but(version=now.version + 1, count=now.count + 1)
                try:
                    await store.commit(Update(after))
                    break
                except Conflict:
                    continue

    await asyncio.gather(count(embedded.store), count(beside), count(embedded.store))
    assert await embedded.store.get(Tally, "usr_ann") == tally("usr_ann", 90, 91)
    await guest.close()


async def test_a_lock_held_by_another_process_does_not_stop_the_loop(embedded: Embedded) -> None:
    other = apsw.Connection(str(embedded.folder / "budget.db"))
    other.execute("BEGIN IMMEDIATE")
    commit = asyncio.ensure_future(embedded.store.commit(Insert(tally("usr_ann"))))
    for _ in range(100):
        await asyncio.sleep(0)
        assert await embedded.store.get(Tally, "usr_ann") is None
    assert not commit.done()
    other.execute("COMMIT")
    await commit
    assert await embedded.store.get(Tally, "usr_ann") == tally("usr_ann")
    other.close()


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


# --- the file -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"this is a text file, not a database\n" * 200, "NotADBError"), (b"SQLite format 3\0", ".")],
)
async def test_a_file_that_is_no_database_is_named(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "budget.db").write_bytes(content)
    with pytest.raises(CannotOpen, match=message) as refused:
        await Database.open(tmp_path, TABLES)
    assert str(tmp_path / "budget.db") in str(refused.value)
    # The folder is free again.
    (tmp_path / "budget.db").unlink()
    await (await Database.open(tmp_path, TABLES)).close()


async def test_a_damaged_page_stops_the_start(embedded: Embedded) -> None:
    for _ in range(20):
        await embedded.store.commit(*[Insert(pot(members=["usr_bob"])) for _ in range(20)])
    await embedded.close()
    file = embedded.folder / "budget.db"
    content = bytearray(file.read_bytes())
    for page in range(3, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(content)
    with pytest.raises(CannotOpen, match="damaged"):
        await opened(embedded)
    file.unlink()
    await embedded.open()


async def test_another_applications_database_is_left_alone(tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / "budget.db"))
    other.execute("CREATE TABLE songs (name)")
    other.close()
    with pytest.raises(CannotOpen, match="another application"):
        await Database.open(tmp_path, TABLES)


async def test_a_file_of_a_newer_version_is_refused(embedded: Embedded) -> None:
    await embedded.close()
    other = apsw.Connection(str(embedded.folder / "budget.db"))
    other.pragma("user_version", 999)
    other.close()
    with pytest.raises(CannotOpen, match="newer version"):
        await opened(embedded)
    (embedded.folder / "budget.db").unlink()
    await embedded.open()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotOpen, match="file/data"):
        await Database.open(tmp_path / "file" / "data", TABLES)


# --- the schema ---------------------------------------------------------------------------------


def tallies(columns: str, *more: str, **changed: Any) -> tuple[Table[Any], ...]:
    ddl = (f'CREATE TABLE "tallies" ({columns}) STRICT, WITHOUT ROWID', *more)
    return (POTS, replace(TALLIES, ddl=ddl, **changed))


COLUMNS = (
    '"id" TEXT PRIMARY KEY NOT NULL, "version" INTEGER NOT NULL, "count" INTEGER NOT NULL, '
    '"label" TEXT'
)


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        (tallies(COLUMNS.replace('"label" TEXT', '"label" INTEGER')), "column label changed"),
        (tallies(COLUMNS.replace(', "label" TEXT', "")), "column label is gone"),
        (tallies(COLUMNS + ', "more" TEXT NOT NULL'), "column more is new and must have a value"),
        (
            tallies(COLUMNS, 'CREATE UNIQUE INDEX "tallies.count" ON "tallies" ("count")'),
            "breaks a new uniqueness rule",
        ),
        (tallies(COLUMNS, 'CREATE TABLE "tallies__by" ("value" TEXT, "id" TEXT)'), "set indexes"),
    ],
)
async def test_a_table_that_does_not_fit_stops_the_start_by_name(
    embedded: Embedded, tables: tuple[Table[Any], ...], why: str
) -> None:
    await embedded.store.commit(Insert(tally("usr_ann")), Insert(tally("usr_bob")))
    await embedded.close()
    with pytest.raises(CannotOpen, match=f"table tallies differs from the contract: .*{why}"):
        await opened(embedded, tables)
    # And nothing was changed.
    await embedded.open()
    assert await embedded.store.get(Tally, "usr_ann") == tally("usr_ann")


async def test_new_columns_and_indexes_are_added(embedded: Embedded) -> None:
    await embedded.store.commit(Insert(tally("usr_ann", 3)))
    await embedded.close()
    columns = COLUMNS + ', "more" TEXT, "most" INTEGER NOT NULL DEFAULT 7'
    tables = tallies(
        columns,
        'CREATE INDEX "tallies:count" ON "tallies" ("count", "id")',
    )
    for _ in range(2):
        database = await opened(embedded, tables)
        assert database.read("SELECT * FROM tallies") == [("usr_ann", 1, 3, None, None, 7)]
        assert "count" in database.shape("tallies")[1]
        with pytest.raises(CannotOpen, match="start the server first"):
            await Database.open(embedded.folder, TABLES, guest=True)
        await database.close()
    # An index that the contract no longer has goes.
    database = await opened(embedded, tallies(columns))
    assert "count" not in database.shape("tallies")[1]
    await database.close()
    (embedded.folder / "budget.db").unlink()
    await embedded.open()


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
