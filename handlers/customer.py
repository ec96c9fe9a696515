"""The customer service: somebody who orders."""

from __future__ import annotations

from typing import Protocol

from generated.errors import CustomerInUse
from generated.models import Customer, CustomerInput, CustomerPage, OrderPage, OrderStatus
from generated.operations import LIST_ORDERS
from handlers.asking import ask
from handlers.writing import Decided, decided, rewrite
from runtime.call import Call
from runtime.paging import Pager
from runtime.ports import Clock, Delete, Ids, Insert, Store, Update
from runtime.problem import NotFound


class OrderList(Protocol):
    """What the order service tells of a customer's orders."""

    async def list_orders(
        self,
        call: Call,
        *,
        customer_id: str | None = None,
        page_size: int,
        page_token: str | None = None,
        sort: str | None = None,
        status: OrderStatus | None = None,
    ) -> OrderPage:
        """A page of orders."""
        ...


class CustomerHandlers:
    """Satisfies the generated `CustomerService`."""

    def __init__(
        self, *, store: Store, ids: Ids, clock: Clock, pager: Pager, orders: OrderList
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._pager = pager
        self._orders = orders

    async def create_customer(self, call: Call, *, body: CustomerInput) -> Customer:
        """Adds a customer."""
        now = self._clock.now()
        customer = Customer(
            id=self._ids.new("cus"),
            version=1,
            created_at=now,
            updated_at=now,
            name=body.name,
            email=body.email.lower(),
            phone=body.phone,
            address=body.address,
        )
        await self._store.commit(Insert(customer), call.remember(customer))
        return customer

    async def list_customers(
        self,
        call: Call,
        *,
        email: str | None = None,
        page_size: int,
        page_token: str | None = None,
        sort: str | None = None,
    ) -> CustomerPage:
        """All customers."""
        query = self._pager.query(
            call,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            filters={"email": email.lower() if email else None},
        )
        page = await self._store.page(Customer, query)
        return CustomerPage(items=page.items, next_page_token=self._pager.next(call, query, page))

    async def get_customer(self, call: Call, *, id: str) -> Customer:
        """One customer."""
        customer = await self._store.get(Customer, id)
        if customer is None:
            raise NotFound("There is no such Customer.")
        return customer

    async def update_customer(self, call: Call, *, id: str, body: CustomerInput) -> Customer:
        """Replaces a customer."""

        async def change(customer: Customer) -> Decided[Customer]:
            after = customer.but(
                version=customer.version + 1,
                updated_at=self._clock.now(),
                name=body.name,
                email=body.email.lower(),
                phone=body.phone,
                address=body.address,
            )
            return decided(after, Update(after), call.remember(after))

        return await rewrite(self._store, Customer, id, change, if_version=call.if_version)

    async def delete_customer(self, call: Call, *, id: str) -> None:
        """Deletes a customer without orders. Raises CustomerInUse.

        An order that is drafted in the same milliseconds may keep the id of a customer that is
        gone: no commit spans two services, and it does no more than name nobody.
        """

        async def change(customer: Customer) -> Decided[None]:
            if await self._has_orders(call, customer.id):
                raise CustomerInUse("The customer has orders.")
            return decided(None, Delete(customer), call.remember(None))

        await rewrite(self._store, Customer, id, change, if_version=call.if_version)

    async def list_customer_orders(
        self,
        call: Call,
        *,
        id: str,
        page_size: int,
        page_token: str | None = None,
        sort: str | None = None,
        status: OrderStatus | None = None,
    ) -> OrderPage:
        """The orders of one customer."""
        await self.get_customer(call, id=id)
        return await self._orders.list_orders(
            ask(call, LIST_ORDERS),
            customer_id=id,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            status=status,
        )

    async def _has_orders(self, call: Call, id: str) -> bool:
        page = await self._orders.list_orders(ask(call, LIST_ORDERS), customer_id=id, page_size=1)
        return bool(page.items)
