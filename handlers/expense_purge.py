"""What becomes of expenses when their budget, or the account of who entered them, is deleted."""

from __future__ import annotations

from collections.abc import Sequence

from generated.events import (
    BudgetDeleted,
    ExpenseCreated,
    ExpenseDeleted,
    ExpenseUpdated,
    UserDeleted,
)
from generated.models import Expense, PurgedBudget
from handlers.access import NOBODY
from handlers.inbox import grouped
from runtime.ports import (
    Batch,
    Change,
    Clock,
    Conflict,
    Delete,
    Emit,
    Insert,
    Query,
    Store,
    Taken,
    Update,
    Where,
)

_PAGE = 200


class ExpensePurge:
    """The consumers. Each looks for what there is to do, so repeating it is harmless."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def purge_budget_expenses(self, batch: Batch[BudgetDeleted]) -> None:
        """Deletes a deleted budget's expenses.

        The budget is marked first. What is entered after the last look for it was committed after
        the mark, and `purge_late_expenses` finds that: between the two nothing stays.
        """
        for delivery in batch:
            budget_id = delivery.event.before.id
            await self._mark(budget_id)
            query = Query((Where("budget_id", "eq", budget_id),), (("id", False),), _PAGE)
            while expenses := (await self._store.page(Expense, query)).items:
                await self._delete(expenses)

    async def purge_late_expenses(self, batch: Batch[ExpenseCreated]) -> None:
        """Deletes what was entered while its budget's expenses were deleted."""
        groups = grouped(batch, lambda event: event.after.budget_id)
        for budget_id, deliveries in groups.items():
            if await self._store.get(PurgedBudget, budget_id) is None:
                continue
            ids = [delivery.event.after.id for delivery in deliveries]
            while expenses := list((await self._store.get_many(Expense, ids)).values()):
                await self._delete(expenses)

    async def anonymize_expenses(self, batch: Batch[UserDeleted]) -> None:
        """Gives a deleted account's expenses to nobody; those in its own budgets go soon."""
        for delivery in batch:
            where = (Where("owner_id", "eq", delivery.event.before.id),)
            query = Query(where, (("created_at", False),), _PAGE)
            while expenses := (await self._store.page(Expense, query)).items:
                now = self._clock.now()
                changes: list[Change] = []
                for before in expenses:
                    version = before.version + 1
                    after = before.but(owner_id=NOBODY, version=version, updated_at=now)
                    changes += [Update(after), Emit(ExpenseUpdated(before=before, after=after))]
                await self._attempt(changes)

    async def _mark(self, budget_id: str) -> None:
        now = self._clock.now()
        mark = PurgedBudget(id=budget_id, version=1, created_at=now, updated_at=now)
        if await self._store.get(PurgedBudget, budget_id) is None:
            await self._attempt([Insert(mark)])

    async def _delete(self, expenses: Sequence[Expense]) -> None:
        changes: list[Change] = []
        for expense in expenses:
            changes += [Delete(expense), Emit(ExpenseDeleted(before=expense))]
        await self._attempt(changes)

    async def _attempt(self, changes: Sequence[Change]) -> None:
        """Commits `changes`, unless somebody was faster: whoever calls it looks again."""
        try:
            await self._store.commit(*changes)
        except (Conflict, Taken):
            return
