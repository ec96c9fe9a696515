"""What a budget's expenses come to: counters by day and category, `spent`, and the thresholds.

`spent` is of the period that today is in. What the store has may be of an earlier one: whoever
reads a budget through `current` gets today's figure, which is written on the way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from generated.events import (
    BudgetDeleted,
    BudgetThresholdReached,
    BudgetUpdated,
    ExpenseCreated,
    ExpenseDeleted,
    ExpenseUpdated,
)
from generated.models import (
    BudgetCounter,
    BudgetInvitation,
    BudgetRecord,
    BudgetThreshold,
    Expense,
)
from handlers.amounts import bounded, zero
from handlers.inbox import apply_once, grouped
from handlers.periods import Window, window_at
from handlers.purging import purge
from handlers.writing import Decided, Turns, decided, rewrite
from runtime.ports import (
    Batch,
    Change,
    Clock,
    Delete,
    Delivery,
    Emit,
    Insert,
    Query,
    Store,
    Update,
    Where,
)

A = TypeVar("A")
ExpenseEvent = ExpenseCreated | ExpenseUpdated | ExpenseDeleted

# Percents of the limit that are told of, once a period.
THRESHOLDS = (80, 100)
_PAGE = 1000


class BudgetFigures:
    """Keeps and reads the figures. Every write of a budget goes through here."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # Counting can be at a budget without a pause: whoever else writes it gets its turn.
        self.turns = Turns()

    # --- reading ----------------------------------------------------------------------------------

    def window(self, budget: BudgetRecord, day: date | None = None) -> Window:
        """The budget's period that `day`, or today, is in."""
        return window_at(
            budget.period, budget.starts_on, budget.ends_on, day or self._clock.today()
        )

    async def current(self, budget: BudgetRecord) -> BudgetRecord:
        """`budget` with the figures of today's period, written if another period has begun."""
        if budget.counted_from == self.window(budget).start:
            return budget

        async def change(budget: BudgetRecord) -> Decided[BudgetRecord]:
            after, changes = await self.refreshed(budget)
            return decided(after, *changes)

        return await self.rewrite(budget.id, change)

    async def counters(
        self, budget_id: str, first: date, last: date | None
    ) -> AsyncIterator[BudgetCounter]:
        """The budget's counters from `first` to `last`, by day."""
        where = [Where("budget_id", "eq", budget_id), Where("day", "gte", first)]
        if last is not None:
            where.append(Where("day", "lte", last))
        query = Query(tuple(where), (("day", False),), _PAGE)
        while True:
            page = await self._store.page(BudgetCounter, query)
            for counter in page.items:
                yield counter
            if not page.more:
                return
            end = page.items[-1]
            query = Query(query.where, query.sort, _PAGE, (end.day, end.id))

    # --- writing ----------------------------------------------------------------------------------

    async def rewrite(
        self,
        id: str,
        decide: Callable[[BudgetRecord], Awaitable[Decided[A]]],
        *,
        if_version: int | None = None,
    ) -> A:
        """`handlers.writing.rewrite` of a budget, in its turn; `decide` must take none itself."""
        async with self.turns.turn(id):
            return await rewrite(self._store, BudgetRecord, id, decide, if_version=if_version)

    async def refreshed(self, budget: BudgetRecord) -> tuple[BudgetRecord, tuple[Change, ...]]:
        """`budget` with the figures of today's period, and what commits them, if anything does."""
        if budget.counted_from == self.window(budget).start:
            return budget, ()
        return await self.changed(budget, budget)

    async def changed(
        self, before: BudgetRecord, after: BudgetRecord
    ) -> tuple[BudgetRecord, tuple[Change, ...]]:
        """The next version of `before`, with today's figures, and what commits it.

        `after` with `counted_from` None is counted anew.
        """
        window = self.window(after)
        if after.counted_from != window.start:
            total = zero(after.currency)
            async for counter in self.counters(after.id, window.start, window.end):
                total += counter.amount
            after = _counted(after, total, window)
        now = self._clock.now()
        after = after.but(version=before.version + 1, updated_at=now)
        crossed = await self._crossed(after, window)
        return after, (
            Update(after),
            Emit(BudgetUpdated(before=before, after=after)),
            *crossed,
        )

    async def count_expenses(self, batch: Batch[ExpenseEvent]) -> None:
        """Keeps the counters, `spent` and the thresholds; a batch of one budget is one commit."""
        for id, deliveries in grouped(batch, lambda event: _sides(event)[0].budget_id).items():
            async with self.turns.turn(id):
                await apply_once(self._store, deliveries, self._counting)

    async def _counting(
        self, deliveries: Sequence[Delivery[ExpenseEvent]]
    ) -> tuple[Change, ...] | None:
        """The commit that counts the events, all of one budget; None where nothing counts."""
        budget_id = _sides(deliveries[0].event)[0].budget_id
        budget = await self._store.get(BudgetRecord, budget_id)
        if budget is None:
            return None  # deleted: its counters are, too
        deltas = _deltas(delivery.event for delivery in deliveries)
        if not deltas:
            # One that was entered and deleted in one batch must not come again by itself.
            counted = any(_deltas([delivery.event]) for delivery in deliveries)
            return () if counted else None
        changes = await self._recounted(budget, deltas)
        window = self.window(budget)
        moved = sum(
            (amount for (day, _), (amount, _) in deltas.items() if day in window),
            zero(budget.currency),
        )
        if budget.counted_from == window.start:
            after = _counted(budget, (budget.counted or zero(budget.currency)) + moved, window)
        else:
            total = moved
            async for counter in self.counters(budget.id, window.start, window.end):
                total += counter.amount
            after = _counted(budget, total, window)
        # Also where `spent` stays: each counter is guarded by the budget's version, so that no sum
        # of counters can miss one, and who watches the budget learns that its summary changed.
        _, update = await self.changed(budget, after)
        return (*update, *changes)

    async def _recounted(
        self, budget: BudgetRecord, deltas: dict[tuple[date, str], tuple[Decimal, int]]
    ) -> list[Change]:
        """The counters' new states."""
        ids = {key: f"{budget.id}:{key[0]}:{key[1]}" for key in deltas}
        known = await self._store.get_many(BudgetCounter, list(ids.values()))
        now = self._clock.now()
        changes: list[Change] = []
        for (day, category), (amount, count) in deltas.items():
            counter = known.get(ids[day, category])
            if counter is None:
                counter = BudgetCounter(
                    id=ids[day, category],
                    version=1,
                    created_at=now,
                    updated_at=now,
                    budget_id=budget.id,
                    day=day,
                    category=category,
                    amount=bounded(zero(budget.currency) + amount),
                    currency=budget.currency,
                    count=count,
                )
                changes.append(Insert(counter))
                continue
            amount = bounded(counter.amount + amount)
            count += counter.count
            if not amount and not count:
                changes.append(Delete(counter))
                continue
            version = counter.version + 1
            after = counter.but(amount=amount, count=count, version=version, updated_at=now)
            changes.append(Update(after))
        return changes

    async def _crossed(self, budget: BudgetRecord, window: Window) -> list[Change]:
        """Marks and events of the thresholds that are reached and not told of in this period."""
        reached = [
            percent for percent in THRESHOLDS if budget.spent * 100 >= budget.limit * percent
        ]
        if not reached:
            return []
        ids = {percent: f"{budget.id}:{window.start}:{percent}" for percent in reached}
        told = await self._store.get_many(BudgetThreshold, list(ids.values()))
        changes: list[Change] = []
        for percent in reached:
            if ids[percent] in told:
                continue
            mark = BudgetThreshold(
                id=ids[percent],
                version=1,
                created_at=budget.updated_at,
                updated_at=budget.updated_at,
                budget_id=budget.id,
                period_start=window.start,
                percent=percent,
            )
            changes += [Insert(mark), Emit(_reached(budget, window, percent))]
        return changes

    async def purge_budget_figures(self, batch: Batch[BudgetDeleted]) -> None:
        """Deletes a deleted budget's counters, thresholds and invitations, however often."""
        for delivery in batch:
            its = Where("budget_id", "eq", delivery.event.before.id)
            await purge(self._store, BudgetCounter, its)
            await purge(self._store, BudgetThreshold, its)
            await purge(self._store, BudgetInvitation, its)


