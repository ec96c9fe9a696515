"""The order service: drafts, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from generated.errors import AmountPrecision, AmountTooLarge, CustomerUnknown, OrderState
from generated.events import (
    OrderCancelled,
    OrderCreated,
    OrderDeleted,
    OrderPaid,
    OrderUpdated,
)
from generated.models import (
    Currency,
    Customer,
    Order,
    OrderInput,
    OrderLine,
    OrderPage,
    OrderStatus,
    OrderStatusInput,
)
from generated.operations import GET_CUSTOMER
from handlers.amounts import exact, zero
from handlers.asking import ask
from handlers.writing import Decided, decided, rewrite
from runtime.call import Call
from runtime.paging import Pager
from runtime.ports import Clock, Delete, Emit, Ids, Insert, Store, Update
from runtime.problem import InputError, NotFound

# Money's twelve digits before the point.
_MOST = Decimal(10**12)

_NEXT = {
    OrderStatus.DRAFT: OrderStatus.CONFIRMED,
    OrderStatus.CONFIRMED: OrderStatus.PAID,
    OrderStatus.PAID: OrderStatus.SHIPPED,
    OrderStatus.SHIPPED: OrderStatus.DELIVERED,
}
_CANCELLABLE = (OrderStatus.DRAFT, OrderStatus.CONFIRMED, OrderStatus.PAID)


class CustomerLookup(Protocol):
    """What the customer service tells of a customer."""

    async def get_customer(self, call: Call, *, id: str) -> Customer:
        """One customer. Raises NotFound."""
        ...


class OrderHandlers:
    """Satisfies the generated `OrderService`."""

    def __init__(
        self,
        *,
        store: Store,
        ids: Ids,
        clock: Clock,
        pager: Pager,
        customers: Callable[[], CustomerLookup],
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._pager = pager
        # Asked for when needed: the customer service in turn asks this one.
        self._customers = customers

    async def create_order(self, call: Call, *, body: OrderInput) -> Order:
        """Drafts an order. Raises AmountPrecision, AmountTooLarge, CustomerUnknown."""
        lines = _exact_lines(body)
        total = _total(lines, body.currency)
        await self._known(call, body.customer_id)
        now = self._clock.now()
        order = Order(
            id=self._ids.new("ord"),
            version=1,
            created_at=now,
            updated_at=now,
            owner_id=call.caller.user_id,
            customer_id=body.customer_id,
            lines=lines,
            currency=body.currency,
            total=total,
            status=OrderStatus.DRAFT,
        )
        await self._store.commit(
            Insert(order), Emit(OrderCreated(after=order)), call.remember(order)
        )
        return order

    async def list_orders(
        self,
        call: Call,
        *,
        currency: Currency | None = None,
        customer_id: str | None = None,
        page_size: int,
        page_token: str | None = None,
        sort: str | None = None,
        status: OrderStatus | None = None,
    ) -> OrderPage:
        """All orders."""
        query = self._pager.query(
            call,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            filters={"currency": currency, "customer_id": customer_id, "status": status},
        )
        page = await self._store.page(Order, query)
        return OrderPage(items=page.items, next_page_token=self._pager.next(call, query, page))

    async def get_order(self, call: Call, *, id: str) -> Order:
        """One order."""
        order = await self._store.get(Order, id)
        if order is None:
            raise NotFound("There is no such Order.")
        return order

    async def update_order(self, call: Call, *, id: str, body: OrderInput) -> Order:
        """Replaces a draft. Raises OrderState and what createOrder raises."""
        lines = _exact_lines(body)
        total = _total(lines, body.currency)

        async def change(order: Order) -> Decided[Order]:
            _need_draft(order)
            if body.customer_id != order.customer_id:
                await self._known(call, body.customer_id)
            after = self._changed(order).but(
                customer_id=body.customer_id, lines=lines, currency=body.currency, total=total
            )
            event = OrderUpdated(before=order, after=after)
            return decided(after, Update(after), Emit(event), call.remember(after))

        return await rewrite(self._store, Order, id, change, if_version=call.if_version)

    async def delete_order(self, call: Call, *, id: str) -> None:
        """Deletes a draft. Raises OrderState."""

        async def change(order: Order) -> Decided[None]:
            _need_draft(order)
            event = OrderDeleted(before=order)
            return decided(None, Delete(order), Emit(event), call.remember(None))

        await rewrite(self._store, Order, id, change, if_version=call.if_version)

    async def cancel_order(self, call: Call, *, id: str) -> Order:
        """Cancels an order that is not shipped. Raises OrderState."""
        return await self._to(call, id, OrderStatus.CANCELLED)

    async def set_order_status(self, call: Call, *, id: str, body: OrderStatusInput) -> Order:
        """Takes an order one step on, or cancels it. Raises OrderState."""
        return await self._to(call, id, body.status)

    async def _to(self, call: Call, id: str, status: OrderStatus) -> Order:
        async def change(order: Order) -> Decided[Order]:
            if status is OrderStatus.CANCELLED:
                allowed = order.status in _CANCELLABLE
            else:
                allowed = _NEXT.get(order.status) is status
            if not allowed:
                raise OrderState(f"An order that is {order.status} does not become {status}.")
            after = self._changed(order).but(status=status)
            event = _EVENTS.get(status, OrderUpdated)(before=order, after=after)
            return decided(after, Update(after), Emit(event), call.remember(after))

        return await rewrite(self._store, Order, id, change, if_version=call.if_version)

    async def _known(self, call: Call, customer_id: str) -> None:
        try:
            await self._customers().get_customer(ask(call, GET_CUSTOMER), id=customer_id)
        except NotFound:
            text = "is no customer"
            raise CustomerUnknown(pointer="/customerId", message=text) from None

    def _changed(self, order: Order) -> Order:
        return order.but(version=order.version + 1, updated_at=self._clock.now())


_EVENTS: dict[OrderStatus, type[OrderPaid] | type[OrderCancelled] | type[OrderUpdated]] = {
    OrderStatus.PAID: OrderPaid,
    OrderStatus.CANCELLED: OrderCancelled,
}


def _need_draft(order: Order) -> None:
    if order.status is not OrderStatus.DRAFT:
        raise OrderState(f"The order is {order.status}: only a draft can be changed.")


def _exact_lines(body: OrderInput) -> list[OrderLine]:
    """The lines with their currency's decimals. Raises AmountPrecision, with every fault."""
    lines: list[OrderLine] = []
    faults: list[InputError] = []
    for place, line in enumerate(body.lines):
        try:
            price = exact(line.unit_price, body.currency, f"/lines/{place}/unitPrice")
        except AmountPrecision as fault:
            faults += fault.errors
        else:
            lines.append(line.but(unit_price=price))
    if faults:
        raise AmountPrecision(errors=faults)
    return lines


def _total(lines: list[OrderLine], currency: Currency) -> Decimal:
    total = sum((line.quantity * line.unit_price for line in lines), zero(currency))
    if total >= _MOST:
        text = "the total has more than 12 digits before the point"
        raise AmountTooLarge(pointer="/lines", message=text)
    return total
