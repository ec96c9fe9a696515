"""The promises of the port SearchIndex: filters, order, facets, what is applied and rebuilt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest

from runtime.ports import Bucket, Found, SearchDocument, SearchIndex, SearchQuery
from tests.ports.searching import HOME, OTHERS, WORK, add, expense, ids, stream

pytestmark = pytest.mark.anyio


# --- filters --------------------------------------------------------------------------------------


async def test_only_the_named_budgets_are_searched_be_they_thousands(index: SearchIndex) -> None:
    await add(index, *(expense(f"e{b}", budget_id=b) for b in (HOME, WORK, OTHERS)))
    assert await ids(index, budgets=()) == []
    assert await ids(index, budgets=(HOME, WORK)) == [f"e{HOME}", f"e{WORK}"]
    many = tuple(f"bud_{n}" for n in range(5000))
    assert await ids(index, "thing", budgets=(*many, WORK)) == [f"e{WORK}"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"category": "Food"}, ["e1", "e2"]),
        ({"category": "food"}, []),
        ({"categories": ("Food", "Travel")}, ["e1", "e2", "e3"]),
        ({"tags": ("a",)}, ["e1", "e2"]),
        ({"tags": ("a", "b")}, ["e2"]),
        ({"currency": "EUR"}, ["e3"]),
        ({"spent_from": date(2026, 3, 2)}, ["e2", "e3"]),
        ({"spent_to": date(2026, 3, 2)}, ["e1", "e2"]),
        ({"spent_from": date(2026, 3, 2), "spent_to": date(2026, 3, 2)}, ["e2"]),
        ({"spent_from": date(2026, 3, 3), "spent_to": date(2026, 3, 1)}, []),
        ({"amount_from": 200}, ["e2", "e3"]),
        ({"amount_to": 200}, ["e1", "e2"]),
        ({"amount_from": 10**30}, []),
        ({"amount_from": -(10**30), "amount_to": 10**30}, ["e1", "e2", "e3"]),
        ({"text": "thing", "category": "Food", "tags": ("a",), "amount_from": 150}, ["e2"]),
    ],
)
async def test_filters_narrow_with_bounds_included(
    index: SearchIndex, asked: dict[str, Any], found: list[str]
) -> None:
    await add(
        index,
        expense("e1", category="Food", tags=("a",), spent_on=date(2026, 3, 1), amount=100),
        expense("e2", category="Food", tags=("b", "a"), spent_on=date(2026, 3, 2), amount=200),
        expense("e3", category="Travel", spent_on=date(2026, 3, 3), amount=300, currency="EUR"),
    )
    assert sorted(await ids(index, **asked)) == found


# --- order and pages ------------------------------------------------------------------------------


async def test_as_relevant_the_newest_come_first_and_ties_go_by_id(index: SearchIndex) -> None:
    days = {"e4": 1, "e1": 2, "e3": 2, "e2": 2, "e5": 3}
    for id, day in days.items():  # one by one: each commit lies elsewhere in the index
        await add(index, expense(id, spent_on=date(2026, 3, day)))
    assert await ids(index) == ["e5", "e1", "e2", "e3", "e4"]
    assert await ids(index, "thing", order="newest") == ["e5", "e1", "e2", "e3", "e4"]
    assert await ids(index, order="oldest") == ["e4", "e1", "e2", "e3", "e5"]
    for text in ("thing", "thimg"):  # as relevant, and as misspelt
        assert await ids(index, text) == ["e5", "e1", "e2", "e3", "e4"]


@pytest.mark.parametrize("text", ["", "coffee"])
async def test_pages_show_every_hit_once_in_the_order_of_ids_where_all_tie(
    index: SearchIndex, text: str
) -> None:
    every = [f"exp_01jd8z4k5qf6x8v0m2t7n9{n:04d}" for n in range(300)]
    shuffled = sorted(every, key=lambda id: id[::-1])
    await add(index, *(expense(id, "Coffee") for id in shuffled[:100]))
    await add(index, *(expense(id, "Coffee") for id in shuffled[100:]))
    assert await ids(index, text, limit=300) == every
    pages = [await ids(index, text, limit=7, offset=n) for n in range(0, 301, 7)]
    assert [id for page in pages for id in page] == every
    assert await ids(index, text, offset=300) == await ids(index, text, offset=10**9) == []


# --- facets ---------------------------------------------------------------------------------------


async def test_facets_and_sums_are_over_all_hits_and_by_currency(index: SearchIndex) -> None:
    march, april = date(2026, 3, 31), date(2026, 4, 1)
    await add(
        index,
        expense("e1", "Lunch", category="Food", amount=1, spent_on=april),
        expense("e2", "Lunch", category="Food", amount=20, spent_on=march, currency="JPY"),
        expense("e3", "Lunch", category="Food", amount=-300, spent_on=march),
        expense("e4", "Lunch", category="Work", amount=4000, spent_on=march),
        expense("e5", "Dinner", category="Food", amount=7, spent_on=march),
        expense("e6", "Lunch", category="Food", amount=7, budget_id=OTHERS),
    )
    for limit in (1, 0):
        found = await index.search(SearchQuery(budgets=(HOME,), text="lunch", limit=limit))
        assert (found.total, len(found.hits)) == (4, limit)
        assert found.by_category == [
            Bucket("Food", "JPY", 1, 20),
            Bucket("Food", "USD", 2, -299),
            Bucket("Work", "USD", 1, 4000),
        ]
        assert found.by_month == [
            Bucket("2026-03", "JPY", 1, 20),
            Bucket("2026-03", "USD", 2, 3700),
            Bucket("2026-04", "USD", 1, 1),
        ]
        assert found.sums == [Bucket("JPY", "JPY", 1, 20), Bucket("USD", "USD", 3, 3701)]


async def test_sums_are_exact_beyond_what_a_double_holds(index: SearchIndex) -> None:
    largest = 9_999_999_999_999_999
    amounts = [largest - n for n in range(40)] + [-1, 1, 2]
    await add(index, *(expense(f"e{n}", amount=each) for n, each in enumerate(amounts)))
    found = await index.search(SearchQuery(budgets=(HOME,)))
    whole = sum(amounts)
    assert int(float(whole)) != whole
    assert [b.sum for b in (*found.sums, *found.by_month, *found.by_category)] == [whole] * 3


async def test_nothing_found_is_an_empty_answer(index: SearchIndex) -> None:
    await add(index, expense("e1"))
    found = await index.search(SearchQuery(budgets=(HOME,), text="absent"))
    assert found == Found(hits=[], total=0, by_category=[], by_month=[], sums=[])


# --- applying -------------------------------------------------------------------------------------


async def test_a_lower_or_equal_version_never_undoes_a_higher_one(index: SearchIndex) -> None:
    await add(index, expense("e1", "Second", version=2))
    await add(index, expense("e1", "First", version=1), expense("e1", "Twice", version=2))
    await index.apply([], {"e1": 1})
    assert await ids(index, "second") == ["e1"]
    await add(index, expense("e1", "Fourth", version=4), expense("e1", "Third", version=3))
    assert await ids(index) == await ids(index, "fourth") == ["e1"]


async def test_what_was_deleted_does_not_come_back_by_a_late_event(index: SearchIndex) -> None:
    await add(index, expense("e1", version=3))
    await index.apply([], {"e1": 3, "e2": 5})
    assert await ids(index) == []
    await add(index, expense("e1", version=3), expense("e2", version=4))
    assert await ids(index) == []
    await add(index, expense("e1", version=4))
    assert await ids(index) == ["e1"]


async def test_a_put_and_its_deletion_may_come_together(index: SearchIndex) -> None:
    await index.apply([expense("e1", version=2), expense("e2", version=2)], {"e1": 2, "e2": 1})
    assert await ids(index) == ["e2"]


async def test_calls_at_once_are_each_done_when_they_return(index: SearchIndex) -> None:
    async def added(n: int) -> bool:
        await add(index, expense(f"e{n}", f"Number{n}"))
        return await ids(index, f"number{n}", fuzzy=False, limit=1) == [f"e{n}"]

    assert all(await asyncio.gather(*(added(n) for n in range(50))))
    assert len(await ids(index, limit=100)) == 50


async def test_a_deleted_budget_takes_its_expenses_with_it_for_good(index: SearchIndex) -> None:
    await add(index, expense("e1"), expense("e2"), expense("e3", budget_id=WORK))
    await index.delete_budget(HOME)
    await add(index, expense("e1", version=9), expense("e4"))
    assert await ids(index, budgets=(HOME, WORK)) == ["e3"]


# --- rebuilding -----------------------------------------------------------------------------------


async def test_a_rebuild_replaces_what_there_was(index: SearchIndex) -> None:
    await add(index, expense("stale"), expense("e1", "Old", version=7))
    many = [expense(f"e{n}", spent_on=date(2026, 1, 1) + timedelta(n)) for n in range(1200)]
    assert await index.rebuild(stream(many)) == 1200
    assert await ids(index, limit=2) == ["e1199", "e1198"]
    assert (await index.search(SearchQuery(budgets=(HOME,)))).total == 1200


async def test_a_rebuild_keeps_what_was_applied_meanwhile(index: SearchIndex) -> None:
    await add(index, expense("e1"), expense("e2"), expense("e3"), expense("e4", budget_id=WORK))

    async def documents() -> AsyncIterator[SearchDocument]:
        yield expense("e1", "Read")
        yield expense("e2")
        await index.apply([expense("e1", "Changed", version=2)], {"e2": 1, "e3": 1})
        await index.delete_budget(WORK)
        assert await ids(index, budgets=(HOME, WORK)) == ["e1"]  # the old one answers
        await add(index, expense("e5", "New"))
        yield expense("e3")
        yield expense("e4", budget_id=WORK)
        yield expense("e6", "Only read")

    assert await index.rebuild(documents()) == 5
    assert await ids(index, budgets=(HOME, WORK)) == ["e1", "e5", "e6"]
    assert await ids(index, "changed") == ["e1"]
    await add(index, expense("e2"), expense("e4", budget_id=WORK))
    assert await ids(index, budgets=(HOME, WORK)) == ["e1", "e5", "e6"]


async def test_a_rebuild_remembers_deletions_but_believes_the_store(index: SearchIndex) -> None:
    await index.apply([], {"gone": 2, "restored": 2})
    await index.delete_budget(WORK)
    await index.delete_budget(OTHERS)
    restored = expense("e1", budget_id=WORK)
    await index.rebuild(stream([expense("restored", version=1), restored]))
    await add(
        index,
        expense("gone"),
        expense("e2", budget_id=OTHERS),
        expense("e3", budget_id=WORK),
        expense("restored", version=2),
    )
    assert await ids(index, budgets=(HOME, WORK, OTHERS)) == ["e1", "e3", "restored"]


async def test_a_rebuild_that_fails_leaves_the_index_as_it_was(index: SearchIndex) -> None:
    await add(index, expense("e1"))

    async def documents() -> AsyncIterator[SearchDocument]:
        yield expense("e2")
        await add(index, expense("e3"))
        raise ConnectionError("the store went away")

    with pytest.raises(ConnectionError):
        await index.rebuild(documents())
    assert await ids(index) == ["e1", "e3"]
    assert await index.rebuild(stream([expense("e4")])) == 1
    assert await ids(index) == ["e4"]
