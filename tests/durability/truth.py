"""What must be true of a platform at rest, read from its stores and its index: `assert_true`.

The figures are computed here from expenses and ledger rows alone, in the simplest way there is.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from app import Platform
from generated.models import (
    AccountBalance,
    BudgetCounter,
    BudgetRecord,
    BudgetThreshold,
    Expense,
    NotificationKind,
    NotificationRecord,
    Order,
    OrderStatus,
    Transaction,
    TransactionKind,
)
from generated.storage import TABLES
from handlers.access import NOBODY
from handlers.budget_figures import THRESHOLDS
from handlers.periods import Window, month_of, window_at
from runtime.adapters.sqlite import SqliteStore
from runtime.model import Entity, minor_digits
from runtime.ports import Query, SearchQuery, Where

E = TypeVar("E", bound=Entity)
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_PAID = (OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED)


@dataclass(frozen=True, slots=True)
class State:
    """All that the stores hold, by id."""

    budgets: dict[str, BudgetRecord]
    counters: dict[str, BudgetCounter]
    thresholds: dict[str, BudgetThreshold]
    expenses: dict[str, Expense]
    transactions: dict[str, Transaction]
    balances: dict[str, AccountBalance]
    orders: dict[str, Order]
    notifications: dict[str, NotificationRecord]

    def in_budget(self, id: str) -> list[Expense]:
        """Its expenses."""
        return [expense for expense in self.expenses.values() if expense.budget_id == id]


async def at_rest(platform: Platform, within: float = 60) -> None:
    """Waits until every event has had its effect, those that are tried again included."""
    async with asyncio.timeout(within):
        while True:
            assert await platform.bus.drained(within)
            backlog = platform.backends.backlog()
            if not backlog.waiting and not backlog.retrying:
                return
            await asyncio.sleep(0.01)  # until what failed is due again


async def every(platform: Platform, service: str, kind: type[E], *where: Where) -> dict[str, E]:
    """What the disk holds, by id: read by a store that has cached nothing."""
    store = SqliteStore(platform.database, TABLES, service)
    found: dict[str, E] = {}
    after: tuple[str, str] | None = None
    while True:
        page = await store.page(kind, Query(where, (("id", False),), 500, after))
        found |= {entity.id: entity for entity in page.items}
        if not page.more:
            return found
        after = (page.items[-1].id, page.items[-1].id)


async def state_of(platform: Platform) -> State:
    """All that the disk holds."""
    return State(
        budgets=await every(platform, "budget", BudgetRecord),
        counters=await every(platform, "budget", BudgetCounter),
        thresholds=await every(platform, "budget", BudgetThreshold),
        expenses=await every(platform, "expense", Expense),
        transactions=await every(platform, "transaction", Transaction),
        balances=await every(platform, "transaction", AccountBalance),
        orders=await every(platform, "order", Order),
        notifications=await every(platform, "notification", NotificationRecord),
    )


async def assert_true(platform: Platform) -> State:
    """Waits for rest, and asserts every promise that holds across services; answers the state."""
    await at_rest(platform)
    assert await platform.bus.dead_letters() == []
    state = await state_of(platform)
    today = platform.clock.today()
    _assert_counted(state, today)
    _assert_balanced(state)
    _assert_paid(state)
    _assert_told_once(state, today)
    await _assert_indexed(platform, state)
    return state


def window_of(budget: BudgetRecord, today: date) -> Window:
    """The period that is current."""
    return window_at(budget.period, budget.starts_on, budget.ends_on, today)


def _assert_counted(state: State, today: date) -> None:
    """`sum(expenses of a period) == that period's spent`, and every counter is such a sum."""
    spent_by_cell: dict[tuple[str, date, str], tuple[Decimal, int]] = {}
    for expense in state.expenses.values():
        budget = state.budgets.get(expense.budget_id)
        assert budget is not None, f"{expense.id} outlived its budget"
        assert expense.currency is budget.currency, expense.id
        cell = (expense.budget_id, expense.spent_on, expense.category)
        amount, count = spent_by_cell.get(cell, (Decimal(0), 0))
        spent_by_cell[cell] = (amount + expense.amount, count + 1)
    assert {
        (counter.budget_id, counter.day, counter.category): (counter.amount, counter.count)
        for counter in state.counters.values()
    } == spent_by_cell
    for budget in state.budgets.values():
        window = window_of(budget, today)
        total = sum((e.amount for e in state.in_budget(budget.id) if e.spent_on in window), ZERO)
        assert (budget.spent, budget.counted_from) == (total, window.start), budget
        assert budget.spent.as_tuple().exponent == -minor_digits(budget.currency), budget


ZERO = Decimal(0)


def _assert_balanced(state: State) -> None:
    """`sum(transactions) == balance`, per owner and currency, and no row is reversed twice."""
    sums: dict[str, dict[TransactionKind, Decimal]] = defaultdict(
        lambda: dict.fromkeys(TransactionKind, ZERO)
    )
    for row in state.transactions.values():
        sums[f"{row.owner_id}:{row.currency.value}"][row.kind] += row.amount
    assert {id: (kept.credit, kept.debit) for id, kept in state.balances.items()} == {
        id: (each[TransactionKind.CREDIT], each[TransactionKind.DEBIT]) for id, each in sums.items()
    }
    reversals = Counter(row.reversal_of for row in state.transactions.values() if row.reversal_of)
    assert not [id for id, count in reversals.items() if count > 1]
    for row in state.transactions.values():
        if row.reversal_of is not None:
            original = state.transactions[row.reversal_of]
            assert (row.amount, row.currency) == (original.amount, original.currency)
            assert row.kind is not original.kind


def _assert_paid(state: State) -> None:
    """A paid order has one credit of its total; one cancelled after has its reversal as well."""
    rows = _grouped(state.transactions.values(), lambda row: row.order_id)
    for order in state.orders.values():
        booked = rows.pop(order.id, [])
        credits = [row for row in booked if row.reversal_of is None]
        if order.status in _PAID:
            assert [row.amount for row in credits] == [order.total] * bool(order.total), order
        elif order.status is OrderStatus.CANCELLED:
            reversed_ids = {row.reversal_of for row in booked}
            assert len(credits) <= 1, order
            assert {row.id for row in credits} <= reversed_ids, order
        else:
            assert booked == [], order
        # Nobody's, where the account was deleted since.
        assert {row.owner_id for row in booked} <= {order.owner_id, NOBODY}, order
    assert rows.keys() <= {None}


def _assert_told_once(state: State, today: date) -> None:
    """Nobody was told twice of a period's threshold, and of none that is reached not at all."""
    for budget in state.budgets.values():
        start = window_of(budget, today).start
        reached = [each for each in THRESHOLDS if budget.spent * 100 >= budget.limit * each]
        for percent in reached:
            assert f"{budget.id}:{start}:{percent}" in state.thresholds, budget
    told = Counter(
        (notice.subject_id, notice.user_id, _threshold_of(notice))
        for notice in state.notifications.values()
        if notice.kind is NotificationKind.THRESHOLD
    )
    assert not [each for each, count in told.items() if count > 1]
    for mark in state.thresholds.values():
        budget = state.budgets[mark.budget_id]  # or its marks would be gone with it
        assert (budget.id, budget.owner_id, (mark.period_start, mark.percent)) in told, mark


