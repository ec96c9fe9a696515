"""All expenses as a file, page by page: its memory does not grow with the data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date

from generated.errors import RangeInvalid
from generated.models import Expense, ExpenseList
from handlers.access import BudgetAccess
from handlers.rows import csv_header, csv_rows
from runtime.call import Call
from runtime.ports import Query, Store, Where

_PAGE = 200


class ExpenseExport:
    """The operation exportExpenses, and the scan of everything."""

    def __init__(self, *, store: Store, budgets: BudgetAccess) -> None:
        self._store = store
        self._budgets = budgets

    async def export_expenses(
        self,
        call: Call,
        *,
        budget_id: str | None = None,
        from_: date | None = None,
        to: date | None = None,
    ) -> AsyncIterator[bytes]:
        """CSV by spentOn and id, of one budget or all that the caller sees. Raises RangeInvalid."""
        if from_ is not None and to is not None and to < from_:
            raise RangeInvalid(pointer="?to", message="is before `from`")
        if budget_id is None:
            budgets = [g.budget_id for g in await self._budgets.visible_budgets(call.caller)]
        else:
            budgets = [budget_id]  # the gate has asked
        where = [Where("budget_id", "in", tuple(budgets))]
        if from_ is not None:
            where.append(Where("spent_on", "gte", from_))
        if to is not None:
            where.append(Where("spent_on", "lte", to))
        return self._lines(where)

    async def _lines(self, where: Sequence[Where]) -> AsyncIterator[bytes]:
        yield csv_header()
        async for page in self._pages(Query(tuple(where), (("spent_on", False),), _PAGE)):
            yield csv_rows(page)

    async def scan(self) -> AsyncIterator[Expense]:
        """Every expense of everybody, by id: for those who keep another view of them."""
        async for page in self._pages(Query((), (("id", False),), _PAGE)):
            for expense in page:
                yield expense

    async def scan_expenses(self, *, after: str | None = None) -> ExpenseList:
        """A step of `scan` for another process: what is behind the id `after`; none at the end."""
        behind = None if after is None else (after, after)
        page = await self._store.page(Expense, Query((), (("id", False),), _PAGE, behind))
        return ExpenseList(items=page.items)

    async def _pages(self, query: Query) -> AsyncIterator[list[Expense]]:
        while True:
            page = await self._store.page(Expense, query)
            if page.items:
                yield page.items
            if not page.more:
                return
            last = page.items[-1]
            after = (*(getattr(last, field) for field, _ in query.sort), last.id)
            query = Query(query.where, query.sort, query.limit, after)
