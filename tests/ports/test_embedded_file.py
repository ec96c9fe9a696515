"""What the embedded database makes of the file that it finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from runtime.adapters.sqlite import CannotOpen, Database
from runtime.ports import Insert
from runtime.table import Table
from tests.ports.platforms import Embedded
from tests.ports.sample import POTS, TABLES, TALLIES, Tally, pot, tally

pytestmark = pytest.mark.anyio


def opened(platform: Embedded, tables: tuple[Table[Any], ...] = TABLES) -> Any:
    return Database.open(platform.folder, tables, clock=platform.clock)


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
