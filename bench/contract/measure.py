"""CPU a request of each contender's contract layer, after each has answered rightly."""

from __future__ import annotations

import asyncio
import gc
import re
from statistics import median

from bench.contract import ours
from bench.contract.drive import Asgi, Ask, nothing, once, rounds
from bench.peers import connexion_app, fastapi_app, raw_asgi
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


def contenders() -> list[tuple[str, Asgi]]:
    """Everybody who is compared, and the driver itself."""
    return [
        (OURS, ours.app),
        (RAW, raw_asgi.app),
        (FASTAPI, fastapi_app.app),
        (INTERPRETED, connexion_app.build()),
        (DRIVER, nothing),
    ]


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


async def _measure(count: int, seconds: float) -> dict[tuple[str, str], list[float]]:
    apps = contenders()
    for name, app in apps[:-1]:
        await check(name, app)
    # Once unmeasured: caches fill, code specialises.
    await rounds(apps, (GET, POST), 1, seconds / 4)
    # One process holds all contenders: none is to pay for looking through the others' heaps.
    gc.collect()
    gc.freeze()
    return await rounds(apps, (GET, POST), count, seconds)


def measure(count: int, seconds: float) -> dict[tuple[str, str], float]:
    """Median CPU µs a request by contender and request, the driver's share in each."""
    figures = asyncio.run(_measure(count, seconds))
    return {key: median(values) for key, values in figures.items()}
