"""The transaction service: a ledger whose rows never change, and its balances."""

from __future__ import annotations

from collections.abc import Sequence

from generated.errors import AlreadyReversed, ReversalFixed
from generated.events import OrderCancelled, OrderPaid, UserDeleted
from generated.models import (
    AccountBalance,
    Balance,
    Currency,
    CurrencyBalance,
    Order,
    OrderStatus,
    Transaction,
    TransactionInput,
    TransactionKind,
    TransactionPage,
)
from handlers.access import NOBODY
from handlers.amounts import exact
from handlers.inbox import apply_once
from handlers.ledger import Ledger
from runtime.call import Call, Caller
from runtime.paging import Pager
from runtime.ports import (
    Batch,
    Change,
    Clock,
    Delivery,
    Ids,
    Query,
    Store,
    Taken,
    Where,
)
from runtime.problem import NotFound

_PAGE = 200


class TransactionHandlers:
    """Satisfies the generated `TransactionService` and its consumers."""

    def __init__(self, *, store: Store, ids: Ids, clock: Clock, pager: Pager) -> None:
        self._store = store
        self._pager = pager
        self._ledger = Ledger(store=store, ids=ids, clock=clock)

    # --- operations -------------------------------------------------------------------------------

    async def create_transaction(self, call: Call, *, body: TransactionInput) -> Transaction:
        """Books a row of the caller's ledger. Raises AmountPrecision, AmountTooLarge."""
        row = self._ledger.row(
            owner_id=call.caller.user_id,
            kind=body.kind,
            amount=exact(body.amount, body.currency, "/amount"),
            currency=body.currency,
            description=body.description,
            budget_id=body.budget_id,
        )
        return await self._ledger.book(call, row)

    async def list_transactions(
        self,
        call: Call,
        *,
        budget_id: str | None = None,
        currency: Currency | None = None,
        kind: TransactionKind | None = None,
        order_id: str | None = None,
        page_size: int,
        page_token: str | None = None,
        sort: str | None = None,
    ) -> TransactionPage:
        """A page of the caller's ledger."""
        query = self._pager.query(
            call,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            filters={
                "budget_id": budget_id,
                "currency": currency,
                "kind": kind,
                "order_id": order_id,
            },
            where=(Where("owner_id", "eq", call.caller.user_id),),
        )
        page = await self._store.page(Transaction, query)
        return TransactionPage(
            items=page.items, next_page_token=self._pager.next(call, query, page)
        )

    async def get_transaction(self, call: Call, *, id: str) -> Transaction:
        """One row."""
        row = await self._store.get(Transaction, id)
        if row is None:
            raise NotFound("There is no such Transaction.")
        return row

    async def reverse_transaction(self, call: Call, *, id: str) -> Transaction:
        """Books the opposite of a row. Raises AlreadyReversed, ReversalFixed, AmountTooLarge."""
        original = await self.get_transaction(call, id=id)
        if original.reversal_of is not None:
            raise ReversalFixed("It is a reversal itself.")
        try:
            return await self._ledger.book(call, self._ledger.reversal(original))
        except Taken:
            raise AlreadyReversed("It has a reversal.") from None

    async def get_balance(self, call: Call, *, currency: Currency | None = None) -> Balance:
        """The caller's balance, one entry a currency; it reads no rows."""
        where = [Where("owner_id", "eq", call.caller.user_id)]
        if currency is not None:
            where.append(Where("currency", "eq", currency))
        query = Query(tuple(where), (("currency", False),), _PAGE)
        page = await self._store.page(AccountBalance, query)
        return Balance(
            items=[
                CurrencyBalance(
                    currency=sums.currency,
                    credit=sums.credit,
                    debit=sums.debit,
                    balance=sums.credit - sums.debit,
                )
                for sums in page.items
            ]
        )

    async def level_on_transaction(self, caller: Caller, id: str) -> str | None:
        """The caller's level on a row; an admin counts as its owner."""
        row = await self._store.get(Transaction, id)
        if row is None:
            return None
        return "owner" if row.owner_id == caller.user_id or caller.is_admin else None

    # --- consumers --------------------------------------------------------------------------------

    async def book_payment(self, batch: Batch[OrderPaid | OrderCancelled]) -> None:
        """A paid order's credit, and its reversal when it is cancelled after, in whatever order."""
        for delivery in batch:
            order = delivery.event.after
            async with self._ledger.turns.turn(order.owner_id):
                await apply_once(self._store, [delivery], self._payment)

    async def _payment(
        self, deliveries: Sequence[Delivery[OrderPaid | OrderCancelled]]
    ) -> Sequence[Change] | None:
        event = deliveries[0].event
        reversing = isinstance(event, OrderCancelled)
        if reversing and event.before.status is not OrderStatus.PAID:
            return None  # nothing was booked for it
        if not event.after.total:
            return None
        where = (Where("order_id", "eq", event.after.id),)
        booked = (await self._store.page(Transaction, Query(where, limit=2))).items
        credit = next((row for row in booked if row.reversal_of is None), None)
        rows: list[Transaction] = []
        if credit is None:
            credit = self._credit(event.after)
            rows.append(credit)
        if reversing and not any(row.reversal_of == credit.id for row in booked):
            rows.append(self._ledger.reversal(credit))
        return await self._ledger.booking(rows) or None

    async def anonymize_transactions(self, batch: Batch[UserDeleted]) -> None:
        """Gives a deleted account's ledger to nobody, rows and sums together."""
        for delivery in batch:
            user_id = delivery.event.before.id
            query = Query((Where("owner_id", "eq", user_id),), (("created_at", False),), _PAGE)
            while rows := (await self._store.page(Transaction, query)).items:
                async with self._ledger.turns.turn(NOBODY):
                    await self._ledger.give_away(rows)

    def _credit(self, order: Order) -> Transaction:
        return self._ledger.row(
            owner_id=order.owner_id,
            kind=TransactionKind.CREDIT,
            amount=order.total,
            currency=order.currency,
            description=f"Payment of {order.id}",
            order_id=order.id,
        )
