"""The search service: finds expenses in the index, shows them as the expense service has them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from hashlib import blake2b
from html import unescape
from typing import Protocol

from generated.errors import CurrencyRequired, RangeInvalid
from generated.events import BudgetDeleted, ExpenseCreated, ExpenseDeleted, ExpenseUpdated
from generated.models import (
    CategoryFacet,
    Currency,
    CurrencySum,
    Expense,
    ExpenseHit,
    ExpenseQuery,
    ExpenseSearchResult,
    Highlight,
    IndexSize,
    MonthFacet,
    SearchField,
    SuggestField,
    SuggestionList,
    Task,
    TaskKind,
    TaskParameters,
)
from handlers.access import BudgetAccess, BudgetGrant
from handlers.amounts import bounded
from runtime.call import Call
from runtime.model import from_minor, minor_digits, to_minor
from runtime.ports import Batch, Bucket, Hit, SearchDocument, SearchIndex, SearchQuery
from runtime.problem import InvalidPageToken, NotFound

# Hits that can be paged through: further on, a search should be narrowed.
DEEPEST = 10_000
_MOST_CATEGORIES = 100
_MOST_MONTHS = 120
_FIELDS = {
    SuggestField.DESCRIPTION: ("description",),
    SuggestField.CATEGORY: ("category",),
    SuggestField.TAG: ("tags",),
}


class ExpenseSource(Protocol):
    """What the index is made of, and its hits are shown from: the expense service."""

    async def expenses_of(self, ids: Sequence[str]) -> dict[str, Expense]:
        """The expenses with these ids that exist, whoever may see them."""
        ...

    def scan(self) -> AsyncIterator[Expense]:
        """Every expense of everybody."""
        ...


class TaskQueue(Protocol):
    """What the task service does for others."""

    async def queue_task(self, owner_id: str, kind: TaskKind, input: TaskParameters) -> Task:
        """Commits a new task, which is run when its turn comes."""
        ...


class SearchHandlers:
    """Satisfies the generated `SearchService` and its consumers."""

    def __init__(
        self,
        *,
        index: SearchIndex,
        budgets: BudgetAccess,
        expenses: ExpenseSource,
        tasks: TaskQueue,
    ) -> None:
        self._index = index
        self._budgets = budgets
        self._expenses = expenses
        self._tasks = tasks

    # --- operations -------------------------------------------------------------------------------

    async def search_expenses(self, call: Call, *, body: ExpenseQuery) -> ExpenseSearchResult:
        """A page of hits, and the figures of all. Raises CurrencyRequired, RangeInvalid.

        Only among the budgets that the caller sees now, whatever the index still holds.
        """
        visible = await self._visible(call, body.budget_id)
        query = _asked(body, visible, self._offset(call, body))
        found = await self._index.search(query)
        expenses = await self._expenses.expenses_of([hit.id for hit in found.hits])
        reached = query.offset + len(found.hits)
        more = reached < min(found.total, DEEPEST) and bool(found.hits)
        return ExpenseSearchResult(
            items=[
                ExpenseHit(expense=expenses[hit.id], highlights=_highlights(hit))
                for hit in found.hits
                # The index follows: what was deleted a moment ago is not shown.
                if hit.id in expenses and expenses[hit.id].budget_id in query.budgets
            ],
            total=found.total,
            by_category=[
                CategoryFacet(category=name, count=sum(b.count for b in group), sums=_sums(group))
                for name, group in _grouped(found.by_category)[:_MOST_CATEGORIES]
            ],
            by_month=[
                MonthFacet(month=name, count=sum(b.count for b in group), sums=_sums(group))
                for name, group in sorted(_grouped(found.by_month))[-_MOST_MONTHS:]
            ],
            sums=_sums(found.sums),
            next_page_token=_token(call, body, reached) if more else None,
        )

    async def suggest_expenses(
        self, call: Call, *, field: SuggestField, limit: int, text: str
    ) -> SuggestionList:
        """Values that go on from `text`, of the budgets that the caller sees."""
        visible = await self._visible(call, None)
        budgets = [grant.budget_id for grant in visible]
        if not budgets:
            return SuggestionList(items=[])
        items = await self._index.suggest(budgets, text, limit, _FIELDS[field])
        return SuggestionList(items=items)

    async def reindex_search(self, call: Call) -> Task:
        """Has a task build the index anew; see `rebuild`."""
        owner = call.caller.user_id
        return await self._tasks.queue_task(owner, TaskKind.REINDEX_SEARCH, TaskParameters())

    async def _visible(self, call: Call, budget_id: str | None) -> list[BudgetGrant]:
        if budget_id is None:
            return await self._budgets.visible_budgets(call.caller)
        grant = await self._budgets.budget_grant(call.caller, budget_id)
        if grant is None:
            raise NotFound("There is no such Budget.")
        return [grant]

    def _offset(self, call: Call, body: ExpenseQuery) -> int:
        """Where the page begins. Raises InvalidPageToken for the token of another search."""
        if body.page_token is None:
            return 0
        try:
            raw = base64.urlsafe_b64decode(body.page_token + "=" * (-len(body.page_token) % 4))
        except (binascii.Error, ValueError):
            raw = b""
        offset = int.from_bytes(raw[:4])
        if 0 < offset < DEEPEST and body.page_token == _token(call, body, offset):
            return offset
        raise InvalidPageToken(
            "This page token is not one of this search.",
            pointer="/pageToken",
            message="is not of this search, or not yours",
        )

    # --- the index --------------------------------------------------------------------------------

    async def index_expenses(
        self, batch: Batch[ExpenseCreated | ExpenseUpdated | ExpenseDeleted]
    ) -> None:
        """Brings the index up to date; late events change nothing, as versions guard it."""
        put: dict[str, Expense] = {}
        delete: dict[str, int] = {}
        for delivery in batch:
            event = delivery.event
            if isinstance(event, ExpenseDeleted):
                delete[event.before.id] = event.before.version
                continue
            known = put.get(event.after.id)
            if known is None or known.version < event.after.version:
                put[event.after.id] = event.after
        await self._index.apply([_document(e) for e in put.values() if e.id not in delete], delete)

    async def purge_budget_index(self, batch: Batch[BudgetDeleted]) -> None:
        """Takes deleted budgets' expenses out of the index, for good."""
        for delivery in batch:
            await self._index.delete_budget(delivery.event.before.id)

    async def rebuild(self) -> int:
        """Builds the index anew from the expense service; answers how many it holds."""

        async def documents() -> AsyncIterator[SearchDocument]:
            async for expense in self._expenses.scan():
                yield _document(expense)

        return await self._index.rebuild(documents())

    async def rebuild_index(self) -> IndexSize:
        """`rebuild` for another process."""
        return IndexSize(expenses=await self.rebuild())


