"""Rate limits that processes share: the same verdicts as one process gives, and without Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runtime.adapters.redis import Line, RedisLimits
from runtime.operation import RateRule
from runtime.ratelimit import Limiter
from tests.ports import redis_server
from tests.ports.redis_server import OwnServer

pytestmark = [pytest.mark.anyio, pytest.mark.server("redis")]

LOGIN = RateRule("login", 5, 60, ("address",))
REFRESH = RateRule("login", 5, 60, ("address",))
QUICK = RateRule("quick", 20, 1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnServer]:
    server = OwnServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def lines(server: OwnServer) -> AsyncIterator[tuple[Line, Line]]:
    async with redis_server.opened(server.url) as one, redis_server.opened(server.url) as other:
        yield one, other


async def test_processes_count_together(lines: tuple[Line, Line]) -> None:
    gates = [RedisLimits(line, Limiter()) for line in lines]
    verdicts = [(await gates[n % 2].take(["a"], LOGIN))[0] for n in range(7)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 5 + [False] * 2
    assert [verdict.remaining for verdict in verdicts] == [4, 3, 2, 1, 0, 0, 0]
    assert 11 < verdicts[5].retry_after <= 12
    assert 59 < verdicts[5].reset_seconds <= 60
    assert (await gates[0].take(["b"], LOGIN))[0].allowed
    # Another rule of the same policy counts the same calls.
    assert not (await gates[1].take(["a"], REFRESH))[0].allowed


async def test_calls_at_once_are_each_counted_once(lines: tuple[Line, Line]) -> None:
    gates = [RedisLimits(line, Limiter()) for line in lines]
    verdicts = await asyncio.gather(*(gates[n % 2].take(["a"], LOGIN) for n in range(200)))
    assert sum(verdict.allowed for [verdict] in verdicts) == 5


async def test_the_keys_of_a_call_are_taken_up_to_the_first_that_has_none_left(
    lines: tuple[Line, Line],
) -> None:
    limits = RedisLimits(lines[0], Limiter())
    for _ in range(5):
        await limits.take(["ann"], LOGIN)
    verdicts = await limits.take(["10.0.0.1", "ann", "unasked"], LOGIN)
    assert [verdict.allowed for verdict in verdicts] == [True, False]
    assert (await limits.take(["10.0.0.1"], LOGIN))[0].remaining == 3
    assert (await limits.take(["unasked"], LOGIN))[0].remaining == 4


async def test_it_is_the_verdict_that_one_process_gives(lines: tuple[Line, Line]) -> None:
    factor = 0.6
    shared, alone = RedisLimits(lines[0], Limiter(factor)), Limiter(factor)
    for _ in range(15):
        [told] = await shared.take(["a"], QUICK)
        expected = alone.take("a", QUICK)
        assert told.allowed == expected.allowed
        assert told.remaining == pytest.approx(expected.remaining, abs=1)
        assert told.reset_seconds == pytest.approx(expected.reset_seconds, abs=0.1)
        assert told.retry_after == pytest.approx(expected.retry_after, abs=0.1)


@pytest.mark.parametrize("factor", [1e-6, 1e6, 1e12])
async def test_no_factor_is_too_small_or_too_large(
    lines: tuple[Line, Line], factor: float, caplog: pytest.LogCaptureFixture
) -> None:
    limits = RedisLimits(lines[0], Limiter(factor))
    for _ in range(3):
        [verdict] = await limits.take(["a"], LOGIN)
        assert verdict.allowed == (factor > 1 or verdict.remaining == 0)
        if factor < 1:
            break
    assert not caplog.records


async def test_calls_come_back_evenly_and_what_is_idle_leaves_nothing(
    lines: tuple[Line, Line],
) -> None:
    limits = RedisLimits(lines[0], Limiter())
    while (await limits.take(["a"], QUICK))[0].allowed:
        pass
    async with asyncio.timeout(20):
        while not (await limits.take(["a"], QUICK))[0].allowed:
            pass
        while await lines[0].call("KEYS", "*"):
            pass


@pytest.mark.parametrize("key", ["k" * 5000, "}{", "\ud800", "a\r\nDEL b"])
async def test_any_key_counts_as_itself(lines: tuple[Line, Line], key: str) -> None:
    gates = [RedisLimits(line, Limiter()) for line in lines]
    remaining = [(await gates[n % 2].take([key], LOGIN))[0].remaining for n in range(3)]
    assert remaining == [4, 3, 2]
    assert (await gates[0].take([key + "x"], LOGIN))[0].remaining == 4


async def test_without_redis_each_process_counts_on_from_what_it_let_through(
    lines: tuple[Line, Line], server: OwnServer
) -> None:
    limits = RedisLimits(lines[0], Limiter())
    for _ in range(3):
        await limits.take(["a"], LOGIN)
    server.kill()
    assert (await limits.take(["a"], LOGIN))[0].remaining == 1
    begun = time.perf_counter()
    for _ in range(1000):
        await limits.take(["b"], LOGIN)
    assert time.perf_counter() - begun < 1
    assert (await limits.take(["a"], LOGIN))[0].allowed
    assert not (await limits.take(["a"], LOGIN))[0].allowed
    server.start()  # empty, and without the script
    await redis_server.back(lines[0])
    assert (await limits.take(["a"], LOGIN))[0].remaining == 4


async def test_a_hung_redis_holds_calls_up_for_a_moment_only(server: OwnServer) -> None:
    line = await Line.open(server.url)
    limits = RedisLimits(line, Limiter())
    await limits.take(["a"], LOGIN)
    server.pause()
    try:
        begun = time.perf_counter()
        for _ in range(3):
            await asyncio.gather(*(limits.take(["a"], LOGIN) for _ in range(50)))
        assert time.perf_counter() - begun < 1.5
        assert not (await limits.take(["a"], LOGIN))[0].allowed
    finally:
        server.resume()
        await line.close()
