"""What each step of the pipeline costs, in process: the platform as it is wired, on an empty store.

A step that stands in a chain is the difference between the chain with it and without it. CPU time
is the whole process's, so that the writing thread counts.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import uvloop

from app import Platform, build
from bench.contract.drive import Ask, once
from bench.sample import BUDGET_BODY
from bench.served.contenders import SECRET, expense_body
from generated import inputs, operations, rest
from generated.models import Budget, Expense
from runtime.call import Call
from runtime.encode import json_writer
from runtime.log import LogWriter
from runtime.operation import Operation
from runtime.rest import Request, created_response, entity_response
from runtime.settings import Settings
from runtime.trace import continue_trace, request_id

Step = tuple[str, float]
# Requests under way at once where a step waits for a commit: they share it, as under load.
TASKS = 32


class _Bench:
    """The platform with somebody signed in who has a budget."""

    def __init__(self, platform: Platform, token: str, budget: Budget, seconds: float) -> None:
        self.platform = platform
        self.gate = platform.gate
        self.router = rest.routes(platform.gate)
        self.token = token
        self.budget = budget
        self.seconds = seconds
        self._keys = count()

    def key(self) -> str:
        """A key that was not used."""
        return f"bench-{next(self._keys)}"

    async def cost(self, act: Callable[[], Any]) -> float:
        """CPU µs of a plain call, or of one that is awaited: the median of seven rounds."""
        if asyncio.iscoroutine(first := act()):
            await first
            return await self._awaited(act)
        return median(self._round(act) for _ in range(7))

    def _round(self, act: Callable[[], Any]) -> float:
        times, began = 0, process_time()
        until = began + self.seconds / 7
        while process_time() < until:
            for _ in range(50):
                act()
            times += 50
        return (process_time() - began) / times * 1e6

    async def _awaited(self, act: Callable[[], Awaitable[Any]]) -> float:
        rounds: list[float] = []
        for _ in range(7):
            times, began = 0, process_time()
            until = began + self.seconds / 7
            while process_time() < until:
                for _ in range(50):
                    await act()
                times += 50
            rounds.append((process_time() - began) / times * 1e6)
        return median(rounds)

    async def shared(self, act: Callable[[], Awaitable[Any]], times: int) -> float:
        """CPU µs of a call among `TASKS` that are under way, and of all that follows from it."""

        async def one() -> None:
            for _ in range(times):
                await act()

        await self.platform.drained()
        began = process_time()
        await asyncio.gather(*(one() for _ in range(TASKS)))
        await self.platform.drained()
        return (process_time() - began) / times / TASKS * 1e6

    async def call(self, operation: Operation, key: str | None = None) -> Call:
        """A call that was admitted."""
        call = Call(operation, "rest", "bench", token=self.token, idempotency_key=key)
        await self.gate.admit(call)
        return call


async def _reading(bench: _Bench) -> list[Step]:
    """The steps of GET /api/budgets/{id}."""
    operation, id = operations.GET_BUDGET, bench.budget.id
    ask = _signed(Ask("GET", "GET", f"/api/budgets/{id}"), bench.token)
    scope, arguments = ask.scope(), {"id": id}
    edge = bench.platform.edge
    request = Request(scope, _never, (id,), request_id="bench")
    call = await bench.call(operation)
    bare = bench.gate.chain(replace(operation, access=()))
    whole = bench.gate.chain(operation)
    handler = bench.platform.budget.get_budget
    write = json_writer(Budget)
    known = await handler(call, id=id)
    encoded = write(known)

    steps = [
        ("route", await bench.cost(lambda: bench.router.match(ask.path))),
        ("request and call", await bench.cost(lambda: _called(scope, operation))),
        ("names of request and trace", await bench.cost(_names)),
        ("identity, rate limit, scope", await bench.cost(lambda: bench.gate.admit(_fresh(call)))),
        ("decode", await bench.cost(lambda: inputs.GET_BUDGET_ID.read(id, []))),
    ]
    handled = await bench.cost(lambda: handler(call, id=id))
    limited = await bench.cost(lambda: bare(call, arguments))
    guarded = await bench.cost(lambda: whole(_fresh(call), arguments))
    steps += [
        ("access", guarded - limited),
        ("deadline", limited - handled),
        ("handler, entity cached", handled),
        ("encode, cached", await bench.cost(lambda: write(known))),
        ("answer", await bench.cost(lambda: entity_response(200, encoded, 3))),
    ]
    inside = sum(cost for _, cost in steps)
    everything = await bench.cost(lambda: edge(ask.scope(), request.receive, _discard))
    return [
        *steps,
        ("edge: headers, metrics, log", everything - inside - await bench.cost(ask.scope)),
        ("all of it", everything),
        ("(encode, not cached)", await bench.cost(lambda: write(known.but()))),
    ]


async def _writing(bench: _Bench, times: int) -> list[Step]:
    """The steps of POST /api/expenses, many at once; what follows an expense is in `and after`."""
    operation = operations.CREATE_EXPENSE
    raw = expense_body(bench.budget.id)
    read = inputs.READ_EXPENSE_INPUT.read
    body = read(raw, [])
    assert body is not None, "the body is a good one"
    arguments = {"body": body}
    handler = bench.platform.expense.create_expense
    bare = bench.gate.chain(replace(operation, access=(), idempotent=False))
    accessible = bench.gate.chain(replace(operation, idempotent=False))
    whole = bench.gate.chain(operation)
    write = json_writer(Expense)
    ask = _signed(Ask("POST", "POST", "/api/expenses", raw), bench.token)

    async def handle() -> Expense:
        return await handler(await bench.call(operation), body=body)

    async def limit() -> Any:
        return await bare(await bench.call(operation), arguments)

    async def access() -> Any:
        return await accessible(await bench.call(operation), arguments)

    async def keyed() -> Any:
        return await whole(await bench.call(operation, bench.key()), arguments)

    async def post() -> None:
        scope = ask.scope()
        scope["headers"].append((b"idempotency-key", bench.key().encode()))
        await bench.platform.edge(scope, _receive(raw), _discard)

    expense = await handle()
    await bench.shared(post, times)
    admitted = await bench.cost(lambda: bench.call(operation))
    rounds = [
        [await bench.shared(act, times) for act in (handle, limit, access, keyed, post)]
        for _ in range(5)
    ]
    handled, limited, guarded, once_only, posted = (
        median(each) for each in zip(*rounds, strict=True)
    )
    return [
        ("decode", await bench.cost(lambda: read(raw, []))),
        ("identity, rate limit, scope", admitted),
        ("access", guarded - limited),
        ("idempotency", once_only - guarded),
        ("deadline", limited - handled),
        ("handler, commit, all that its event starts", handled - admitted),
        ("encode, not cached", await bench.cost(lambda: write(expense.but()))),
        ("answer", await bench.cost(lambda: created_response(201, b"", 1, "/api/expenses/x"))),
        ("all of it", posted),
    ]


def _called(scope: Any, operation: Operation) -> Call:
    return Request(scope, _never, ()).call(operation)


def _names() -> None:
    request_id(None)
    continue_trace(None)


def _fresh(call: Call) -> Call:
    call.level = None
    call.rate = None
    return call


async def _never() -> Any:
    raise AssertionError("a GET has no body")


async def _discard(message: Any) -> None:
    """What is sent is made, and goes nowhere."""


def _receive(raw: bytes) -> Callable[[], Awaitable[Any]]:
    async def receive() -> Any:
        return {"type": "http.request", "body": raw, "more_body": False}

    return receive


def _signed(ask: Ask, token: str) -> Ask:
    return replace(ask, headers=((b"authorization", b"Bearer " + token.encode()),))


async def _enter(platform: Platform) -> tuple[str, Budget]:
    person = {
        "email": "bench@example.com",
        "name": "Bench",
        "password": "a long enough pass phrase",
    }
    register = Ask("POST", "POST", "/api/auth/register", json.dumps(person).encode())
    status, _, body = await once(platform.edge, register)
    assert status == 201, f"register: {status} {body!r}"
    token: str = json.loads(body)["accessToken"]
    make = _signed(Ask("POST", "POST", "/api/budgets", BUDGET_BODY), token)
    status, _, body = await once(platform.edge, make)
    assert status == 201, f"budget: {status} {body!r}"
    return token, Budget.model_validate_json(body)


async def _measure(seconds: float, times: int) -> dict[str, list[Step]]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = Settings.read(
            {
                "DATA_DIR": str(Path(folder) / "ours"),
                "RATE_LIMIT_FACTOR": "1000000",
                "JWT_SECRET": SECRET,
                # The monitor's own CPU comes in lumps, in its thread.
                "MONITOR_RATE": "0",
            }
        )
        log = LogWriter(BytesIO())
        platform = await build(settings, log=log)
        await platform.start()
        try:
            bench = _Bench(platform, *await _enter(platform), seconds)
            return {
                "GET /api/budgets/{id}": await _reading(bench),
                "POST /api/expenses": await _writing(bench, times),
            }
        finally:
            await platform.stop()
            log.close()


def measure(seconds: float, times: int) -> dict[str, list[Step]]:
    """CPU µs by step, for a read and a write; `seconds` a step, `times` writes of each task."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(seconds, times))


def lines(found: dict[str, list[Step]]) -> Iterator[str]:
    """The figures as text."""
    for operation, steps in found.items():
        yield operation
        yield from (f"  {name:45}{cost:8.1f}" for name, cost in steps)


if __name__ == "__main__":
    print("\n".join(lines(measure(1.0, 40))))