def _document(expense: Expense) -> SearchDocument:
    return SearchDocument(
        id=expense.id,
        version=expense.version,
        budget_id=expense.budget_id,
        description=expense.description,
        note=expense.note or "",
        category=expense.category,
        tags=tuple(expense.tags),
        currency=expense.currency.value,
        amount=to_minor(expense.amount, expense.currency),
        spent_on=expense.spent_on,
    )


def _asked(body: ExpenseQuery, visible: Sequence[BudgetGrant], offset: int) -> SearchQuery:
    """The query of a search. Raises CurrencyRequired, RangeInvalid."""
    currency = body.currency.value if body.currency is not None else None
    if currency is None and body.budget_id is not None:
        currency = visible[0].currency
    low, high = body.min_amount, body.max_amount
    if currency is None and (low is not None or high is not None):
        raise CurrencyRequired(pointer="/currency", message="amounts are of one currency")
    if low is not None and high is not None and high < low:
        raise RangeInvalid(pointer="/maxAmount", message="is less than minAmount")
    if body.from_ is not None and body.to is not None and body.to < body.from_:
        raise RangeInvalid(pointer="/to", message="is before `from`")
    return SearchQuery(
        budgets=tuple(grant.budget_id for grant in visible),
        text=body.text or "",
        fuzzy=body.fuzzy,
        categories=tuple(body.categories),
        tags=tuple(body.tags),
        currency=currency,
        spent_from=body.from_,
        spent_to=body.to,
        amount_from=_minor(low, currency, ROUND_CEILING),
        amount_to=_minor(high, currency, ROUND_FLOOR),
        limit=min(body.page_size, DEEPEST - offset),
        offset=offset,
        order=body.order.value,
    )


def _minor(amount: Decimal | None, currency: str | None, rounding: str) -> int | None:
    """A bound in minor units: between two of them it is the one within the range."""
    if amount is None or currency is None:
        return None
    return int(amount.scaleb(minor_digits(currency)).to_integral_value(rounding))


def _token(call: Call, body: ExpenseQuery, offset: int) -> str:
    """Where the next page begins, and a mark of the search that it is of. It gives no rights."""
    search = body.but(page_token=None, page_size=1).model_dump_json().encode()
    mark = blake2b(search, digest_size=12, person=call.caller.user_id[-16:].encode()).digest()
    return base64.urlsafe_b64encode(offset.to_bytes(4) + mark).rstrip(b"=").decode()


def _highlights(hit: Hit) -> list[Highlight]:
    """The index marks words in HTML; the contract in plain text, between U+E000 and U+E001."""
    found: list[Highlight] = []
    for field in SearchField:
        fragment = hit.highlights.get(field.value)
        if fragment:
            plain = fragment.translate({0xE000: None, 0xE001: None})
            marked = plain.replace("<em>", "\ue000").replace("</em>", "\ue001")
            found.append(Highlight(field=field, fragment=unescape(marked)[:1000]))
    return found


def _grouped(buckets: Sequence[Bucket]) -> list[tuple[str, list[Bucket]]]:
    """Buckets by their value, in the order in which values come."""
    groups: dict[str, list[Bucket]] = {}
    for bucket in buckets:
        groups.setdefault(bucket.value, []).append(bucket)
    return list(groups.items())


def _sums(buckets: Sequence[Bucket]) -> list[CurrencySum]:
    return [
        CurrencySum(
            currency=Currency(bucket.currency),
            amount=bounded(from_minor(bucket.sum, bucket.currency)),
        )
        for bucket in buckets
    ]
