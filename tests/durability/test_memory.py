"""A server's memory does not grow with the requests that it has served."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.durability.server import SECRET, Server, serving
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio

REQUESTS = 20_000
CLIENTS = 16
# Entered first, so that the caches are full: 4,096 entities of a kind (sqlite/store.py).
ENTERED = 5_000
WARM = 10_000
# In kB. A merge of the index takes 15 MB once, and keeps them; a leak of 1 kB a request is 20 MB.
NOISE, MOST = 16_000, 160_000


def resident(server: Server) -> int:
    """The process's memory, in kB."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


class Visitor:
    """One account's traffic: it reads, writes, changes, deletes, searches, and is refused."""

    def __init__(self, http: httpx.AsyncClient, who: Account, budget: str, seed: int) -> None:
        self._http = http
        self._headers = who.headers
        self._budget = budget
        self._chance = random.Random(seed)
        self._expenses: list[str] = []
        self._sent = 0

    async def enter(self, count: int) -> None:
        """So many expenses, by a file."""
        path = f"/api/expenses/import?budgetId={self._budget}"
        headers = self._headers | {"Content-Type": "text/csv"}
        file = "description,category,amount\n" + "Something,Food,0.25\n" * count
        answer = await self._http.post(path, content=file, headers=headers)
        self._expenses = [row["id"] for row in answer.json()["rows"]]

    async def visit(self, times: int) -> None:
        """So many requests."""
        for _ in range(times):
            method, path, body, expected = self._next()
            self._sent += 1
            headers = self._headers | ({"Idempotency-Key": f"{self._sent}"} if body else {})
            answer = await self._http.request(method, f"/api{path}", json=body, headers=headers)
            assert answer.status_code == expected, f"{method} {path}: {answer.text}"
            if answer.status_code == 201:
                self._expenses.append(answer.json()["id"])

    def _next(self) -> tuple[str, str, Any, int]:
        said = {"description": f"Something {self._sent}", "category": "Food"}
        said["amount"] = f"{self._chance.randint(1, 999)}.25"
        what = self._chance.random()
        if what < 0.25:
            return "POST", "/expenses", said | {"budgetId": self._budget}, 201
        if what < 0.5:
            return "GET", f"/budgets/{self._budget}", None, 200
        if what < 0.57:
            return "GET", f"/expenses/{self._budget}?pageSize=20", None, 200
        if what < 0.65:
            return "PUT", f"/expenses/{self._chance.choice(self._expenses)}", said, 200
        if what < 0.8 and len(self._expenses) > 1:
            return "DELETE", f"/expenses/{self._expenses.pop(0)}", None, 204
        if what < 0.85:
            return "POST", "/search/expenses", {"text": "something"}, 200
        if what < 0.9:
            return "GET", f"/budgets/{self._budget}/summary", None, 200
        if what < 0.95:
            return "POST", "/expenses", said, 400
        return "GET", f"/unknown/{self._chance.randint(0, 10**9)}", None, 404


@pytest.mark.slow
async def test_memory_stays_flat_over_20000_requests(tmp_path: Path) -> None:
    world = World(tmp_path, jwt_secret=SECRET)
    await world.open()
    visits: list[tuple[Account, str]] = []
    for _ in range(CLIENTS):
        who = await world.account()
        budget = await world.made(who, "/budgets", {"name": "Budget", "limit": "1000000.00"})
        visits.append((who, budget["id"]))
    await world.close()
    async with serving(tmp_path) as server, server.client() as http:
        visitors = [Visitor(http, who, id, seed) for seed, (who, id) in enumerate(visits)]

        async def traffic(requests: int) -> None:
            share = requests // CLIENTS
            await asyncio.gather(*(visitor.visit(share) for visitor in visitors))

        figures = [resident(server)]
        for visitor in visitors:
            await visitor.enter(ENTERED // CLIENTS)
        for requests in (WARM, *[REQUESTS // 4] * 4):
            await traffic(requests)
            figures.append(resident(server))
        print("resident, in MB:", [round(figure / 1000, 1) for figure in figures])
        _, warm, *later = figures
        assert max(later) < MOST
        assert later[-1] - warm < NOISE
