"""What the index in Elasticsearch promises beyond the port: many processes, and servers that go."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from secrets import token_hex
from urllib.parse import urlsplit

import pytest

from generated.index import ExpenseIndex
from runtime.adapters.elasticsearch import ElasticIndex, rebuilding
from runtime.ports import SearchDocument, SearchQuery
from runtime.problem import Unavailable
from runtime.settings import SettingsError
from tests.ports import searching
from tests.ports.platforms import until
from tests.ports.searching import HOME, add, expense, ids, stream

pytestmark = [pytest.mark.anyio, pytest.mark.server("elasticsearch")]

WORK = "bud_work"


@pytest.fixture
async def index() -> AsyncIterator[ElasticIndex]:
    async with searching.elastic() as index:
        yield index


@asynccontextmanager
async def another(index: ElasticIndex, url: str | None = None) -> AsyncIterator[ElasticIndex]:
    """The same index, as another process opens it."""
    at = url or _url()
    other = await ElasticIndex.open(at, ExpenseIndex, name=index._alias)
    try:
        yield other
    finally:
        await other.close()


def _url() -> str:
    return os.environ["ELASTIC_SEARCH_URL"]


class Proxy:
    """Stands between; can hold everything back, as a server does that hangs."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        target = urlsplit(_url())
        assert target.hostname is not None
        writers: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection(target.hostname, target.port)
            writers.extend((writer, back))
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for writer in writers:
                writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.open.wait()
            writer.write(data)
        writer.close()


async def test_processes_share_an_index_and_only_the_first_makes_it(index: ElasticIndex) -> None:
    async with another(index) as second, another(index) as third:
        await add(index, expense("e1"))
        await add(second, expense("e2"))
        assert await ids(third) == ["e1", "e2"]
        assert index.needs_rebuild
        assert third.needs_rebuild
        await second.rebuild(stream([expense("e1")]))
        assert await ids(third) == ["e1"]
    async with another(index) as later:
        assert not later.needs_rebuild


async def test_processes_that_start_at_once_make_one_index() -> None:
    name = f"test-{token_hex(6)}"
    opened = await asyncio.gather(
        *(ElasticIndex.open(_url(), ExpenseIndex, name=name, within=60) for _ in range(4))
    )
    elastic = opened[0]._elastic
    found = await elastic.indices.get_alias(name=name)
    assert list(found) == [f"{name}-000001"]
    await elastic.indices.delete(index=list(found))
    await elastic.indices.delete_index_template(name=name)
    for each in opened:
        await each.close()


async def test_nothing_that_is_written_during_rebuilds_is_lost_or_undone(
    index: ElasticIndex,
) -> None:
    # What the store holds, written by two processes while a third rebuilds from it.
    held: dict[str, SearchDocument] = {}
    rebuilding_still = True

    async def documents() -> AsyncIterator[SearchDocument]:
        for each in list(held.values()):
            yield each
        # These are written after the store was read, and before the switch.
        written = sum(numbers.values())
        await until(lambda: sum(numbers.values()) > written + 6)

    numbers = {"a": 0, "b": 0}

    async def write(here: ElasticIndex, who: str) -> None:
        while rebuilding_still or numbers[who] < 30:
            number = numbers[who]
            # Some are written once, others over and over again.
            id = f"{who}{number % 10 if number % 3 else number}"
            known = held.get(id)
            version = known.version + 1 if known else 1
            if known and number % 7 == 0:
                del held[id]
                await here.apply([], {id: known.version})
                held[id] = expense(id, version=known.version + 1)
                await add(here, held[id])
                assert id in await ids(here, limit=200)
            else:
                held[id] = expense(id, f"Word{number}", version=version)
                await add(here, held[id])
                assert id in await ids(here, f"word{number}", fuzzy=False, limit=100)
            numbers[who] += 1

    async with another(index) as one, another(index) as two:
        writers = [
            asyncio.create_task(write(one, "a")),
            asyncio.create_task(write(two, "b")),
        ]
        for _ in range(4):
            await index.rebuild(documents())
        rebuilding_still = False
        await asyncio.gather(*writers)
    assert sorted(await ids(index, limit=200)) == sorted(held)
    for id, document in held.items():
        assert id in await ids(index, document.description, fuzzy=False, limit=200)
    made = await index._elastic.indices.get(index=f"{index._alias}-*")
    assert len(made) == 1


async def test_of_two_rebuilds_at_once_one_wins_and_neither_harms(index: ElasticIndex) -> None:
    await add(index, expense("e1"))
    async with another(index) as other:
        outcomes = await asyncio.gather(
            *(each.rebuild(stream([expense("e1"), expense("e2")])) for each in (index, other)),
            return_exceptions=True,
        )
    assert 2 in outcomes
    assert all(outcome == 2 or isinstance(outcome, Unavailable) for outcome in outcomes)
    assert await ids(index) == ["e1", "e2"]
    await add(index, expense("e3"))
    assert await ids(index) == ["e1", "e2", "e3"]


