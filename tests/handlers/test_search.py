"""Search: what one sees now, found by its words; what the index still holds shows nothing more."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from generated.errors import CurrencyRequired, RangeInvalid
from generated.events import ExpenseCreated, ExpenseDeleted, ExpenseUpdated
from generated.models import (
    Budget,
    Currency,
    ExpenseQuery,
    ExpenseSearchResult,
    MemberRole,
    SearchOrder,
    SuggestField,
    SuggestionList,
    Task,
    TaskKind,
)
from runtime.call import Caller
from runtime.ports import Delivery, Seen
from runtime.problem import InvalidPageToken, NotFound
from tests.handlers.household import Household, again, day
from tests.handlers.world import somebody

pytestmark = pytest.mark.anyio

Told = Delivery[ExpenseCreated | ExpenseUpdated | ExpenseDeleted]


async def find(house: Household, caller: Caller, **asked: Any) -> ExpenseSearchResult:
    """What is found when the index has followed."""
    await house.world.drained()
    found: ExpenseSearchResult = await house.run(
        caller, "searchExpenses", body=ExpenseQuery(**asked)
    )
    return found


def texts(found: ExpenseSearchResult) -> list[str]:
    return [hit.expense.description for hit in found.items]


async def shop(house: Household, owner: Caller, **said: Any) -> Budget:
    """A budget with three expenses in two months and categories."""
    budget = await house.budget_of(owner, **said)
    await house.spend(owner, budget, "4", description="Weekly market", spent_on=day("2026-11-20"))
    await house.spend(
        owner,
        budget,
        "30",
        description="Cinema",
        category="Fun",
        tags=["kids"],
        note="The market of dreams",
        spent_on=day("2026-11-10"),
    )
    await house.spend(owner, budget, "2", description="Bakery", spent_on=day("2026-10-10"))
    return budget


async def test_words_are_found_and_marked(house: Household) -> None:
    ann = somebody(house.world)
    await shop(house, ann)
    found = await find(house, ann, text="markets")
    assert texts(found) == ["Weekly market", "Cinema"]
    marks = {(h.field.value, h.fragment) for hit in found.items for h in hit.highlights}
    assert marks == {
        ("description", "Weekly \ue000market\ue001"),
        ("note", "The \ue000market\ue001 of dreams"),
    }
    assert texts(await find(house, ann, text="marktet")) == ["Weekly market", "Cinema"]
    assert texts(await find(house, ann, text="marktet", fuzzy=False)) == []


async def test_highlights_are_plain_text_whatever_was_written(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    text = "<em>Tea</em> & \ue000cake\ue001 &lt; tea"
    await house.spend(ann, budget, "1", description=text)
    found = await find(house, ann, text="tea")
    assert [h.fragment for hit in found.items for h in hit.highlights] == [
        "<em>\ue000Tea\ue001</em> & cake &lt; \ue000tea\ue001"
    ]


async def test_facets_and_sums_are_over_all_that_is_found(house: Household) -> None:
    ann = somebody(house.world)
    await shop(house, ann)
    await shop(house, ann, currency=Currency.JPY, limit=Decimal(900))
    found = await find(house, ann, page_size=1)
    assert (len(found.items), found.total) == (1, 6)
    assert {s.currency.value: str(s.amount) for s in found.sums} == {"USD": "36.00", "JPY": "36"}
    assert [(f.category, f.count) for f in found.by_category] == [("Groceries", 4), ("Fun", 2)]
    assert [(f.month, f.count) for f in found.by_month] == [("2026-10", 2), ("2026-11", 4)]
    fun = {s.currency.value: str(s.amount) for s in found.by_category[1].sums}
    assert fun == {"USD": "30.00", "JPY": "30"}


async def test_filters_hold_together(house: Household) -> None:
    ann = somebody(house.world)
    budget = await shop(house, ann)
    newest, oldest = SearchOrder.NEWEST, SearchOrder.OLDEST
    assert texts(await find(house, ann, order=newest)) == ["Weekly market", "Cinema", "Bakery"]
    assert texts(await find(house, ann, order=oldest)) == ["Bakery", "Cinema", "Weekly market"]
    assert texts(await find(house, ann, categories=["Fun", "Other"])) == ["Cinema"]
    assert texts(await find(house, ann, tags=["kids"], text="cinema")) == ["Cinema"]
    assert texts(await find(house, ann, from_=day("2026-11-11"))) == ["Weekly market"]
    assert texts(await find(house, ann, to=day("2026-10-31"))) == ["Bakery"]
    assert texts(await find(house, ann, currency=Currency.EUR)) == []
    cheap = await find(house, ann, budget_id=budget.id, max_amount=Decimal("3.999"))
    assert texts(cheap) == ["Bakery"]
    dear = await find(house, ann, currency=Currency.USD, min_amount=Decimal("4.001"))
    assert texts(dear) == ["Cinema"]


async def test_amounts_compare_within_one_currency(house: Household) -> None:
    ann = somebody(house.world)
    with pytest.raises(CurrencyRequired):
        await find(house, ann, min_amount=Decimal(1))
    with pytest.raises(RangeInvalid):
        await find(house, ann, currency=Currency.USD, min_amount=Decimal(2), max_amount=Decimal(1))
    with pytest.raises(RangeInvalid):
        await find(house, ann, from_=day("2026-11-02"), to=day("2026-11-01"))


async def test_only_budgets_that_one_sees_now_are_searched(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await shop(house, ann)
    assert (await find(house, bob, text="market")).total == 0
    with pytest.raises(NotFound):
        await find(house, bob, budget_id=budget.id)
    await house.share(ann, budget, bob, MemberRole.VIEWER)
    assert (await find(house, bob, text="market")).total == 2
    await house.run(ann, "removeBudgetMember", id=budget.id, user_id=bob.user_id)
    # At once, as the index is not asked what one may see.
    found: ExpenseSearchResult = await house.run(bob, "searchExpenses", body=ExpenseQuery())
    assert (found.items, found.total, found.sums, found.by_category) == ([], 0, [], [])
    suggested: SuggestionList = await house.run(
        bob, "suggestExpenses", field=SuggestField.DESCRIPTION, limit=10, text="we"
    )
    assert suggested.items == []


async def test_the_index_follows_changes_and_deletions(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    tea = await house.spend(ann, budget, "1", description="Tea")
    assert texts(await find(house, ann, text="tea")) == ["Tea"]
    await house.run(ann, "updateExpense", id=tea.id, body=again(tea, description="Coffee"))
    assert texts(await find(house, ann, text="tea")) == []
    assert texts(await find(house, ann, text="coffee")) == ["Coffee"]
    await house.run(ann, "deleteExpense", id=tea.id)
    assert (await find(house, ann)).total == 0


async def test_what_is_deleted_is_not_shown_though_the_index_still_has_it(
    house: Household,
) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    tea = await house.spend(ann, budget, "1", description="Tea")
    await house.world.drained()
    await house.run(ann, "deleteExpense", id=tea.id)
    found: ExpenseSearchResult = await house.run(ann, "searchExpenses", body=ExpenseQuery())
    assert found.items == []


async def test_late_events_undo_nothing(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    tea = await house.spend(ann, budget, "1", description="Tea")
    await house.world.drained()
    late: Told = Delivery(ExpenseCreated(after=tea), Seen("indexExpenses", "evt_1"))
    gone: Told = Delivery(ExpenseDeleted(before=tea.but(version=2)), Seen("indexExpenses", "evt_2"))
    await house.search.index_expenses([gone, late])
    await house.search.index_expenses([late])
    assert (await find(house, ann)).total == 0


async def test_a_deleted_budget_leaves_the_index(house: Household) -> None:
    ann = somebody(house.world)
    budget = await shop(house, ann)
    await house.run(ann, "deleteBudget", id=budget.id)
    await house.world.drained()
    admin = somebody(house.world, "admin")
    with pytest.raises(NotFound):
        await find(house, admin, budget_id=budget.id)
    assert house.index.documents <= 4  # marks of what is gone, none of it found


async def test_pages_follow_each_other_and_a_token_fits_its_search_only(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.budget_of(ann)
    for number in range(7):
        date = day(f"2026-11-{number + 1:02}")
        await house.spend(ann, budget, "1", description=f"Tea {number}", spent_on=date)
    seen: list[str] = []
    token = first = None
    for size in (3, 2, 5):
        page = await find(
            house, ann, text="tea", order=SearchOrder.OLDEST, page_size=size, page_token=token
        )
        seen += texts(page)
        token = page.next_page_token
        first = first or token
    assert (seen, token) == ([f"Tea {number}" for number in range(7)], None)
    for caller, asked in ((ann, {"text": "cake"}), (bob, {"text": "tea"})):
        with pytest.raises(InvalidPageToken):
            await find(house, caller, order=SearchOrder.OLDEST, page_token=first, **asked)
    for forged in ("AAAA", "not-a-token", "A"):
        with pytest.raises(InvalidPageToken):
            await find(house, ann, text="tea", page_token=forged)


async def test_suggestions_come_from_the_field_that_is_asked(house: Household) -> None:
    ann = somebody(house.world)
    await shop(house, ann)
    await house.world.drained()

    async def suggest(field: SuggestField, text: str) -> list[str]:
        found: SuggestionList = await house.run(
            ann, "suggestExpenses", field=field, limit=10, text=text
        )
        return found.items

    assert await suggest(SuggestField.DESCRIPTION, "mar") == ["Weekly market"]
    assert await suggest(SuggestField.CATEGORY, "f") == ["Fun"]
    assert await suggest(SuggestField.TAG, "ki") == ["kids"]


async def test_a_rebuild_holds_what_the_expense_service_has(house: Household) -> None:
    ann = somebody(house.world)
    budget = await shop(house, ann)
    await house.world.drained()
    # What the index should never have had, and what is entered while it is rebuilt.
    tea = await house.spend(ann, budget, "1", description="Tea")
    await house.world.drained()
    ghost = tea.but(id=house.world.ids.new("exp"), description="Ghost")
    await house.search.index_expenses(
        [Delivery(ExpenseCreated(after=ghost), Seen("indexExpenses", "evt_1"))]
    )
    assert (await find(house, ann)).total == 5
    taken, _ = await asyncio.gather(
        house.search.rebuild(), house.spend(ann, budget, "1", description="Late")
    )
    assert taken in (4, 5)
    assert sorted(texts(await find(house, ann))) == [
        "Bakery",
        "Cinema",
        "Late",
        "Tea",
        "Weekly market",
    ]
    assert (await find(house, ann)).total == 5


async def test_reindexing_is_a_task_that_a_repeated_key_queues_once(house: Household) -> None:
    admin = somebody(house.world, "admin")
    task: Task = await house.run(admin, "reindexSearch", key="k")
    assert (task.kind, task.owner_id) == (TaskKind.REINDEX_SEARCH, admin.user_id)
    assert await house.run(admin, "reindexSearch", key="k") == task
    assert house.tasks.queued == [task]
