"""Expenses: in their budget's currency, by who may write there, and gone with their budget."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any, cast

import pytest

from generated.errors import AmountPrecision, CurrencyMismatch, ExternalIdTaken
from generated.models import (
    Currency,
    Expense,
    ExpenseInput,
    ExpensePage,
    MemberRole,
)
from generated.operations import OPERATIONS
from handlers.access import BudgetAccess
from handlers.expense import ExpenseHandlers
from runtime.call import Caller
from runtime.ports import Store
from runtime.problem import Forbidden, NotFound, PreconditionFailed
from tests.handlers.household import Household, again, day, shown
from tests.handlers.world import call, somebody

pytestmark = pytest.mark.anyio


async def test_what_is_not_said_is_the_budgets_or_todays(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, currency=Currency.JPY, limit=Decimal(500))
    market = await house.spend(ann, budget, "42")
    assert (market.currency, str(market.amount)) == (Currency.JPY, "42")
    assert (market.spent_on, market.tags, market.note) == (day("2026-11-22"), [], None)
    assert (market.owner_id, market.version) == (ann.user_id, 1)
    found = await house.run(ann, "getExpense", budget_id=budget.id, id=market.id)
    assert found == market


async def test_an_expense_has_its_budgets_currency_and_its_decimals(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    with pytest.raises(CurrencyMismatch):
        await house.spend(ann, budget, "1.00", currency=Currency.EUR)
    with pytest.raises(AmountPrecision):
        await house.spend(ann, budget, "1.001")
    market = await house.spend(ann, budget, "1")
    assert str(market.amount) == "1.00"
    body = again(market, currency=Currency.EUR)
    with pytest.raises(CurrencyMismatch):
        await house.run(ann, "updateExpense", id=market.id, body=body)


async def test_a_refused_expense_leaves_the_currency_open(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    with pytest.raises(AmountPrecision):
        await house.spend(ann, budget, "1.001")
    grant = await house.budget.budget_grant(ann, budget.id)
    assert grant is not None
    assert not grant.currency_fixed


async def test_an_external_id_is_unique_in_its_budget(house: Household) -> None:
    ann = somebody(house.world)
    budget, other = await house.budget_of(ann), await house.budget_of(ann)
    await house.spend(ann, budget, "1.00", external_id="bank-1")
    await house.spend(ann, other, "1.00", external_id="bank-1")
    with pytest.raises(ExternalIdTaken):
        await house.spend(ann, budget, "1.00", external_id="bank-1")
    second = await house.spend(ann, budget, "1.00", external_id="bank-2")
    body = again(second, external_id="bank-1")
    with pytest.raises(ExternalIdTaken):
        await house.run(ann, "updateExpense", id=second.id, body=body)


async def test_a_repeated_key_enters_one_expense_however_close(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    first = await house.spend(ann, budget, "9.00", key="k")
    assert await house.spend(ann, budget, "9.00", key="k") == first
    assert (await shown(house, budget)).spent == Decimal("9.00")


async def test_put_replaces_and_what_is_left_out_goes_back(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    market = await house.spend(
        ann, budget, "1.00", tags=["b", "a"], note="Note", spent_on=day("2026-01-01")
    )
    body = again(market, tags=[], note=None, spent_on=None, description="Fair")
    fair: Expense = await house.run(ann, "updateExpense", id=market.id, body=body, if_version=1)
    assert (fair.description, fair.tags, fair.note) == ("Fair", [], None)
    assert (fair.spent_on, fair.version) == (day("2026-11-22"), 2)
    with pytest.raises(PreconditionFailed):
        await house.run(ann, "deleteExpense", id=market.id, if_version=1)
    await house.run(ann, "deleteExpense", id=market.id, if_version=2)
    with pytest.raises(NotFound):
        await house.run(ann, "getExpense", budget_id=budget.id, id=market.id)


async def test_an_expense_of_another_budget_is_not_found_here(house: Household) -> None:
    ann = somebody(house.world)
    market = await house.spend(ann, await house.budget_of(ann), "1.00")
    other = await house.budget_of(ann)
    with pytest.raises(NotFound):
        await house.run(ann, "getExpense", budget_id=other.id, id=market.id)


async def test_who_may_do_what_follows_the_budget(house: Household) -> None:
    ann, bob, eve, cat = (somebody(house.world) for _ in range(4))
    admin = somebody(house.world, "admin")
    budget = await house.budget_of(ann)
    await house.share(ann, budget, bob, MemberRole.VIEWER)
    await house.share(ann, budget, cat, MemberRole.EDITOR)
    market = await house.spend(cat, budget, "1.00")
    for caller, problem in ((bob, Forbidden), (eve, NotFound)):
        with pytest.raises(problem):
            await house.spend(caller, budget, "1.00")
        with pytest.raises(problem):
            await house.run(caller, "updateExpense", id=market.id, body=again(market))
        with pytest.raises(problem):
            await house.run(caller, "deleteExpense", id=market.id)
    assert await house.run(bob, "getExpense", budget_id=budget.id, id=market.id) == market
    await house.run(admin, "deleteExpense", id=market.id)


async def test_lists_show_the_budgets_that_one_sees(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    mine, shared = await house.budget_of(ann), await house.budget_of(bob)
    await house.share(bob, shared, ann, MemberRole.VIEWER)
    hidden = await house.budget_of(bob)
    for budget, amount in ((mine, "1.00"), (shared, "2.00"), (hidden, "4.00")):
        caller = ann if budget is mine else bob
        await house.spend(caller, budget, amount, tags=["x"] if amount == "2.00" else [])

    async def amounts(caller: Caller, operation: str = "listExpenses", **asked: Any) -> list[str]:
        page: ExpensePage = await house.run(caller, operation, sort="amount", **asked)
        return [str(expense.amount) for expense in page.items]

    assert await amounts(ann) == ["1.00", "2.00"]
    assert await amounts(bob) == ["2.00", "4.00"]
    assert await amounts(ann, tag="x") == ["2.00"]
    assert await amounts(ann, budget_id=mine.id) == ["1.00"]
    assert await amounts(ann, budget_id=hidden.id) == []
    assert await amounts(ann, "listExpensesByBudget", id=shared.id) == ["2.00"]
    with pytest.raises(NotFound):
        await amounts(ann, "listExpensesByBudget", id=hidden.id)


async def test_a_list_goes_through_all_pages_by_day_and_filters(house: Household) -> None:
    ann = somebody(house.world)
    budgets = [await house.budget_of(ann) for _ in range(3)]
    for number in range(12):
        date = day(f"2026-11-{number % 6 + 1:02}")
        category = "Fun" if number % 2 else "Food"
        await house.spend(ann, budgets[number % 3], "1.00", spent_on=date, category=category)
    seen: list[Expense] = []
    token = None
    while True:
        page: ExpensePage = await house.run(
            ann,
            "listExpenses",
            page_size=2,
            page_token=token,
            category="Fun",
            from_=day("2026-11-02"),
            to=day("2026-11-05"),
        )
        seen += page.items
        token = page.next_page_token
        if token is None:
            break
    assert [expense.spent_on.day for expense in seen] == [4, 4, 2, 2]
    assert len({expense.id for expense in seen}) == 4


# --- races ----------------------------------------------------------------------------------------


async def test_updates_of_one_expense_meet_and_the_budget_counts_the_last(
    house: Household,
) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    market = await house.spend(ann, budget, "1.00")
    bodies = [again(market, amount=Decimal(f"{number}.00")) for number in range(2, 7)]
    await asyncio.gather(
        *(house.run(ann, "updateExpense", id=market.id, body=body) for body in bodies)
    )
    last: Expense = await house.run(ann, "getExpense", budget_id=budget.id, id=market.id)
    assert last.version == 6
    assert (await shown(house, budget)).spent == last.amount


async def test_an_update_and_a_deletion_meet_and_count_nothing_twice(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    for _ in range(10):
        market = await house.spend(ann, budget, "5.00")
        await asyncio.gather(
            house.run(ann, "updateExpense", id=market.id, body=again(market, amount=Decimal(7))),
            house.run(ann, "deleteExpense", id=market.id),
            return_exceptions=True,
        )
    left: ExpensePage = await house.run(ann, "listExpenses")
    total = sum((expense.amount for expense in left.items), Decimal("0.00"))
    assert (await shown(house, budget)).spent == total


async def test_a_member_who_is_removed_while_writing_is_refused_or_was_first(
    house: Household,
) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.share(ann, await house.budget_of(ann), bob, MemberRole.EDITOR)
    results = await asyncio.gather(
        *(house.spend(bob, budget, "1.00") for _ in range(5)),
        house.run(ann, "removeBudgetMember", id=budget.id, user_id=bob.user_id),
        *(house.spend(bob, budget, "1.00") for _ in range(5)),
        return_exceptions=True,
    )
    entered = [result for result in results if isinstance(result, Expense)]
    assert all(isinstance(r, Expense | NotFound) or r is None for r in results)
    assert (await shown(house, budget)).spent == Decimal(len(entered))
    with pytest.raises(NotFound):
        await house.spend(bob, budget, "1.00")


class Noted:
    """Passes everything on, and notes what was asked for."""

    def __init__(self, wrapped: object, notes: list[str]) -> None:
        self._wrapped = wrapped
        self._notes = notes

    def __getattr__(self, name: str) -> Any:
        self._notes.append(name)
        return getattr(self._wrapped, name)


async def test_entering_takes_one_question_and_one_commit(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    await house.spend(ann, budget, "1.00")
    notes: list[str] = []
    world = house.world
    expenses = ExpenseHandlers(
        store=cast(Store, Noted(house.stores["expense"], notes)),
        ids=world.ids,
        clock=world.clock,
        pager=world.pager,
        budgets=cast(BudgetAccess, Noted(house.budget, notes)),
    )
    body = ExpenseInput(budget_id=budget.id, description="Fair", amount=Decimal(1), category="Fun")
    await expenses.create_expense(call(OPERATIONS["createExpense"], ann), body=body)
    assert notes == ["budget_grant", "commit"]
