"""Writers of one budget meet: nothing that was answered or counted is lost."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from generated.errors import CurrencyLocked
from generated.models import (
    Budget,
    BudgetCounter,
    BudgetInvitation,
    BudgetThreshold,
    Currency,
    Expense,
    MemberRole,
    Period,
)
from runtime.ports import Query
from runtime.problem import NotFound, PreconditionFailed
from tests.handlers.household import Household, day, said, shown
from tests.handlers.world import somebody

pytestmark = pytest.mark.anyio


async def test_updates_and_counting_meet_and_neither_is_lost(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)

    async def rename() -> None:
        for number in range(20):
            body = said(budget, name=f"Name {number}")
            await house.run(ann, "updateBudget", id=budget.id, body=body)

    await asyncio.gather(rename(), *(house.spend(ann, budget, "1.00") for _ in range(40)))
    assert (await shown(house, budget)).spent == Decimal("40.00")
    assert (await shown(house, budget)).name == "Name 19"


async def test_an_update_that_has_not_seen_the_latest_figures_is_refused_where_it_asks_so(
    house: Household,
) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    await house.spend(ann, budget, "9.00")
    counted = await shown(house, budget)
    body = said(budget, name="Late")
    with pytest.raises(PreconditionFailed):
        await house.run(ann, "updateBudget", id=budget.id, if_version=budget.version, body=body)
    version = counted.version
    got: Budget = await house.run(ann, "updateBudget", id=budget.id, if_version=version, body=body)
    assert (got.name, got.spent, got.version) == ("Late", counted.spent, version + 1)


async def test_another_period_while_expenses_are_counted_misses_none(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)

    async def change() -> None:
        for number in range(10):
            period = Period.YEARLY if number % 2 else Period.MONTHLY
            body = said(budget, period=period, starts_on=day("2026-01-01"))
            await house.run(ann, "updateBudget", id=budget.id, body=body)

    dates = [day("2026-10-05"), day("2026-11-05")] * 20
    await asyncio.gather(
        change(), *(house.spend(ann, budget, "1.00", spent_on=date) for date in dates)
    )
    assert (await shown(house, budget)).spent == Decimal("40.00")


async def test_the_currency_and_the_first_expense_meet_and_agree(house: Household) -> None:
    ann = somebody(house.world)
    for _ in range(20):
        budget = await house.budget_of(ann)
        body = said(budget, currency=Currency.JPY)
        results = await asyncio.gather(
            house.run(ann, "updateBudget", id=budget.id, body=body),
            house.spend(ann, budget, "7"),
            house.spend(ann, budget, "8"),
            return_exceptions=True,
        )
        refused = isinstance(results[0], CurrencyLocked)
        expected = Currency.USD if refused else Currency.JPY
        kept: Budget = await house.run(ann, "getBudget", id=budget.id)
        currencies = [e.currency for e in results if isinstance(e, Expense)]
        assert (kept.currency, currencies) == (expected, [expected] * 2)


async def test_an_editor_who_is_removed_meanwhile_writes_nothing(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.share(ann, await house.budget_of(ann), bob, MemberRole.EDITOR)
    results = await asyncio.gather(
        house.run(ann, "removeBudgetMember", id=budget.id, user_id=bob.user_id),
        house.run(bob, "updateBudget", id=budget.id, body=said(budget, name="Bob's")),
        return_exceptions=True,
    )
    kept: Budget = await house.run(ann, "getBudget", id=budget.id)
    assert kept.members == []
    if isinstance(results[1], Budget):
        # By a wire the second may come first: then it was written before the membership ended.
        assert results[1].members != []
        assert (results[1].version, kept.name) == (kept.version - 1, "Bob's")
    else:
        assert isinstance(results[1], NotFound)
        assert kept.name == "Household"


async def test_a_budget_deleted_while_it_is_counted_leaves_no_figures(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)

    async def spend() -> None:
        for number in range(30):
            await house.spend(ann, budget, "1.00", category=f"Category {number}")

    async def delete() -> None:
        await asyncio.gather(*(house.run(ann, "getBudget", id=budget.id) for _ in range(3)))
        await house.run(ann, "deleteBudget", id=budget.id)

    await asyncio.gather(spend(), spend(), delete(), return_exceptions=True)
    await house.world.drained()
    kept = house.stores["budget"]
    assert (await kept.page(BudgetCounter, Query())).items == []
    assert (await kept.page(BudgetThreshold, Query())).items == []
    assert (await kept.page(BudgetInvitation, Query())).items == []
    assert (await house.stores["expense"].page(Expense, Query())).items == []
