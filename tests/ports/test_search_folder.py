"""What only the embedded search index promises: about its folder, its lock, crashes and damage."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from runtime.adapters.tantivy_index import IndexClosed, IndexInUse, TantivyIndex
from runtime.ports import SearchDocument
from tests.ports.searching import HOME, add, expense, ids, stream

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(
    folder: Path, today: Callable[[], date] = lambda: date(2026, 3, 14)
) -> AsyncIterator[TantivyIndex]:
    index = TantivyIndex(folder, today=today)
    try:
        yield index
    finally:
        await index.close()


def killed(folder: Path) -> Path:
    """What the disk would hold, were the process killed now."""
    # A file on its way to its name may be gone before it is copied, as after a real crash.
    passing = shutil.ignore_patterns(".tmp*")
    return Path(shutil.copytree(folder, folder.with_name("after the crash"), ignore=passing))


async def test_what_was_applied_outlives_a_crash(tmp_path: Path) -> None:
    async with opened(tmp_path / "search") as index:
        await index.apply([expense("e1"), expense("e2")], {"e3": 4})
        async with opened(killed(tmp_path / "search")) as after:
            await add(after, expense("e3", version=4))
            assert await ids(after) == ["e1", "e2"]


async def test_a_crash_in_a_rebuild_leaves_the_old_index(tmp_path: Path) -> None:
    folder = tmp_path / "search"

    async def documents() -> AsyncIterator[SearchDocument]:
        for n in range(600):
            yield expense(f"new{n}")
        killed(folder)

    async with opened(folder) as index:
        await index.rebuild(stream([expense("old")]))
        await index.rebuild(documents())
        assert len(list(folder.glob("index-*"))) == 1
    async with opened(folder.with_name("after the crash")) as after:
        assert await ids(after) == ["old"]
        assert not after.needs_rebuild
        assert len(list(after.path.glob("index-*"))) == 1


async def test_a_cancelled_rebuild_leaves_the_old_index(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def documents() -> AsyncIterator[SearchDocument]:
        yield expense("new")
        asked.set()
        await asyncio.Event().wait()

    async with opened(tmp_path / "search") as index:
        await add(index, expense("old"))
        rebuild = asyncio.create_task(index.rebuild(documents()))
        await asked.wait()
        rebuild.cancel()
        await asyncio.wait([rebuild])
        assert rebuild.cancelled()
        assert await ids(index) == ["old"]
        await add(index, expense("older", spent_on=date(2020, 1, 1)))
        assert await ids(index) == ["old", "older"]
        assert len(list(index.path.glob("index-*"))) == 1


async def test_a_second_opener_is_told_who_has_the_index(tmp_path: Path) -> None:
    async with opened(tmp_path / "search") as index:
        with pytest.raises(IndexInUse, match=r"is open already, by process \d+"):
            TantivyIndex(tmp_path / "search")
        await add(index, expense("e1"))
    async with opened(tmp_path / "search") as index:
        assert await ids(index) == ["e1"]


async def test_a_new_index_needs_a_rebuild_until_one_is_done(tmp_path: Path) -> None:
    async with opened(tmp_path / "search") as index:
        assert index.needs_rebuild
        await add(index, expense("e1"))
    async with opened(tmp_path / "search") as index:
        assert index.needs_rebuild
        await index.rebuild(stream([expense("e1")]))
    async with opened(tmp_path / "search") as index:
        assert not index.needs_rebuild


def _overwritten(generation: Path) -> None:
    (generation / "meta.json").write_text("{")


def _cut(generation: Path) -> None:
    for file in generation.glob("*.store"):
        file.write_bytes(file.read_bytes()[:10])


def _lost(generation: Path) -> None:
    for file in generation.glob("*.fast"):
        file.unlink()


def _garbled(generation: Path) -> None:
    for file in generation.glob("*.fast"):
        file.write_bytes(b"\xff" * file.stat().st_size)


def _unnamed(generation: Path) -> None:
    (generation.parent / "current.json").write_bytes(b"\x00")


def _of_another_format(generation: Path) -> None:
    pointer = generation.parent / "current.json"
    pointer.write_text(json.dumps(json.loads(pointer.read_text()) | {"format": -1}))


@pytest.mark.parametrize(
    "damage", [_overwritten, _cut, _lost, _garbled, _unnamed, _of_another_format]
)
async def test_a_damaged_index_is_set_aside_for_an_empty_one_that_needs_a_rebuild(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    async with opened(tmp_path / "search") as index:
        await index.rebuild(stream([expense("e1")]))
        (generation,) = index.path.glob("index-*")
    damage(generation)
    async with opened(tmp_path / "search") as index:
        assert index.needs_rebuild
        assert await ids(index) == []
        assert (index.path / "damaged" / "meta.json").exists()
        await add(index, expense("e2"))
        await index.rebuild(stream([expense("e1")]))
        assert await ids(index) == ["e1"]
    async with opened(tmp_path / "search") as index:
        assert not index.needs_rebuild
        assert await ids(index) == ["e1"]


async def test_calls_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    async with opened(tmp_path / "search") as index:
        await asyncio.gather(*(add(index, expense(f"e{n}")) for n in range(50)))
        assert len(await ids(index, limit=100)) == 50
        assert len(list(index.path.glob("index-*/*.store"))) <= 2


async def test_what_cannot_be_indexed_fails_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "search") as index:
        outcomes = await asyncio.gather(
            add(index, expense("e1")),
            add(index, expense("e2"), expense("e3", amount=2**63)),
            add(index, expense("e4")),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [type(None), OverflowError, type(None)]
        assert await ids(index) == ["e1", "e4"]


async def test_a_caller_that_gives_up_is_served_all_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path / "search") as index:
        given_up = asyncio.create_task(add(index, expense("e1")))
        await asyncio.sleep(0)
        given_up.cancel()
        await add(index, expense("e2"))
        assert given_up.cancelled()
        assert await ids(index) == ["e1", "e2"]


async def test_deletions_are_forgotten_after_a_month(tmp_path: Path) -> None:
    today = date(2026, 3, 14)
    async with opened(tmp_path / "search", lambda: today) as index:
        await index.apply([], {"e1": 2, "e2": 2})
        await index.delete_budget("bud_work")
        today += timedelta(days=29)
        await add(index, expense("e1"), expense("e4", budget_id="bud_work"))
        assert await ids(index, budgets=(HOME, "bud_work")) == []
        assert index.documents == 3
        today += timedelta(days=1)
        await add(index, expense("e3"))
        assert index.documents == 1
        await add(index, expense("e1"))
        assert await ids(index) == ["e1", "e3"]


async def test_closing_finishes_what_was_asked_for_and_takes_no_more(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path / "search")
    asked = [asyncio.create_task(add(index, expense(f"e{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    await index.close()
    await index.close()
    assert all(task.done() and task.exception() is None for task in asked)
    for late in (ids(index), add(index, expense("e9")), index.suggest([HOME], "a", 1)):
        with pytest.raises(IndexClosed):
            await late
    async with opened(tmp_path / "search") as again:
        assert len(await ids(again)) == 3


async def test_closing_in_the_middle_of_a_rebuild_keeps_the_old_index(tmp_path: Path) -> None:
    async def documents() -> AsyncIterator[SearchDocument]:
        yield expense("new")
        await index.close()
        yield expense("newer")

    index = TantivyIndex(tmp_path / "search")
    await add(index, expense("old"))
    with pytest.raises(IndexClosed):
        await index.rebuild(documents())
    async with opened(tmp_path / "search") as again:
        assert await ids(again) == ["old"]
        assert len(list(again.path.glob("index-*"))) == 1
