"""The customer and the order service over one world, and a manager."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from generated import operations as op
from generated.models import (
    Currency,
    Customer,
    CustomerInput,
    Order,
    OrderInput,
    OrderLine,
    OrderStatus,
    OrderStatusInput,
)
from handlers.customer import CustomerHandlers
from handlers.order import OrderHandlers
from runtime.call import Call, Caller
from runtime.operation import Operation
from tests.handlers.world import World, call, somebody


class Shop:
    """The two services in a world, and a manager."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.manager: Caller = somebody(world, "manager")
        self.orders = world.offered(
            "order",
            OrderHandlers(
                store=world.store("order"),
                ids=world.ids,
                clock=world.clock,
                pager=world.pager,
                customers=lambda: self.customers,
            ),
        )
        self.customers = world.offered(
            "customer",
            CustomerHandlers(
                store=world.store("customer"),
                ids=world.ids,
                clock=world.clock,
                pager=world.pager,
                orders=self.orders,
            ),
        )

    def call(self, operation: Operation, **sent: Any) -> Call:
        return call(operation, self.manager, **sent)

    async def customer(self, name: str = "Ada") -> Customer:
        body = CustomerInput(name=name, email=f"{name}@Example.com")
        return await self.customers.create_customer(self.call(op.CREATE_CUSTOMER), body=body)

    async def order(self, *prices: str, currency: Currency = Currency.USD) -> Order:
        customer = await self.customer()
        body = wanted(customer.id, *prices or ["12.50"], currency=currency)
        return await self.orders.create_order(self.call(op.CREATE_ORDER), body=body)

    async def set_status(self, order: Order, *steps: OrderStatus) -> Order:
        for status in steps:
            order = await self.orders.set_order_status(
                self.call(op.SET_ORDER_STATUS), id=order.id, body=OrderStatusInput(status=status)
            )
        return order

    async def update(self, order: Order, **sent: Any) -> Order:
        body = wanted(order.customer_id, "2.00")
        return await self.orders.update_order(
            self.call(op.UPDATE_ORDER, **sent), id=order.id, body=body
        )

    async def cancel(self, order: Order) -> Order:
        return await self.orders.cancel_order(self.call(op.CANCEL_ORDER), id=order.id)

    async def delete(self, order: Order) -> None:
        await self.orders.delete_order(self.call(op.DELETE_ORDER), id=order.id)


def wanted(customer_id: str, *prices: str, currency: Currency = Currency.USD) -> OrderInput:
    lines = [OrderLine(product="Notebook", quantity=3, unit_price=Decimal(p)) for p in prices]
    return OrderInput(customer_id=customer_id, lines=lines, currency=currency)
