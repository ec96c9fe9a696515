"""What is killed on the way: every acknowledged write is there, none is applied twice, sums hold.

Services are killed here. With FAULTS_CONTROL naming a program that takes `kill|pause|resume|up
NAME` of a server (`make faults`), the servers are killed and paused too.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import httpx
import pytest

from generated.operations import SERVICES
from tests.servers.life import Person, registered, true_sums, until
from tests.servers.town import GATEWAY, NEEDED, Town, town

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.server(*NEEDED),
    pytest.mark.nginx,
    pytest.mark.slow,
    pytest.mark.xdist_group("town"),
]
# Of the town's own Redis the town sees to it.
SERVERS = tuple(name for name in NEEDED if name != "redis")
ROUNDS = int(os.environ.get("FAULTS_ROUNDS", "100"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
# Seconds: what a killed client had begun in MongoDB stays for a minute (transactionLifetimeLimit).
# Until then the same documents are refused with 503, and nothing is lost.
PATIENCE = 100.0
# Seconds: what is paused is away for so long.
AWAY = 20.0


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as made:
        await made.serve_apart()
        yield made


class Load:
    """People who go on, each step repeated under its key until it is acknowledged."""

    def __init__(self, people: Sequence[Person], budgets: Sequence[str]) -> None:
        self.people = people
        self._budgets = budgets
        self._ended = False
        self._tasks: list[asyncio.Task[None]] = []
        self._count = itertools.count(1)
        self.steps = 0

    @classmethod
    async def of(cls, http: httpx.AsyncClient, people: int = 4) -> Load:
        """New people with a budget each."""
        made = [await registered(http, f"person{number}") for number in range(people)]
        terms = {"name": "Household", "limit": "100000.00"}
        budgets = [(await each.made("/budgets", terms))["id"] for each in made]
        return cls(made, budgets)

    def begin(self) -> None:
        """Begins to load."""
        self._ended = False
        self._tasks = [
            asyncio.create_task(self._go_on(person, budget))
            for person, budget in zip(self.people, self._budgets, strict=True)
        ]

    async def end(self) -> None:
        """Ends; each finishes its step first."""
        self._ended = True
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._tasks)

    async def _go_on(self, person: Person, budget: str) -> None:
        while not self._ended:
            number = next(self._count)
            spends = number % 3 > 0
            while True:
                key, amount = f"step-{number}", f"{1 + number % 90}.{number % 100:02}"
                done = (
                    await person.spend(budget, amount, key)
                    if spends
                    else await person.book(amount, key)
                )
                if done:
                    break
                await asyncio.sleep(0.1)  # something is away
            self.steps += 1
            await asyncio.sleep(0.01)  # a steady load, not a flood


async def holds(load: Load) -> None:
    """All sums are true, once events have drained."""
    for person in load.people:
        await until(partial(true_sums, person), PATIENCE)


async def test_a_killed_service_loses_nothing_and_does_nothing_twice(place: Town) -> None:
    async with place.client() as http:
        load = await Load.of(http)
        for victim in ("transaction", "notification", "search"):
            load.begin()
            await until(_later(load, load.steps + 8), PATIENCE)
            await place.kill(victim)
            await place.start_apart(victim)
            await until(_later(load, load.steps + 8), PATIENCE)
            await load.end()
        await holds(load)


async def test_redis_may_be_gone_and_come_back_empty(place: Town) -> None:
    async with place.client() as http:
        load = await Load.of(http)
        load.begin()
        await until(_later(load, 8), PATIENCE)
        place.redis.kill()
        # Nothing needs it: reads go to the stores, limits are counted by each process.
        await until(_later(load, load.steps + 20), PATIENCE)
        ready = await http.get("/health/ready")
        assert ready.json()["dependencies"]["redis"] != "up"
        place.redis.start()
        await until(_later(load, load.steps + 20), PATIENCE)
        await load.end()
        await holds(load)


def _later(load: Load, steps: int) -> Callable[[], Awaitable[bool]]:
    async def far_enough() -> bool:
        return load.steps >= steps

    return far_enough


@pytest.mark.slow
@pytest.mark.skipif("FAULTS_CONTROL" not in os.environ, reason="needs FAULTS_CONTROL")
async def test_rounds_of_faults_of_servers_and_services(place: Town) -> None:
    chance = random.Random(SEED)
    faults = [
        *(("kill", name) for name in SERVERS),
        *(("pause", name) for name in SERVERS),
        *(("kill", name) for name in (*SERVICES, GATEWAY)),
        ("kill", "redis"),
    ]
    async with place.client() as http:
        load = await Load.of(http)
        for number in range(ROUNDS):
            what, name = chance.choice(faults)
            print(f"round {number + 1}: {what} {name}", flush=True)
            load.begin()
            await until(_later(load, load.steps + 4), PATIENCE)
            await asyncio.sleep(chance.uniform(0, 0.5))
            if name in SERVERS:
                await _control(what, name)
                await asyncio.sleep(AWAY if what == "pause" else 1.0)
                await _control("resume" if what == "pause" else "up", name)
            elif name == "redis":
                place.redis.kill()
                await asyncio.sleep(1.0)
                place.redis.start()
            else:
                await place.kill(name)
                await place.start_apart(name)
            await until(_later(load, load.steps + 4), PATIENCE)
            await load.end()
            await holds(load)


async def _control(*words: str) -> None:
    program = os.environ["FAULTS_CONTROL"]
    process = await asyncio.create_subprocess_exec(program, *words)
    assert await process.wait() == 0, words