def _counted(budget: BudgetRecord, total: Decimal, window: Window) -> BudgetRecord:
    """`budget` with `total` as the sum of `window`; below zero, an event is still due."""
    total = bounded(total)
    shown = max(total, zero(budget.currency))
    return budget.but(counted=total, counted_from=window.start, spent=shown)


def _sides(event: ExpenseEvent) -> list[Expense]:
    """The expense as it was and as it is, whichever there are."""
    if isinstance(event, ExpenseCreated):
        return [event.after]
    if isinstance(event, ExpenseDeleted):
        return [event.before]
    return [event.before, event.after]


def _deltas(events: Iterable[ExpenseEvent]) -> dict[tuple[date, str], tuple[Decimal, int]]:
    """What the events change, by day and category; they add up in any order."""
    deltas: dict[tuple[date, str], tuple[Decimal, int]] = {}
    for event in events:
        sides = _sides(event)
        for expense in sides:
            gone = expense is sides[0] and not isinstance(event, ExpenseCreated)
            sign = -1 if gone else 1
            key = (expense.spent_on, expense.category)
            amount, count = deltas.get(key, (Decimal(0), 0))
            deltas[key] = (amount + sign * expense.amount, count + sign)
    return {key: delta for key, delta in deltas.items() if delta[0] or delta[1]}


def _reached(budget: BudgetRecord, window: Window, percent: int) -> BudgetThresholdReached:
    return BudgetThresholdReached(
        budget_id=budget.id,
        owner_id=budget.owner_id,
        member_ids=[member.user_id for member in budget.members],
        name=budget.name,
        period_start=window.start,
        percent=percent,
        spent=budget.spent,
        limit=budget.limit,
        currency=budget.currency,
    )
