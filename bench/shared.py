"""What shared servers cost: `python -m bench.shared`, with REDIS_URL, ELASTIC_SEARCH_URL.

CPU is this process's, the servers' not in it; medians of five rounds. Keys and indices are the
run's own, and removed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from secrets import token_hex
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import uvloop

from generated.index import ExpenseIndex
from generated.models import BudgetRecord, Currency, Period
from generated.storage import BUDGET, TABLES
from runtime.adapters.clock import SystemClock
from runtime.adapters.elasticsearch import ElasticIndex
from runtime.adapters.redis import CachedStore, Line, RedisFanout, RedisLimits
from runtime.adapters.sqlite import Database, SqliteStore
from runtime.operation import RateRule
from runtime.ports import Insert, SearchDocument, SearchQuery, Store, Update
from runtime.ratelimit import Limiter

_ROUNDS = 5
_TASKS = 32
_WORDS = "coffee lunch train taxi hotel market pizza team dinner flight book office".split()


async def _cost(
    act: Callable[[], Awaitable[object]], calls: int, tasks: int
) -> tuple[float, float]:
    """CPU µs and wall µs a call, with so many tasks at once."""
    found: list[tuple[float, float]] = []

    async def several() -> None:
        for _ in range(calls // tasks):
            await act()

    for _ in range(_ROUNDS):
        cpu, wall = process_time(), perf_counter()
        await asyncio.gather(*(several() for _ in range(tasks)))
        share = 1e6 / (calls // tasks * tasks)
        found.append(((process_time() - cpu) * share, (perf_counter() - wall) * share))
    return median(each[0] for each in found), median(each[1] for each in found)


def _say(what: str, cost: tuple[float, float]) -> None:
    print(f"{what:<44} {cost[0]:7.1f} µs CPU {cost[1]:8.1f} µs wall  {1e6 / cost[1]:8.0f}/s")


def _budget(n: int) -> BudgetRecord:
    now, today = SystemClock().now(), date(2026, 1, 1)
    return BudgetRecord(
        id=f"bud_{n:026d}",
        version=1,
        created_at=now,
        updated_at=now,
        owner_id=f"usr_{n:026d}",
        name=f"Budget {n}",
        limit="500.00",  # type: ignore[arg-type] # validated on the way in
        spent="0.00",  # type: ignore[arg-type] # validated on the way in
        currency=Currency.USD,
        period=Period.MONTHLY,
        starts_on=today,
        ends_on=None,
        members=[],
    )


async def _redis(url: str, folder: Path) -> None:
    prefix = f"bench-{token_hex(6)}:"
    lines = [await Line.open(url, patience=5.0) for _ in range(2)]
    fanouts = [RedisFanout(line, prefix=prefix) for line in lines]
    database = await Database.open(folder, TABLES, clock=SystemClock())
    store = SqliteStore(database, TABLES, "budget", cached=0)
    line = lines[0]
    cached = CachedStore(store, line, fanouts[0], [BUDGET], prefix=prefix, kept=300.0)
    budgets = [_budget(n) for n in range(1000)]
    await store.commit(*map(Insert, budgets))
    turn = count()

    def one() -> str:
        return budgets[next(turn) % len(budgets)].id

    await cached.get_many(BudgetRecord, [each.id for each in budgets])
    await line.call("PING")
    for tasks in (1, _TASKS):
        _say(
            f"cached get, {tasks} tasks",
            await _cost(lambda: cached.get(BudgetRecord, one()), 6400, tasks),
        )
    trusting = CachedStore(
        store, line, fanouts[0], [BUDGET], prefix=prefix, trust=300.0, kept=300.0
    )
    await trusting.get_many(BudgetRecord, [each.id for each in budgets])
    _say(
        "cached get, trusted",
        await _cost(lambda: trusting.get(BudgetRecord, one()), 64000, 1),
    )
    _say(
        "get of 20 cached at once",
        await _cost(
            lambda: cached.get_many(BudgetRecord, [one() for _ in range(20)]), 3200, _TASKS
        ),
    )
    latest = {each.id: each for each in budgets}

    async def update(through: Store) -> None:
        entity = latest[one()]
        after = entity.but(version=entity.version + 1)
        await through.commit(Update(after))
        latest[after.id] = after

    _say("update, store alone, 32 tasks", await _cost(partial(update, store), 3200, _TASKS))
    _say("update, with the cache, 32 tasks", await _cost(partial(update, cached), 3200, _TASKS))
    rule = RateRule("bench", 10**9, 60)
    limits, local = RedisLimits(line, Limiter(), prefix=prefix), Limiter()
    for tasks in (1, _TASKS):
        _say(
            f"rate limit shared, {tasks} tasks",
            await _cost(lambda: limits.take([one()], rule), 6400, tasks),
        )

    async def alone() -> None:
        local.take(one(), rule)

    _say("rate limit in process", await _cost(alone, 64000, 1))
    for tasks in (1, _TASKS):
        _say(
            f"PING over the line, {tasks} tasks",
            await _cost(lambda: line.call("PING"), 6400, tasks),
        )
    listener = fanouts[1].listen("bench", 100_000)
    await fanouts[1].settled()
    message = b'{"channel":"notifications","payload":"' + b"x" * 300 + b'"}'
    begun, cpu, many = perf_counter(), process_time(), 20_000

    async def publish() -> None:
        for _ in range(many // _TASKS):
            await fanouts[0].publish("bench", message)

    publishing = asyncio.gather(*(publish() for _ in range(_TASKS)))
    for _ in range(many // _TASKS * _TASKS):
        await anext(listener)
    await publishing
    wall, cpu = (perf_counter() - begun) / many * 1e6, (process_time() - cpu) / many * 1e6
    _say("fan-out, publish and hear, 32 tasks", (cpu, wall))
    await trusting.close()
    cursor = b"0"
    while True:
        cursor, keys = await line.call("SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", 1000)
        if keys:
            await line.call("DEL", *keys)
        if cursor == b"0":
            break
    for fanout in fanouts:
        await fanout.aclose()
    for each in lines:
        await each.close()
    await database.close()


def _document(n: int) -> SearchDocument:
    words = [_WORDS[(n * step) % len(_WORDS)] for step in (1, 5, 7)]
    return SearchDocument(
        id=f"exp_{n:026d}",
        version=1,
        budget_id=f"bud_{n % 100}",
        description=" ".join(words),
        note="",
        category=_WORDS[n % 7].title(),
        tags=(words[0],),
        currency="USD",
        amount=n % 10_000,
        spent_on=date(2025, 1, 1) + timedelta(n % 700),
    )


async def _elastic(url: str, documents: int) -> None:
    name = f"bench-{token_hex(6)}"
    index = await ElasticIndex.open(url, ExpenseIndex, name=name, within=60)
    batch = 500
    turn = count()

    async def bulk() -> None:
        start = next(turn) * batch
        await index.apply([_document(start + n) for n in range(batch)], {})

    begun, cpu = perf_counter(), process_time()
    for _ in range(documents // batch):
        await bulk()
    share = 1e6 / documents
    spent = (process_time() - cpu) * share, (perf_counter() - begun) * share
    _say("a document, applied 500 at a time", spent)
    _say(
        "apply of one document",
        await _cost(lambda: index.apply([_document(next(turn))], {}), 20, 1),
    )
    for what, query in {
        "search, a word": SearchQuery(budgets=("bud_1",), text="coffee"),
        "search, misspelt, 20 budgets": SearchQuery(
            budgets=tuple(f"bud_{n}" for n in range(20)), text="cofee tain"
        ),
        "search, without text": SearchQuery(budgets=("bud_1",)),
    }.items():
        for tasks in (1, 8):
            _say(f"{what}, {tasks} tasks", await _cost(partial(index.search, query), 160, tasks))
    _say("suggest", await _cost(lambda: index.suggest(["bud_1"], "cof", 10), 80, 1))
    elastic = index._elastic
    await elastic.indices.delete(index=list(await elastic.indices.get(index=f"{name}-*")))
    await elastic.indices.delete_index_template(name=name)
    await index.close()


async def _measure() -> None:
    if url := os.environ.get("REDIS_URL"):
        with TemporaryDirectory() as folder:
            await _redis(url, Path(folder))
    if url := os.environ.get("ELASTIC_SEARCH_URL"):
        await _elastic(url, 20_000)


if __name__ == "__main__":
    uvloop.run(_measure())
