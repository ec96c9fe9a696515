"""What the fan-out over Redis promises beyond the port: other processes, and Redis gone."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runtime.adapters.redis import Line, RedisFanout
from runtime.settings import SettingsError
from tests.ports import redis_server
from tests.ports.platforms import until
from tests.ports.redis_server import OwnServer

pytestmark = [pytest.mark.anyio, pytest.mark.server("redis")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnServer]:
    server = OwnServer(tmp_path)
    server.start()
    yield server
    server.kill()


class Process:
    """A fan-out with a line of its own, as another process would have."""

    def __init__(self, line: Line, fanout: RedisFanout) -> None:
        self.line = line
        self.fanout = fanout


@pytest.fixture
async def two(server: OwnServer) -> AsyncIterator[tuple[Process, Process]]:
    prefix = redis_server.prefix()
    async with redis_server.opened(server.url) as first, redis_server.opened(server.url) as second:
        one, other = RedisFanout(first, prefix=prefix), RedisFanout(second, prefix=prefix)
        yield Process(first, one), Process(second, other)
        await one.aclose()
        await other.aclose()


async def test_two_processes_hear_each_other_and_themselves_once(
    two: tuple[Process, Process],
) -> None:
    here, there = (process.fanout for process in two)
    listeners = here.listen("user:ann"), there.listen("user:ann")
    await here.settled()
    await there.settled()
    for number in range(50):
        await (here, there)[number % 2].publish("user:ann", b"%d \x00\xff" % number)
    for listener in listeners:
        heard = [await anext(listener) for _ in range(50)]
        assert sorted(heard, key=lambda m: int(m.split()[0])) == [
            b"%d \x00\xff" % number for number in range(50)
        ]
    await here.publish("user:ann", b"last")
    assert [await anext(listener) for listener in listeners] == [b"last", b"last"]


async def test_a_process_subscribes_to_what_it_listens_to_and_no_more(
    two: tuple[Process, Process],
) -> None:
    here, there = (process.fanout for process in two)
    one, other = here.listen("user:ann"), here.listen("user:ann")
    await here.settled()
    assert await two[1].line.call("PUBSUB", "CHANNELS", f"{here._prefix}user:*")
    await one.aclose()
    del one
    gc.collect()
    await here.settled()
    await there.publish("user:ann", b"still")
    assert await anext(other) == b"still"
    del other
    gc.collect()
    await here.settled()
    assert await two[1].line.call("PUBSUB", "CHANNELS", f"{here._prefix}user:*") == []


async def test_without_redis_a_process_hears_itself_and_waits_for_nothing(
    two: tuple[Process, Process], server: OwnServer
) -> None:
    here = two[0].fanout
    listener = here.listen("user:ann")
    await here.settled()
    server.kill()
    await here.publish("user:ann", b"lost")  # finds it out
    begun = time.perf_counter()
    for number in range(100):
        await here.publish("user:ann", b"%d" % number)
    assert time.perf_counter() - begun < 1
    assert [await anext(listener) for _ in range(101)][-1] == b"99"
    check = await two[0].line.check()
    assert check is not None
    assert check.code == "unavailable"


async def test_after_a_gap_listeners_end_and_who_comes_back_hears_all_again(
    two: tuple[Process, Process], server: OwnServer
) -> None:
    here, there = (process.fanout for process in two)
    listener = here.listen("user:ann")
    await here.settled()
    server.kill()
    await there.publish("user:ann", b"missed here")
    server.start()
    async with asyncio.timeout(20):
        assert [message async for message in listener] == []
        await redis_server.back(two[1].line)
        heard = None
        # They may be ended once more, as `there` tells that it could not publish.
        while heard is None:
            again = here.listen("user:ann")
            await here.settled()
            await there.publish("user:ann", b"heard")
            heard = await anext(again, None)
        assert heard == b"heard"


async def test_who_misses_a_message_because_its_sender_was_cut_off_is_ended(
    two: tuple[Process, Process],
) -> None:
    here, there = (process.fanout for process in two)
    listener, elsewhere = here.listen("user:ann"), here.listen("user:bob")
    await here.settled()
    # Only the sender's connection is lost.
    await two[0].line.call("CLIENT", "PAUSE", 3000, "WRITE")
    two[1].line.patience = 0.05
    await there.publish("user:ann", b"missed")
    await two[0].line.call("CLIENT", "UNPAUSE")
    async with asyncio.timeout(20):
        assert [message async for message in listener] in ([], [b"missed"])
        await redis_server.back(two[1].line)
        two[1].line.patience = 2.0
        await there.publish("user:bob", b"heard")
        assert await anext(elsewhere) == b"heard"


async def test_a_hung_redis_holds_a_caller_up_for_a_moment_only(server: OwnServer) -> None:
    line = await Line.open(server.url)
    fanout = RedisFanout(line)
    listener = fanout.listen("user:ann")
    await fanout.settled()
    server.pause()
    try:
        begun = time.perf_counter()
        await asyncio.gather(*(fanout.publish("user:ann", b"%d" % n) for n in range(100)))
        for n in range(100):
            await fanout.publish("user:ann", b"%d" % n)
        assert time.perf_counter() - begun < 2
        assert len([await anext(listener) for _ in range(200)]) == 200
    finally:
        server.resume()
    await redis_server.back(line)
    await fanout.aclose()
    await line.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://ann:s3cret@127.0.0.1:1/0",
        "redis://ann:s3cret@127.0.0.1:{port}/0",
        "redis://ann:s3cret@127.0.0.1:port/0",
        "redis://127.0.0.1:{port}/0?s3cret=1",
        "redis://127.0.0.1:{port}/999",
    ],
)
async def test_a_start_without_redis_is_refused_by_the_name_of_the_variable(
    server: OwnServer, url: str
) -> None:
    async with redis_server.opened(server.url):
        pass
    with pytest.raises(SettingsError, match=r"REDIS_URL: the server") as refused:
        await Line.open(url.format(port=server.port), within=0.5)
    assert "s3cret" not in str(refused.value)
    assert "127.0.0.1" not in str(refused.value)


async def test_a_url_with_parameters_is_understood_all_the_same(server: OwnServer) -> None:
    url = f"{server.url}?protocol=3&decode_responses=true&socket_timeout=1"
    async with redis_server.opened(url) as line:
        fanout, other = RedisFanout(line), RedisFanout(line)
        listener = other.listen("user:ann")
        await other.settled()
        await fanout.publish("user:ann", b"\xff")
        assert await anext(listener) == b"\xff"
        await fanout.aclose()
        await other.aclose()


async def test_rubbish_on_a_channel_is_passed_over(two: tuple[Process, Process]) -> None:
    here, there = (process.fanout for process in two)
    listener = here.listen("user:ann")
    await here.settled()
    for rubbish in (b"", b"{}", b"\xff" * 40, b"0123456789abcdef", b"x" * 17 + b" {}"):
        await two[1].line.call("PUBLISH", f"{here._prefix}user:ann", rubbish)
        await two[1].line.call("PUBLISH", f"{here._prefix}fanout.gaps", rubbish)
    await there.publish("user:ann", b"")
    assert await anext(listener) == b""
    await until(lambda: two[0].line.ready)
