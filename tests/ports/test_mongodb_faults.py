"""MongoDB that is not there, hangs, or loses its answers."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from runtime.adapters.mongodb import CannotReach, MongoDatabase, MongoOutbox, MongoStore
from runtime.ports import Conflict, Emit, Insert, Query, Remember, Seen, Update
from runtime.problem import Unavailable
from tests.ports.mongodb_platform import MongoPlatform
from tests.ports.mongodb_proxy import Proxy, answering, proxy, silent
from tests.ports.sample import Pot, PotOpened, Tally, pot, tally
from tests.ports.sample_documents import COLLECTIONS

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.server("mongodb"),
    # A socket that PyMongo was connecting when it was closed, it leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SECRET = "hunter2secret"


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Such sockets are found here, and not in the tests that follow."""
    yield
    gc.collect()


class Through:
    """A store and an outbox through a proxy."""

    def __init__(self, proxy: Proxy, database: MongoDatabase) -> None:
        self.proxy = proxy
        self.database = database
        self.store = MongoStore(database, COLLECTIONS, "pot")
        self.outbox = MongoOutbox(database, COLLECTIONS, "pot")


@asynccontextmanager
async def through(mongo: MongoPlatform, patience: float = 4.0) -> AsyncIterator[Through]:
    async with proxy() as between:
        uri = between.address(mongo.database.documents.name)
        database = await MongoDatabase.open(uri, clock=mongo.clock, patience=patience)
        try:
            yield Through(between, database)
        finally:
            between.hang(False)
            await database.close()


async def refusal(uri: str) -> str:
    """Why it cannot be opened; within 10 s."""
    began = time.monotonic()
    with pytest.raises(CannotReach) as refused:
        await MongoDatabase.open(uri)
    assert time.monotonic() - began < 10
    text = str(refused.value)
    assert text.startswith("MONGO_DB_URI: ")
    assert SECRET not in text
    assert refused.value.__cause__ is None
    return text


async def test_a_start_without_a_server_fails_and_names_the_variable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        text = await refusal(f"mongodb://ann:{SECRET}@127.0.0.1:{port}/budget")
    assert f"127.0.0.1:{port} does not answer" in text


async def test_a_start_with_a_silent_server_fails_within_ten_seconds() -> None:
    async with silent() as port:
        text = await refusal(f"mongodb://ann:{SECRET}@127.0.0.1:{port}/budget")
    assert f"127.0.0.1:{port} does not answer" in text


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://ann:{SECRET}@",
        f"mongodb://ann:{SECRET}@host:port/x",
        f"postgres://ann:{SECRET}@host/x",
        f"mongodb://ann:{SECRET}@host/x?w={SECRET}&timeoutMS=-3",
        SECRET,
    ],
)
async def test_an_address_that_is_none_is_told_without_what_is_in_it(uri: str) -> None:
    assert "is no address" in await refusal(uri)


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        ({"isWritablePrimary": True}, "is no replica set"),
        (
            {"isWritablePrimary": True, "setName": "rs", "maxWireVersion": 13},
            "older than version 6",
        ),
    ],
)
async def test_a_server_without_transactions_is_refused(hello: dict[str, Any], why: str) -> None:
    async with answering(hello) as port:
        uri = f"mongodb://127.0.0.1:{port}/budget?directConnection=true"
        assert why in await refusal(uri)


async def test_health_tells_whether_it_answers(mongo: MongoPlatform) -> None:
    assert await mongo.database.check() is None
    async with through(mongo, patience=0.5) as one:
        assert await one.database.check() is None
        one.proxy.hang()
        assert isinstance(await one.database.check(), Unavailable)
        one.proxy.hang(False)
        assert await one.database.check() is None


