"""The expense service. Import, export and what follows deletions have their own files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from generated.errors import ExternalIdTaken
from generated.events import ExpenseCreated, ExpenseDeleted, ExpenseUpdated
from generated.models import (
    Currency,
    Expense,
    ExpenseInput,
    ExpenseList,
    ExpensePage,
    ExpenseUpdate,
)
from handlers.access import BudgetAccess
from handlers.expense_entry import currency_stays, entered, said, writable
from handlers.expense_export import ExpenseExport
from handlers.expense_import import ExpenseImport
from handlers.expense_purge import ExpensePurge
from handlers.writing import ATTEMPTS, Decided, decided, pause_before, rewrite
from runtime.call import Call, Caller
from runtime.paging import Pager
from runtime.ports import Clock, Delete, Emit, Ids, Insert, Store, Taken, Update, Where
from runtime.problem import NotFound, VersionConflict


class ExpenseHandlers:
    """Satisfies the generated `ExpenseService` and its consumers, and search's `ExpenseSource`."""

    def __init__(
        self, *, store: Store, ids: Ids, clock: Clock, pager: Pager, budgets: BudgetAccess
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._pager = pager
        self._budgets = budgets
        export = ExpenseExport(store=store, budgets=budgets)
        self.export_expenses = export.export_expenses
        self.scan = export.scan
        self.scan_expenses = export.scan_expenses
        self.import_expenses = ExpenseImport(
            store=store, ids=ids, clock=clock, budgets=budgets
        ).import_expenses
        purge = ExpensePurge(store=store, clock=clock)
        self.purge_budget_expenses = purge.purge_budget_expenses
        self.purge_late_expenses = purge.purge_late_expenses
        self.anonymize_expenses = purge.anonymize_expenses

    async def create_expense(self, call: Call, *, body: ExpenseInput) -> Expense:
        """Enters an expense. Raises AmountPrecision, CurrencyMismatch, ExternalIdTaken.

        One question to the budget service and one commit, but for a budget's first expense.
        """
        for attempt in range(ATTEMPTS):
            await pause_before(attempt)
            grant = writable(await self._budgets.budget_grant(call.caller, body.budget_id))
            id = self._ids.new("exp")
            expense = entered(id, call.caller.user_id, body, grant, self._clock.now())
            if await currency_stays(self._budgets, grant):
                break
        else:
            raise VersionConflict("The budget's currency keeps changing.", retry_after=1)
        created = Emit(ExpenseCreated(after=expense))
        try:
            await self._store.commit(Insert(expense), created, call.remember(expense))
        except Taken:
            raise _external_id_taken() from None
        return expense

    async def list_expenses(
        self,
        call: Call,
        *,
        budget_id: str | None = None,
        category: str | None = None,
        currency: Currency | None = None,
        from_: date | None = None,
        page_size: int,
        page_token: str | None = None,
        sort: str | None = None,
        tag: str | None = None,
        to: date | None = None,
    ) -> ExpensePage:
        """A page of the expenses of all budgets that the caller sees, or of one."""
        if budget_id is None:
            visible = [g.budget_id for g in await self._budgets.visible_budgets(call.caller)]
        else:
            grant = await self._budgets.budget_grant(call.caller, budget_id)
            visible = [] if grant is None else [budget_id]
        return await self._page(
            call,
            Where("budget_id", "in", tuple(visible)),
            page_size,
            page_token,
            sort,
            budget_id=budget_id,
            category=category,
            currency=currency,
            from_=from_,
            tag=tag,
            to=to,
        )

    async def list_expenses_by_budget(
        self,
        call: Call,
        *,
        id: str,
        category: str | None = None,
        from_: date | None = None,
        page_size: int,
        page_token: str | None = None,
        sort: str | None = None,
        tag: str | None = None,
        to: date | None = None,
    ) -> ExpensePage:
        """A page of one budget's expenses."""
        return await self._page(
            call,
            Where("budget_id", "eq", id),
            page_size,
            page_token,
            sort,
            category=category,
            from_=from_,
            tag=tag,
            to=to,
        )

    async def _page(
        self,
        call: Call,
        where: Where,
        page_size: int,
        page_token: str | None,
        sort: str | None,
        **filters: Any,
    ) -> ExpensePage:
        query = self._pager.query(
            call,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            filters=filters,
            where=(where,),
        )
        page = await self._store.page(Expense, query)
        return ExpensePage(items=page.items, next_page_token=self._pager.next(call, query, page))

    async def get_expense(self, call: Call, *, budget_id: str, id: str) -> Expense:
        """One expense of that budget."""
        expense = await self._store.get(Expense, id)
        if expense is None or expense.budget_id != budget_id:
            raise NotFound("There is no such Expense.")
        return expense

    async def update_expense(self, call: Call, *, id: str, body: ExpenseUpdate) -> Expense:
        """Replaces an expense. Raises AmountPrecision, CurrencyMismatch, ExternalIdTaken."""

        async def change(before: Expense) -> Decided[Expense]:
            # Asked again, as a membership may end between the gate and here.
            grant = writable(await self._budgets.budget_grant(call.caller, before.budget_id))
            now = self._clock.now()
            after = before.but(**said(body, grant.currency, now.date()))
            if after == before:
                return decided(before, call.remember(before))
            after = after.but(version=before.version + 1, updated_at=now)
            updated = Emit(ExpenseUpdated(before=before, after=after))
            return decided(after, Update(after), updated, call.remember(after))

        try:
            return await rewrite(self._store, Expense, id, change, if_version=call.if_version)
        except Taken:
            raise _external_id_taken() from None

    async def delete_expense(self, call: Call, *, id: str) -> None:
        """Deletes an expense."""

        async def change(expense: Expense) -> Decided[None]:
            writable(await self._budgets.budget_grant(call.caller, expense.budget_id))
            deleted = Emit(ExpenseDeleted(before=expense))
            return decided(None, Delete(expense), deleted, call.remember(None))

        await rewrite(self._store, Expense, id, change, if_version=call.if_version)

    # --- for others -------------------------------------------------------------------------------

    async def level_on_expense(self, caller: Caller, id: str) -> str | None:
        """The caller's level on an expense is its level on the budget."""
        expense = await self._store.get(Expense, id)
        if expense is None:
            return None
        grant = await self._budgets.budget_grant(caller, expense.budget_id)
        return None if grant is None else grant.level

    async def expenses_of(self, ids: Sequence[str]) -> dict[str, Expense]:
        """The expenses with these ids that exist, whoever may see them."""
        return await self._store.get_many(Expense, ids)

    async def find_expenses(self, *, ids: Sequence[str]) -> ExpenseList:
        """`expenses_of` for another process."""
        return ExpenseList(items=list((await self.expenses_of(ids)).values()))


def _external_id_taken() -> ExternalIdTaken:
    return ExternalIdTaken(pointer="/externalId", message="the budget has an expense with it")
