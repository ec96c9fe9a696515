"""CPU a request of each contender's contract layer, after each has answered rightly.

Each contender has a process of its own, which asks itself when it is its turn: nobody pays for
collecting the garbage of what another has loaded.

    python -m bench.contract.measure NAME

is such a process: it takes lines of a request's name and seconds, and gives CPU µs a request.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from contextlib import ExitStack
from statistics import median

from bench.contract.drive import Asgi, Ask, cost, nothing, once
from bench.sample import (
    BUDGET,
    BUDGET_BODY,
    BUDGET_ID,
    REFUSED_BODIES,
    created,
    meaning,
    without_nulls,
)

GET = Ask("GET", "GET", f"/api/budgets/{BUDGET_ID}")
POST = Ask("POST", "POST", "/api/budgets", BUDGET_BODY)
_MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").fullmatch
OURS, INTERPRETED, FASTAPI, RAW, DRIVER = "ours", "connexion", "FastAPI", "raw ASGI", "driver alone"


NAMES = (OURS, RAW, FASTAPI, INTERPRETED, DRIVER)


def contender(name: str) -> Asgi:
    """One of them, loaded; nothing of the others is."""
    if name == OURS:
        from bench.contract import ours

        return ours.app
    if name == RAW:
        from bench.peers import raw_asgi

        return raw_asgi.app
    if name == FASTAPI:
        from bench.peers import fastapi_app

        return fastapi_app.app
    if name == INTERPRETED:
        from bench.peers import connexion_app

        return connexion_app.build()
    return nothing


async def check(name: str, app: Asgi) -> None:
    """Raises AssertionError unless `app` answers and refuses as the contract has it."""
    status, headers, body = await once(app, GET)
    assert (status, meaning(body)) == (200, without_nulls(BUDGET)), (
        f"{name}: GET gave {status} {body!r}"
    )
    assert headers[b"etag"] == b'"3"', f"{name}: ETag {headers}"
    status, headers, body = await once(app, POST)
    made = meaning(body)
    moments = {name: made.pop(name) for name in ("createdAt", "updatedAt")}
    assert moments["createdAt"] == moments["updatedAt"], f"{name}: {moments}"
    assert _MOMENT(moments["createdAt"]), f"{name}: {moments}"
    wanted = {key: value for key, value in created().items() if key not in moments}
    assert (status, made) == (201, without_nulls(wanted)), f"{name}: POST {status} {body!r}"
    assert headers[b"location"].endswith(BUDGET_ID.encode()), f"{name}: Location {headers}"
    for refused in REFUSED_BODIES:
        status, _, body = await once(app, Ask("POST", "POST", POST.path, refused))
        assert status == 400, f"{name}: took {refused!r} with {status} {body!r}"
    form = Ask("POST", "POST", POST.path, POST.body, media=b"text/plain")
    # FastAPI does not look into what is not called JSON, and finds no body.
    assert (status := (await once(app, form))[0]) in (400, 415), f"{name}: text/plain gave {status}"
    for id, expected in (("bud_1", 400), (BUDGET_ID[:-1] + "9", 404)):
        status, _, _ = await once(app, Ask("GET", "GET", f"/api/budgets/{id}"))
        assert status == expected, f"{name}: {id} gave {status}"


async def _turns(name: str) -> None:
    """Proves that `name` answers rightly, then asks it as often as a line comes in."""
    app = contender(name)
    if name != DRIVER:
        await check(name, app)
    asks = {ask.name: ask for ask in (GET, POST)}
    for line in sys.stdin:
        ask, seconds = line.split()
        print(await cost(app, asks[ask], float(seconds)), flush=True)


def measure(count: int, seconds: float) -> dict[tuple[str, str], float]:
    """Median CPU µs a request by contender and request, the driver's share in each."""
    figures: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "bench.contract.measure", name],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for name in NAMES
        }
        # The first round is not measured: caches fill, code specialises.
        for turn in range(count + 1):
            for ask in (GET, POST):
                for name, process in started.items():
                    figure = _ask(process, ask.name, seconds if turn else seconds / 4)
                    if turn:
                        figures.setdefault((name, ask.name), []).append(figure)
        for process in started.values():
            assert process.stdin is not None
            process.stdin.close()
    return {key: median(values) for key, values in figures.items()}


def _ask(process: subprocess.Popen[str], ask: str, seconds: float) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{ask} {seconds}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    assert answer, f"a contender has ended: {process.args!r}"
    return float(answer)


if __name__ == "__main__":
    asyncio.run(_turns(sys.argv[1]))