def _threshold_of(notice: NotificationRecord) -> tuple[date, int]:
    """The period and the percents that a notification tells of."""
    percent = int(notice.title.removesuffix(" % spent").rpartition(" ")[2])
    return date.fromisoformat(notice.body.removesuffix(".").rpartition(" ")[2]), percent


async def _assert_indexed(platform: Platform, state: State) -> None:
    """The index has what the store has, with the same figures, and nothing of deleted budgets."""
    budgets = {*state.budgets, *(notice.subject_id or "" for notice in _of_budgets(state))}
    for id in sorted(budgets):
        expenses = state.in_budget(id)
        found = await platform.backends.index.search(SearchQuery((id,), limit=10_000))
        assert {hit.id for hit in found.hits} == {expense.id for expense in expenses}
        assert found.total == len(expenses) == len(found.hits)
        for buckets, value_of in (
            (found.by_category, lambda e: e.category),
            (found.by_month, lambda e: month_of(e.spent_on)),
            (found.sums, lambda e: e.currency.value),
        ):
            groups = _grouped(expenses, value_of)
            assert {b.value: (b.count, b.sum) for b in buckets} == {
                value: (len(some), _minor(some)) for value, some in groups.items()
            }


def _of_budgets(state: State) -> Iterable[NotificationRecord]:
    return (n for n in state.notifications.values() if n.kind is NotificationKind.THRESHOLD)


def _minor(expenses: Iterable[Expense]) -> int:
    """Their sum in minor units."""
    return sum(int(e.amount.scaleb(minor_digits(e.currency))) for e in expenses)


def _grouped(values: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return groups
