"""The promises of Store.page: held against a list that is sorted and filtered in Python."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from runtime.ports import Insert, Query, Store, Where
from tests.ports.platforms import Platform
from tests.ports.sample import START, Mood, Pot, pot

pytestmark = pytest.mark.anyio

OWNERS = [f"usr_{number}" for number in range(8)]
SORTABLE = ("owner_id", "name", "limit", "mood", "closed_on", "rank", "created_at", "id")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "in": lambda a, b: a in b,
    "has": lambda a, b: b in a,
    "gt": lambda a, b: a is not None and a > b,
    "gte": lambda a, b: a is not None and a >= b,
    "lt": lambda a, b: a is not None and a < b,
    "lte": lambda a, b: a is not None and a <= b,
}


def some_pots(chance: random.Random, count: int) -> list[Pot]:
    """Pots with many ties and many NULLs."""
    return [
        pot(
            owner_id=chance.choice(OWNERS),
            limit=Decimal(chance.randrange(5)).quantize(Decimal("0.01")),
            mood=chance.choice(list(Mood)),
            closed_on=chance.choice([None, date(2026, 1, 1 + chance.randrange(4))]),
            rank=chance.choice([None, None, -1, 0, 1, 2]),
            created_at=START + timedelta(milliseconds=chance.randrange(6)),
            members=chance.sample(OWNERS, chance.randrange(4)),
        )
        for _ in range(count)
    ]


def value_of(entity: Pot, field: str) -> Any:
    return {entity.owner_id, *entity.members} if field == "visible_to" else getattr(entity, field)


def expected(pots: list[Pot], query: Query) -> list[Pot]:
    """The whole list that `query` pages through. NULL sorts lowest."""
    found = [
        entity
        for entity in pots
        if all(COMPARE[w.op](value_of(entity, w.field), w.value) for w in query.where)
    ]
    for field, descending in reversed((*query.sort, ("id", query.sort[-1][1]))):

        def key(entity: Pot, field: str = field) -> tuple[bool, Any]:
            value = getattr(entity, field)
            return (value is not None, value)

        found.sort(key=key, reverse=descending)
    return found


async def walk(store: Store, query: Query) -> list[Pot]:
    """All pages behind one another."""
    found: list[Pot] = []
    after = None
    while True:
        page = await store.page(Pot, Query(query.where, query.sort, query.limit, after))
        assert len(page.items) <= query.limit
        found += page.items
        if not page.more:
            return found
        assert len(page.items) == query.limit
        last = page.items[-1]
        after = (*(getattr(last, field) for field, _ in query.sort), last.id)


def some_filter(chance: random.Random) -> Where:
    field = chance.choice(["owner_id", "visible_to", "mood", "rank", "closed_on", "limit"])
    values: dict[str, list[Any]] = {
        "owner_id": OWNERS,
        "mood": list(Mood),
        "rank": [-1, 0, 1, 2],
        "closed_on": [date(2026, 1, day) for day in range(1, 5)],
        "limit": [Decimal(number) for number in range(5)],
    }
    if field == "visible_to":
        return Where(field, "has", chance.choice(OWNERS))
    if chance.random() < 0.3:
        return Where(field, "in", tuple(chance.choices(values[field], k=chance.randrange(5))))
    if field in ("rank", "closed_on") and chance.random() < 0.2:
        return Where(field, "eq", None)
    ops = ["eq", "gt", "gte", "lt", "lte"] if field not in ("owner_id", "mood") else ["eq"]
    return Where(field, chance.choice(ops), chance.choice(values[field]))


@pytest.mark.parametrize("seed", range(6))
async def test_pages_together_are_the_list_in_order(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    pots = some_pots(chance, 150)
    await store.commit(*[Insert(entity) for entity in pots])
    for _ in range(60):
        sort = tuple(
            (field, chance.random() < 0.5)
            for field in chance.sample(SORTABLE, chance.randrange(1, 4))
        )
        where = tuple(some_filter(chance) for _ in range(chance.randrange(3)))
        query = Query(where, sort, limit=chance.choice([1, 2, 7, 40, 200]))
        found = await walk(store, query)
        assert [e.id for e in found] == [e.id for e in expected(pots, query)], query
        assert found == expected(pots, query)


async def test_a_filter_of_many_values_is_one_list(store: Store) -> None:
    pots = [
        pot(owner_id=f"own_{number % 450}", created_at=START + timedelta(seconds=number % 70))
        for number in range(1000)
    ]
    await store.commit(*[Insert(entity) for entity in pots])
    wanted = tuple(f"own_{number}" for number in range(0, 450, 2))
    for sort in ((("created_at", True),), (("rank", False), ("created_at", True), ("id", False))):
        for values in (wanted, wanted[:3], (*wanted, *wanted), ("own_none", "own_0"), ()):
            query = Query((Where("owner_id", "in", values),), sort, limit=80)
            assert await walk(store, query) == expected(pots, query)


async def test_a_page_goes_on_behind_its_last_item_though_that_is_gone(platform: Platform) -> None:
    store = platform.store
    pots = [pot(created_at=START + timedelta(seconds=number)) for number in range(5)]
    await store.commit(*[Insert(entity) for entity in pots if entity is not pots[2]])
    query = Query(sort=(("created_at", False),), after=(pots[2].created_at, pots[2].id))
    assert (await store.page(Pot, query)).items == pots[3:]


async def test_more_says_whether_more_follow(store: Store) -> None:
    await store.commit(*[Insert(pot()) for _ in range(10)])
    assert (await store.page(Pot, Query(limit=9))).more
    assert not (await store.page(Pot, Query(limit=10))).more
    assert not (await store.page(Pot, Query(limit=11))).more


@pytest.mark.parametrize(
    "query",
    [
        Query((Where("colour", "eq", "red"),)),
        Query((Where("colour", "eq", None),)),
        Query((Where("colour", "has", "red"),)),
        Query((Where("colour", "in", ("red", "blue")),)),
        Query((Where("rank", "like", 1),)),
        Query((Where("rank", "gt", None),)),
        Query((Where("rank", "in", (1, None)),)),
        Query(sort=(("colour", True),)),
        Query(after=("only one",)),
    ],
)
async def test_a_query_that_makes_no_sense_is_a_value_error(store: Store, query: Query) -> None:
    with pytest.raises(ValueError, match=r"."):
        await store.page(Pot, query)
