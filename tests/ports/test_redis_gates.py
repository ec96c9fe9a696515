"""Processes as one: gates that count calls together, and forget who has signed out anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runtime.adapters.redis import Line, RedisFanout, RedisLimits
from runtime.call import Call, Caller
from runtime.gate import Gate, KnownTokens
from runtime.operation import Operation, RateRule
from runtime.problem import RateLimited, Unauthenticated
from runtime.ratelimit import Limiter
from runtime.revocation import follow_revocations
from tests.ports import redis_server
from tests.ports.platforms import until
from tests.ports.redis_server import OwnServer

pytestmark = [pytest.mark.anyio, pytest.mark.server("redis")]

LOGIN = Operation(
    "login", "login", "auth", public=True, rate=RateRule("login", 5, 60, ("address", "account"))
)
LIST = Operation("list", "list", "budget", rate=RateRule("default", 5, 60, ("caller", "address")))
ANN = Caller("usr_ann", "ses_1", "user", frozenset(), verified=True)


class Tokens:
    """Knows one token."""

    async def identify(self, token: str) -> tuple[Caller, float]:
        """Ann's, or nobody's."""
        if token != "good":
            raise Unauthenticated("It is not valid.")
        return ANN, 60.0

    async def redeem(self, ticket: str) -> Caller:
        """There are no tickets."""
        raise Unauthenticated("It is not valid.")

    async def resume(self, session_id: str) -> Caller:
        """There are no sessions."""
        raise Unauthenticated("It is not valid.")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnServer]:
    server = OwnServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def lines(server: OwnServer) -> AsyncIterator[list[Line]]:
    async with redis_server.opened(server.url) as one, redis_server.opened(server.url) as other:
        yield [one, other]


async def _login(call: Call, *, body: Any) -> str:
    return f"in as {body.email}"


@pytest.fixture
def gates(lines: list[Line]) -> list[Gate]:
    limiter = Limiter()
    return [
        Gate(
            handlers={"login": _login},
            levels={},
            ranks={},
            watches={},
            stores={},
            results={},
            identities=Tokens(),
            known=KnownTokens(),
            limiter=limiter,
            shared=RedisLimits(line, limiter),
        )
        for line in lines
    ]


def call(operation: Operation, token: str | None = None, address: str = "10.0.0.1") -> Call:
    return Call(operation, "rest", "req_1", token=token, address=address)


async def test_a_call_is_counted_once_wherever_it_comes_in(gates: list[Gate]) -> None:
    rates = []
    for n in range(5):
        asked = call(LIST, "good", address=f"10.0.0.{n}")
        await gates[n % 2].admit(asked)
        rates.append(asked.rate)
    assert [rate[0] for rate in rates if rate is not None] == [4, 3, 2, 1, 0]
    for gate in gates:
        asked = call(LIST, "good", address="10.0.0.9")
        with pytest.raises(RateLimited) as refused:
            await gate.admit(asked)
        assert asked.rate is not None
        assert asked.rate[0] == 0
        assert refused.value.retry_after == pytest.approx(12, abs=2)


async def test_guesses_of_tokens_count_by_address_in_all_processes(gates: list[Gate]) -> None:
    for n in range(5):
        with pytest.raises(Unauthenticated):
            await gates[n % 2].admit(call(LIST, f"guess {n}"))
    with pytest.raises(RateLimited):
        await gates[1].admit(call(LIST, "guess"))


async def test_an_account_is_counted_whatever_address_and_process_it_is_tried_from(
    gates: list[Gate],
) -> None:
    arguments: dict[str, Any] = {"body": SimpleNamespace(email="Ann@example.com")}
    for n in range(5):
        done = await gates[n % 2].chain(LOGIN)(call(LOGIN, address=f"10.1.0.{n}"), arguments)
        assert done == "in as Ann@example.com"
    with pytest.raises(RateLimited):
        await gates[0].chain(LOGIN)(call(LOGIN, address="10.1.0.9"), arguments)


async def test_who_signs_out_in_one_process_is_forgotten_in_all(
    lines: list[Line], server: OwnServer
) -> None:
    fanouts = [RedisFanout(line) for line in lines]
    known = [KnownTokens(), KnownTokens()]
    following = [
        asyncio.create_task(
            follow_revocations(
                fanout, "identity", each, partial(getattr, fanout, "connected"), untold=0.02
            )
        )
        for fanout, each in zip(fanouts, known, strict=True)
    ]
    try:
        await asyncio.sleep(0)
        for fanout in fanouts:
            await fanout.settled()
        other = Caller("usr_ann", "ses_2", "user", frozenset(), verified=True)
        for each in known:
            each.put("first", ANN, 60)
            each.put("second", other, 60)
        await fanouts[0].publish("identity", b'{"userId":"usr_ann","sessionId":"ses_1"}')
        await until(lambda: all(each.get("first") is None for each in known))
        assert all(each.get("second") == other for each in known)
        # While nobody would be told, nobody is known for long.
        server.kill()
        await until(lambda: all(each.get("second") is None for each in known))
        for each in known:
            each.put("second", other, 60)
        await until(lambda: all(each.get("second") is None for each in known))
        server.start()
        await until(lambda: all(fanout.connected for fanout in fanouts))
        for each in known:
            each.put("second", other, 60)
        await fanouts[1].publish("identity", b'{"userId":"usr_ann"}')
        await until(lambda: all(each.get("second") is None for each in known))
    finally:
        for task in following:
            task.cancel()
        for fanout in fanouts:
            await fanout.aclose()
