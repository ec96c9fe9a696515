"""What expenses come to: every event counts once, in any order, and thresholds are told once."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generated.events import BudgetThresholdReached, ExpenseCreated, ExpenseDeleted, ExpenseUpdated
from generated.models import Budget, BudgetCounter, BudgetRecord, Currency, Expense, Period
from handlers.budget_figures import BudgetFigures
from runtime.ports import AlreadySeen, Delivery, Insert, Query, Seen
from tests.handlers.household import Household, said, shown
from tests.handlers.world import World, somebody

pytestmark = pytest.mark.anyio

Counted = Delivery[ExpenseCreated | ExpenseUpdated | ExpenseDeleted]


class Told:
    """The notification service, as far as it is told of thresholds."""

    def __init__(self) -> None:
        self.percents: list[int] = []

    async def notify_thresholds(self, batch: Sequence[Delivery[BudgetThresholdReached]]) -> None:
        """Keeps what it is told."""
        self.percents += [delivery.event.percent for delivery in batch]

    async def ignore(self, batch: Sequence[Delivery[object]]) -> None:
        """What else it takes."""

    notify_invitation = notify_task = purge_notifications = ignore


@pytest.fixture
def told() -> Told:
    """What is told of thresholds."""
    return Told()


@pytest.fixture
async def house(world: World, told: Told) -> AsyncIterator[Household]:
    """The services, and somebody to tell."""
    house = Household(world)
    await world.carry(budget=house.budget, expense=house.expense, notification=told)
    yield house
    await world.bus.stop()
    await house.index.close()


async def test_each_threshold_is_told_once_in_a_period(house: Household, told: Told) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, limit=Decimal("100.00"))
    steps = [("79.99", []), ("0.01", [80]), ("19.99", [80]), ("0.01", [80, 100])]
    for amount, expected in steps:
        await house.spend(ann, budget, amount)
        await house.world.drained()
        assert told.percents == expected
    for _ in range(2):
        over = await house.spend(ann, budget, "50.00")
        await house.run(ann, "deleteExpense", id=over.id)
    await house.world.drained()
    assert told.percents == [80, 100]
    await house.world.turn(days=9)
    await house.spend(ann, budget, "100.00")
    await house.world.drained()
    assert told.percents == [80, 100, 80, 100]


async def test_one_expense_over_the_limit_tells_of_both(house: Household, told: Told) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, limit=Decimal("1.00"))
    await asyncio.gather(*(house.spend(ann, budget, "2.00") for _ in range(10)))
    await house.world.drained()
    assert told.percents == [80, 100]


async def test_a_lower_limit_tells_of_what_it_makes_true(house: Household, told: Told) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    await house.spend(ann, budget, "85.00")
    budget = await shown(house, budget)
    body = said(budget, limit=Decimal("100.00"))
    await house.run(ann, "updateBudget", id=budget.id, body=body)
    await house.world.drained()
    assert told.percents == [80]


async def test_what_cancels_out_in_a_batch_does_not_come_again_by_itself(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    tea = await house.spend(ann, budget, "1.00")
    await house.run(ann, "deleteExpense", id=tea.id)
    await house.world.drained()
    late = tea.but(id=house.world.ids.new("exp"))
    entered: Counted = Delivery(ExpenseCreated(after=late), Seen("countExpenses", "evt_1"))
    deleted: Counted = Delivery(ExpenseDeleted(before=late), Seen("countExpenses", "evt_2"))
    await house.budget.count_expenses([entered, deleted])
    with pytest.raises(AlreadySeen):
        await house.budget.count_expenses([entered])
    assert (await shown(house, budget)).spent == Decimal("0.00")


# --- any order, any batches, any repetition -------------------------------------------------------

TODAY = date(2026, 11, 22)
DAYS = st.sampled_from([TODAY - timedelta(days=n) for n in (0, 1, 21, 22, 60, 400)])
STATES = st.tuples(st.integers(1, 10**15), DAYS, st.sampled_from(["a", "b: c"]))
# An expense's states one after the other, and whether it is deleted at the end.
LIVES = st.lists(st.tuples(st.lists(STATES, min_size=1, max_size=3), st.booleans()), max_size=6)


def expense(budget: Budget, number: int, version: int, state: tuple[int, date, str]) -> Expense:
    amount, spent_on, category = state
    return Expense(
        id=f"exp_{number:026}",
        version=version,
        created_at=budget.created_at,
        updated_at=budget.created_at,
        budget_id=budget.id,
        owner_id=budget.owner_id,
        description="Something",
        amount=Decimal(amount).scaleb(-3),
        currency=budget.currency,
        category=category,
        spent_on=spent_on,
        tags=[],
    )


def events_of(
    budget: Budget, lives: Sequence[tuple[Sequence[tuple[int, date, str]], bool]]
) -> tuple[list[ExpenseCreated | ExpenseUpdated | ExpenseDeleted], list[Expense]]:
    """All that happens, and the expenses that are left."""
    events: list[ExpenseCreated | ExpenseUpdated | ExpenseDeleted] = []
    left: list[Expense] = []
    for number, (states, deleted) in enumerate(lives):
        before: Expense | None = None
        for version, state in enumerate(states, 1):
            after = expense(budget, number, version, state)
            if before is None:
                events.append(ExpenseCreated(after=after))
            else:
                events.append(ExpenseUpdated(before=before, after=after))
            before = after
        if before is not None:
            left += [] if deleted else [before]
            events += [ExpenseDeleted(before=before)] if deleted else []
    return events, left


@given(
    lives=LIVES,
    period=st.sampled_from(Period),
    order=st.randoms(use_true_random=False),
    size=st.integers(1, 8),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_spent_is_the_sum_of_the_expenses_whatever_happens_to_their_events(
    lives: list[tuple[list[tuple[int, date, str]], bool]],
    period: Period,
    order: object,
    size: int,
) -> None:
    shuffle = getattr(order, "shuffle")  # noqa: B009 - hypothesis's Random is not exported

    async def run(folder: Path) -> None:
        world = World(folder)
        await world.open()
        store = world.store("budget")
        figures = BudgetFigures(store=store, clock=world.clock)
        now = world.clock.now()
        nothing = Decimal("0.000")
        budget = BudgetRecord(
            id=world.ids.new("bud"),
            version=1,
            created_at=now,
            updated_at=now,
            owner_id=world.ids.new("usr"),
            name="Property",
            limit=Decimal("1000000000.000"),
            currency=Currency.KWD,
            period=period,
            starts_on=date(2025, 1, 1),
            spent=nothing,
            members=[],
            counted=nothing,
        )
        await store.commit(Insert(budget))
        events, left = events_of(budget, lives)
        deliveries = [Delivery(e, Seen("countExpenses", f"evt_{n}")) for n, e in enumerate(events)]
        deliveries += deliveries[::2]
        shuffle(deliveries)
        for at in range(0, len(deliveries), size):
            batch = deliveries[at : at + size]
            try:
                await figures.count_expenses(batch)
            except AlreadySeen:  # as the bus does
                for delivery in batch:
                    try:
                        await figures.count_expenses([delivery])
                    except AlreadySeen:
                        continue
        record = await store.get(BudgetRecord, budget.id)
        assert record is not None
        record = await figures.current(record)
        window = figures.window(record)
        assert record.spent == sum((e.amount for e in left if e.spent_on in window), nothing)
        await assert_counted(left, [c async for c in figures.counters(budget.id, date.min, None)])
        assert (await store.page(BudgetCounter, Query())).more is False
        await world.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def assert_counted(left: Sequence[Expense], counters: Sequence[BudgetCounter]) -> None:
    """The counters are the sums by day and category, and none is left over."""
    sums: dict[tuple[date, str], Decimal] = {}
    counts: Counter[tuple[date, str]] = Counter()
    for each in left:
        key = (each.spent_on, each.category)
        sums[key] = sums.get(key, Decimal(0)) + each.amount
        counts[key] += 1
    assert {(c.day, c.category): c.amount for c in counters} == sums
    assert {(c.day, c.category): c.count for c in counters} == counts
