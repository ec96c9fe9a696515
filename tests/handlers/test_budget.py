"""Budgets: what the owner says stays, what the server counts is never overwritten."""

from __future__ import annotations

from decimal import Decimal

import pytest

from generated.errors import AmountPrecision, CurrencyLocked, RangeInvalid
from generated.models import (
    Budget,
    BudgetCounter,
    BudgetPage,
    BudgetRecord,
    BudgetSummary,
    Currency,
    MemberRole,
    Period,
)
from runtime.ports import Query
from runtime.problem import Forbidden, InvalidPageToken, NotFound, PreconditionFailed
from tests.handlers.household import Household, again, day, said, shown
from tests.handlers.world import somebody

pytestmark = pytest.mark.anyio


# --- what the owner says --------------------------------------------------------------------------


async def test_a_new_budget_has_the_contracts_defaults(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, limit=Decimal("500"))
    assert (budget.currency, budget.period) == (Currency.USD, Period.MONTHLY)
    assert (budget.starts_on, budget.ends_on) == (day("2026-11-01"), None)
    assert (str(budget.limit), str(budget.spent), budget.version) == ("500.00", "0.00", 1)
    assert (budget.owner_id, budget.members) == (ann.user_id, [])


async def test_a_limit_has_no_more_decimals_than_its_currency(house: Household) -> None:
    ann = somebody(house.world)
    with pytest.raises(AmountPrecision) as refused:
        await house.budget_of(ann, limit=Decimal("0.5"), currency=Currency.JPY)
    assert [error.pointer for error in refused.value.errors] == ["/limit"]
    dinars = await house.budget_of(ann, limit=Decimal("0.005"), currency=Currency.KWD)
    assert str(dinars.limit) == "0.005"


async def test_a_budget_that_ends_before_it_starts_is_refused(house: Household) -> None:
    with pytest.raises(RangeInvalid):
        await house.budget_of(somebody(house.world), ends_on=day("2026-10-31"))


async def test_put_replaces_all_that_a_client_may_write(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, ends_on=day("2027-01-01"), period=Period.WEEKLY)
    body = said(budget, name="Trip", ends_on=None, period=Period.MONTHLY, starts_on=None)
    changed: Budget = await house.run(ann, "updateBudget", id=budget.id, body=body)
    assert (changed.name, changed.ends_on, changed.period) == ("Trip", None, Period.MONTHLY)
    assert (changed.starts_on, changed.version) == (day("2026-11-01"), 2)
    assert await house.run(ann, "getBudget", id=budget.id) == changed