async def test_a_rebuild_that_dies_as_it_switches_holds_writers_up_and_no_more(
    index: ElasticIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    [old] = await index._elastic.indices.get_alias(name=index._alias)
    await index._elastic.indices.add_block(index=old, block="write")
    monkeypatch.setattr("runtime.adapters.elasticsearch.writing._TRIES", 20)
    await add(index, expense("e1"))
    assert await ids(index) == ["e1"]
    assert await index.rebuild(stream([expense("e1")])) == 1


async def test_what_dead_rebuilds_left_is_swept(
    index: ElasticIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    await index._elastic.indices.create(index=f"{index._alias}-left")
    await index.rebuild(stream([]))
    assert await index._elastic.indices.exists(index=f"{index._alias}-left")
    monkeypatch.setattr(rebuilding, "_LEFT", timedelta(0))
    await index.rebuild(stream([expense("e1")]))
    assert not await index._elastic.indices.exists(index=f"{index._alias}-left")
    assert await ids(index) == ["e1"]


async def test_a_late_document_never_slips_into_a_budget_that_is_being_deleted(
    index: ElasticIndex,
) -> None:
    async with another(index) as other:
        for n in range(5):
            budget = f"bud_{n}"
            await add(index, expense(f"first{n}", budget_id=budget))
            await asyncio.gather(
                index.delete_budget(budget),
                *(add(other, expense(f"late{n}-{m}", budget_id=budget)) for m in range(5)),
            )
            assert await ids(index, budgets=(budget,)) == []


async def test_deletions_are_forgotten_after_a_month(index: ElasticIndex) -> None:
    today = date(2026, 3, 14)
    index._today = lambda: today
    await index.apply([], {"e1": 2})
    await index.delete_budget(WORK)
    today += timedelta(days=29)
    await add(index, expense("e1"), expense("e4", budget_id=WORK))
    assert await ids(index, budgets=(HOME, WORK)) == []
    today += timedelta(days=1)
    await add(index, expense("e3"))
    await add(index, expense("e5", budget_id=WORK))
    assert await ids(index, budgets=(HOME, WORK)) == ["e3", "e5"]
    assert (await index._elastic.count(index=index._alias))["count"] == 2


async def test_many_documents_go_in_pieces_and_what_cannot_be_indexed_fails(
    index: ElasticIndex,
) -> None:
    many = [expense(f"e{n:05d}", note="much to say " * 100) for n in range(5000)]
    await add(index, *many)
    assert (await index.search(SearchQuery(budgets=(HOME,)))).total == 5000
    with pytest.raises(OverflowError):
        await add(index, expense("e1", amount=2**63))
    with pytest.raises(ValueError, match="1 documents cannot be indexed"):
        await add(index, expense("good"), expense("bad", currency="x" * 40_000))
    await add(index, expense("later"))
    assert "good" in await ids(index, "thing", limit=200, offset=4900)
    assert await ids(index, limit=200, offset=19_900) == []


async def test_a_server_that_hangs_or_goes_is_unavailable_in_time(index: ElasticIndex) -> None:
    proxy = Proxy()
    async with proxy.serving() as url:
        opened = await ElasticIndex.open(url, ExpenseIndex, name=index._alias)
        await add(opened, expense("e1"))
        proxy.open.clear()
        begun = time.perf_counter()
        outcomes = await asyncio.gather(
            ids(opened),
            opened.suggest([HOME], "thi", 5),
            add(opened, expense("e2")),
            opened.rebuild(stream([])),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
        assert await opened.check() is not None
        assert time.perf_counter() - begun < 8
        with pytest.raises(SettingsError, match="ELASTIC_SEARCH_URL: the server does not answer"):
            await ElasticIndex.open(url, ExpenseIndex, name=index._alias, within=0.3)
        proxy.open.set()
        assert await ids(opened) in (["e1"], ["e1", "e2"])
        assert await opened.check() is None
    with pytest.raises(Unavailable):
        await ids(opened)
    with pytest.raises(Unavailable):
        await add(opened, expense("e3"))
    await opened.close()


@pytest.mark.parametrize(
    "url", ["http://ann:s3cret@127.0.0.1:1", "http://ann:s3cret@host:port", "http://"]
)
async def test_a_start_without_the_server_is_refused_by_the_name_of_the_variable(url: str) -> None:
    with pytest.raises(SettingsError, match="ELASTIC_SEARCH_URL: ") as refused:
        await ElasticIndex.open(url, ExpenseIndex, within=5)
    assert "s3cret" not in str(refused.value)


async def test_an_index_that_was_wiped_is_unavailable_and_made_by_nobody_by_chance(
    index: ElasticIndex,
) -> None:
    made = await index._elastic.indices.get_alias(name=index._alias)
    await index._elastic.indices.delete(index=list(made))
    for refused in (ids(index), add(index, expense("e1"))):
        with pytest.raises(Unavailable):
            await refused
    assert not await index._elastic.indices.exists(index=index._alias)
    async with another(index) as again:
        assert again.needs_rebuild
        await add(index, expense("e1"))
        assert await ids(again) == ["e1"]