async def test_a_hung_server_costs_no_more_than_the_patience(mongo: MongoPlatform) -> None:
    entity = pot()
    await mongo.store.commit(Insert(entity))
    async with through(mongo, patience=0.8) as one:
        assert await one.store.get(Pot, entity.id) == entity
        one.proxy.hang()
        began = time.monotonic()
        outcomes = await asyncio.gather(
            one.store.get(Pot, entity.id),
            one.store.get_many(Pot, [entity.id]),
            one.store.find(Pot, owner_id="usr_ann", name="x"),
            one.store.page(Pot, Query()),
            one.store.recall("usr_ann", "k1"),
            one.store.seen("counter", ["evt_1"]),
            one.store.commit(Insert(pot())),
            one.store.commit(Insert(pot()), Emit(PotOpened("x", "usr_ann"))),
            one.store.commit(Insert(pot()), Insert(tally("usr_ann")), Seen("counter", "evt_1")),
            one.outbox.take(10),
            return_exceptions=True,
        )
        assert time.monotonic() - began < 2.5
        assert {type(outcome) for outcome in outcomes} == {Unavailable}
        assert {o.retry_after for o in outcomes if isinstance(o, Unavailable)} == {1}
        one.proxy.hang(False)
        # It is there again, and so are we, over other connections.
        assert await one.store.get(Pot, entity.id) == entity
        await one.store.commit(Insert(pot()), Insert(tally("usr_bob")))


async def test_a_server_that_is_gone_comes_back(mongo: MongoPlatform) -> None:
    entity = pot()
    await mongo.store.commit(Insert(entity))
    async with through(mongo, patience=1.0) as one:
        assert await one.store.get(Pot, entity.id) == entity
        await one.proxy.stop()
        for refused in (one.store.get(Pot, entity.id), one.store.commit(Insert(pot()))):
            with pytest.raises(Unavailable):
                await refused
        await one.proxy.start()
        async with asyncio.timeout(10):
            while True:
                try:
                    assert await one.store.get(Pot, entity.id) == entity
                    break
                except Unavailable:
                    continue


@pytest.mark.parametrize("cut_at", [b"insert\0", b"update\0", b"commitTransaction\0"], ids=str)
async def test_an_answer_that_is_lost_doubles_nothing(mongo: MongoPlatform, cut_at: bytes) -> None:
    """The connection is cut between the commit and its acknowledgement."""
    entity = pot()
    await mongo.store.commit(Insert(entity), Insert(tally("usr_ann")))
    async with through(mongo) as one:
        await one.store.get(Pot, entity.id)
        one.proxy.cut_at, one.proxy.cuts = cut_at, 1
        if cut_at == b"insert\0":
            fresh = pot()
            await one.store.commit(Insert(fresh), Emit(PotOpened(fresh.id, "usr_ann")))
            assert await mongo.store.get(Pot, fresh.id) == fresh
        else:
            more = (
                (Seen("counter", "evt_1"), Remember("usr_ann", "k1", "x", b""))
                if cut_at != b"update\0"
                else ()
            )
            counted = tally("usr_ann", 1, version=2)
            await one.store.commit(Update(counted), Emit(PotOpened("x", "usr_ann")), *more)
            assert await mongo.store.get(Tally, "usr_ann") == counted
        assert one.proxy.cuts == 0
    assert len(await mongo.outbox.take(10)) == 1


async def test_a_commit_whose_caller_has_left_is_done_or_not(mongo: MongoPlatform) -> None:
    """It keeps nothing locked, which a transaction that is left open would for a minute."""
    entity = tally("usr_ann")
    await mongo.store.commit(Insert(entity))
    async with through(mongo) as one:
        for round in range(6):
            one.proxy.hang()
            seen = Seen("counter", f"evt_{round}")
            task = asyncio.ensure_future(one.store.commit(Update(entity.but(version=2)), seen))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            one.proxy.hang(False)
        async with asyncio.timeout(3):
            while True:
                now = await mongo.store.get(Tally, "usr_ann")
                assert now is not None
                try:
                    await one.store.commit(Update(now.but(version=now.version + 1)), Seen("c", "e"))
                    break
                except Conflict:
                    continue