async def test_put_of_what_is_there_already_changes_nothing(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    same: Budget = await house.run(ann, "updateBudget", id=budget.id, body=said(budget))
    assert same.version == 1


async def test_if_match_holds_an_update_and_a_deletion_to_one_version(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    body = said(budget, name="Flat")
    await house.run(ann, "updateBudget", id=budget.id, if_version=1, body=body)
    with pytest.raises(PreconditionFailed):
        await house.run(ann, "updateBudget", id=budget.id, if_version=1, body=body)
    with pytest.raises(PreconditionFailed):
        await house.run(ann, "deleteBudget", id=budget.id, if_version=1)
    await house.run(ann, "deleteBudget", id=budget.id, if_version=2)
    with pytest.raises(NotFound):
        await house.run(ann, "getBudget", id=budget.id)


async def test_a_repeated_key_makes_one_budget_and_gives_the_same_answer(house: Household) -> None:
    ann = somebody(house.world)
    body = said(await house.budget_of(ann), name="Once")
    first = await house.run(ann, "createBudget", key="k1", body=body)
    second = await house.run(ann, "createBudget", key="k1", body=body)
    assert second == first
    page: BudgetPage = await house.run(ann, "listBudgets")
    assert [budget.name for budget in page.items].count("Once") == 1


async def test_a_list_shows_what_one_owns_or_shares_and_nothing_else(house: Household) -> None:
    ann, bob, admin = (somebody(house.world, role) for role in ("user", "user", "admin"))
    mine = await house.budget_of(ann, name="Mine")
    shared = await house.budget_of(bob, name="Shared")
    await house.budget_of(bob, name="Bob's alone")
    await house.share(bob, shared, ann, MemberRole.VIEWER)
    page: BudgetPage = await house.run(ann, "listBudgets", sort="name")
    assert [budget.name for budget in page.items] == ["Mine", "Shared"]
    assert (await house.run(admin, "listBudgets")).items == []
    assert (await house.run(admin, "getBudget", id=mine.id)).name == "Mine"


async def test_pages_follow_each_other_and_their_tokens_fit_one_caller(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    for number in range(5):
        await house.budget_of(ann, name=f"Budget {number}")
    seen: list[str] = []
    token = None
    while True:
        page: BudgetPage = await house.run(
            ann, "listBudgets", sort="name", page_size=2, page_token=token
        )
        seen += [budget.name for budget in page.items]
        token = page.next_page_token or token
        if page.next_page_token is None:
            break
    assert seen == [f"Budget {number}" for number in range(5)]
    with pytest.raises(InvalidPageToken):
        await house.run(bob, "listBudgets", sort="name", page_token=token)


# --- what the server counts -----------------------------------------------------------------------


async def test_spent_follows_expenses_as_they_come_change_and_go(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    market = await house.spend(ann, budget, "42.60")
    await house.spend(ann, budget, "7.40", category="Fun")
    assert (await shown(house, budget)).spent == Decimal("50.00")
    body = again(market, amount=Decimal("40.00"), category="Food")
    await house.run(ann, "updateExpense", id=market.id, body=body)
    assert (await shown(house, budget)).spent == Decimal("47.40")
    await house.run(ann, "deleteExpense", id=market.id)
    assert (await shown(house, budget)).spent == Decimal("7.40")
    page = await house.stores["budget"].page(BudgetCounter, Query())
    assert [(counter.category, counter.count) for counter in page.items] == [("Fun", 1)]


async def test_spent_is_of_the_current_period_only(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, starts_on=day("2026-01-01"))
    await house.spend(ann, budget, "10.00", spent_on=day("2026-10-31"))
    await house.spend(ann, budget, "20.00", spent_on=day("2026-11-01"))
    await house.spend(ann, budget, "40.00", spent_on=day("2026-12-01"))
    assert (await shown(house, budget)).spent == Decimal("20.00")


async def test_every_change_of_spent_raises_the_version(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    await house.spend(ann, budget, "10.00")
    await house.world.drained()
    before: Budget = await house.run(ann, "getBudget", id=budget.id)
    await house.spend(ann, budget, "10.00")
    await house.world.drained()
    after: Budget = await house.run(ann, "getBudget", id=budget.id)
    assert (after.spent - before.spent, after.version > before.version) == (Decimal(10), True)


async def test_a_new_period_begins_with_what_is_dated_in_it(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    await house.spend(ann, budget, "30.00")
    await house.spend(ann, budget, "4.00", spent_on=day("2026-12-24"))
    assert (await shown(house, budget)).spent == Decimal("30.00")
    old: Budget = await house.run(ann, "getBudget", id=budget.id)
    await house.world.turn(days=9)
    new: Budget = await house.run(ann, "getBudget", id=budget.id)
    assert (new.spent, new.version) == (Decimal("4.00"), old.version + 1)
    listed: BudgetPage = await house.run(ann, "listBudgets")
    assert listed.items == [new]
    await house.spend(ann, budget, "1.00")
    assert (await shown(house, budget)).spent == Decimal("5.00")


async def test_an_expense_counts_although_nobody_looked_since_the_period_began(
    house: Household,
) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    await house.spend(ann, budget, "30.00")
    await house.world.drained()
    await house.world.turn(days=9)
    await house.spend(ann, budget, "1.00")
    assert (await shown(house, budget)).spent == Decimal("1.00")


async def test_another_period_or_start_counts_anew(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    for date in ("2026-01-02", "2026-11-02", "2026-11-21"):
        await house.spend(ann, budget, "10.00", spent_on=day(date))
    assert (await shown(house, budget)).spent == Decimal("20.00")
    for changed, expected in (
        ({"period": Period.YEARLY, "starts_on": day("2026-01-01")}, "30.00"),
        ({"period": Period.WEEKLY, "starts_on": day("2026-11-16")}, "10.00"),
        ({"period": Period.ONCE, "ends_on": day("2026-11-20")}, "10.00"),
        ({"period": Period.ONCE, "ends_on": None}, "20.00"),
    ):
        body = said(budget, **changed)
        got: Budget = await house.run(ann, "updateBudget", id=budget.id, body=body)
        assert (changed, got.spent) == (changed, Decimal(expected))


async def test_the_currency_changes_until_there_is_an_expense(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    euros = said(budget, currency=Currency.EUR)
    changed: Budget = await house.run(ann, "updateBudget", id=budget.id, body=euros)
    assert changed.currency is Currency.EUR
    await house.spend(ann, budget, "1.00")
    # At once: not only when the expense is counted.
    with pytest.raises(CurrencyLocked):
        await house.run(ann, "updateBudget", id=budget.id, body=said(budget))


async def test_the_summary_is_made_of_counters(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, limit=Decimal("100.00"))
    await house.spend(ann, budget, "30.00")
    await house.spend(ann, budget, "10.00", category="Fun", spent_on=day("2026-11-02"))
    await house.spend(ann, budget, "4.00", spent_on=day("2026-02-02"))
    await house.spend(ann, budget, "5.00", spent_on=day("2025-11-30"))
    await house.world.drained()
    summary: BudgetSummary = await house.run(ann, "getBudgetSummary", id=budget.id)
    assert (str(summary.spent), str(summary.remaining)) == ("40.00", "60.00")
    assert summary.percent == 40.0
    assert [(c.category, c.amount, c.count, c.percent) for c in summary.by_category] == [
        ("Groceries", Decimal("30.00"), 1, 75.0),
        ("Fun", Decimal("10.00"), 1, 25.0),
    ]
    assert [(m.month, str(m.amount)) for m in summary.by_month] == [
        ("2026-02", "4.00"),
        ("2026-11", "40.00"),
    ]
    pace = summary.pace
    assert (pace.days_elapsed, pace.days_left) == (22, 8)
    assert (str(pace.daily_average), str(pace.projected)) == ("1.82", "54.55")
    assert (str(pace.daily_allowance), pace.on_track) == ("6.67", True)


async def test_a_summary_can_be_asked_of_an_earlier_period(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, starts_on=day("2026-01-01"))
    await house.spend(ann, budget, "30.00", spent_on=day("2026-03-31"))
    await house.world.drained()
    march: BudgetSummary = await house.run(
        ann, "getBudgetSummary", id=budget.id, day=day("2026-03-05")
    )
    assert (march.period_start, march.period_end) == (day("2026-03-01"), day("2026-03-31"))
    assert (march.pace.days_elapsed, march.pace.days_left) == (31, 0)
    assert march.spent == march.pace.projected == Decimal("30.00")


async def test_a_budget_without_end_projects_nothing(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, period=Period.ONCE)
    await house.spend(ann, budget, "100.00")
    await house.world.drained()
    summary: BudgetSummary = await house.run(ann, "getBudgetSummary", id=budget.id)
    assert summary.period_end is None
    assert summary.pace.projected == Decimal("100.00")
    assert summary.pace.daily_allowance == Decimal("400.00")


async def test_a_viewer_sees_and_may_not_change(house: Household) -> None:
    ann, bob, eve = (somebody(house.world) for _ in range(3))
    budget = await house.share(ann, await house.budget_of(ann), bob, MemberRole.VIEWER)
    assert await house.run(bob, "getBudget", id=budget.id) == budget
    with pytest.raises(Forbidden):
        await house.run(bob, "updateBudget", id=budget.id, body=said(budget))
    with pytest.raises(NotFound):
        await house.run(eve, "getBudget", id=budget.id)


async def test_what_an_answer_shows_holds_nothing_private(house: Household) -> None:
    budget = await house.budget_of(somebody(house.world))
    record = await house.stores["budget"].get(BudgetRecord, budget.id)
    assert record is not None
    assert record.counted_from == day("2026-11-01")
    assert "counted" not in Budget.model_fields
