"""The order service: what is ordered, and what becomes of it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from generated import operations as op
from generated.errors import AmountPrecision, AmountTooLarge, CustomerUnknown, OrderState
from generated.events import OrderCancelled, OrderCreated, OrderDeleted, OrderPaid, OrderUpdated
from generated.models import Currency, Order, OrderStatus
from generated.services import OrderService
from runtime.problem import PreconditionFailed
from tests.handlers.shop import Shop, wanted
from tests.handlers.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(world: World) -> Shop:
    return Shop(world)


STEPS = (OrderStatus.CONFIRMED, OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED)


async def test_the_handlers_are_what_the_contract_asks_for(shop: Shop) -> None:
    orders: OrderService = shop.orders
    assert orders is shop.orders


# --- what an order is -----------------------------------------------------------------------------


async def test_the_total_is_the_exact_sum_of_the_lines(shop: Shop) -> None:
    order = await shop.order("0.1", "0.20", "33.33")
    assert (order.total, str(order.total)) == (Decimal("100.89"), "100.89")
    assert [str(line.unit_price) for line in order.lines] == ["0.10", "0.20", "33.33"]
    assert order.owner_id == shop.manager.user_id
    assert str((await shop.order("7", currency=Currency.JPY)).total) == "21"


async def test_prices_have_no_more_decimals_than_their_currency_and_all_faults_are_named(
    shop: Shop,
) -> None:
    with pytest.raises(AmountPrecision) as refused:
        await shop.order("1.5", "2", "3.25", currency=Currency.JPY)
    pointers = [error.pointer for error in refused.value.errors]
    assert pointers == ["/lines/0/unitPrice", "/lines/2/unitPrice"]


async def test_a_total_of_more_than_twelve_digits_is_refused(shop: Shop) -> None:
    assert (await shop.order("333333333333.33")).total == Decimal("999999999999.99")
    with pytest.raises(AmountTooLarge):
        await shop.order("333333333333.34")


async def test_an_order_is_for_a_customer_that_there_is(shop: Shop) -> None:
    body = wanted(shop.world.ids.new("cus"), "1.00")
    with pytest.raises(CustomerUnknown) as refused:
        await shop.orders.create_order(shop.call(op.CREATE_ORDER), body=body)
    assert refused.value.errors[0].pointer == "/customerId"


async def test_orders_are_listed_by_customer_status_and_currency(shop: Shop) -> None:
    first, second = await shop.order("1.00"), await shop.order("9", currency=Currency.JPY)
    await shop.set_status(second, OrderStatus.CONFIRMED)
    listing = shop.call(op.LIST_ORDERS)
    page = await shop.orders.list_orders(listing, page_size=50, status=OrderStatus.DRAFT)
    assert page.items == [first]
    page = await shop.orders.list_orders(listing, page_size=50, currency=Currency.JPY)
    assert [order.id for order in page.items] == [second.id]
    page = await shop.orders.list_orders(listing, page_size=50, sort="-total")
    assert [order.id for order in page.items] == [second.id, first.id]


# --- what becomes of it ---------------------------------------------------------------------------


async def test_an_order_goes_one_step_at_a_time_to_the_end(shop: Shop) -> None:
    order = await shop.order()
    for place, status in enumerate(STEPS):
        for later in STEPS[place + 1 :]:
            with pytest.raises(OrderState):
                await shop.set_status(order, later)
        order = await shop.set_status(order, status)
        assert (order.status, order.version) == (status, place + 2)
    for status in OrderStatus:
        with pytest.raises(OrderState):
            await shop.set_status(order, status)


@pytest.mark.parametrize(
    ("steps", "allowed"), [(0, True), (1, True), (2, True), (3, False), (4, False)]
)
async def test_an_order_can_be_cancelled_until_it_is_shipped(
    shop: Shop, steps: int, allowed: bool
) -> None:
    order = await shop.set_status(await shop.order(), *STEPS[:steps])
    if allowed:
        assert (await shop.cancel(order)).status is OrderStatus.CANCELLED
    with pytest.raises(OrderState):
        await shop.cancel(order)


async def test_only_a_draft_is_changed_or_deleted(shop: Shop) -> None:
    order = await shop.update(await shop.order())
    assert order.total == Decimal("6.00")
    order = await shop.set_status(order, OrderStatus.CONFIRMED)
    with pytest.raises(OrderState):
        await shop.update(order)
    with pytest.raises(OrderState):
        await shop.delete(order)


async def test_a_stale_version_changes_no_order(shop: Shop) -> None:
    order = await shop.order()
    await shop.update(order, if_version=1)
    with pytest.raises(PreconditionFailed):
        await shop.update(order, if_version=1)


async def test_of_many_that_pay_at_once_one_does(shop: Shop, world: World) -> None:
    heard: list[Any] = []
    await world.carry(heard)
    order = await shop.set_status(await shop.order(), OrderStatus.CONFIRMED)
    answers = await asyncio.gather(
        *(shop.set_status(order, OrderStatus.PAID) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(answer, Order) for answer in answers) == 1
    await world.drained()
    assert [type(event) for event in heard].count(OrderPaid) == 1


async def test_every_step_is_told_with_what_was_before(shop: Shop, world: World) -> None:
    heard: list[Any] = []
    await world.carry(heard)
    order = await shop.set_status(await shop.update(await shop.order()), *STEPS[:2])
    await shop.cancel(order)
    await shop.delete(await shop.order())
    await world.drained()
    first = [event for event in heard if entity(event).id == order.id]
    kinds = [OrderCreated, OrderUpdated, OrderUpdated, OrderPaid, OrderCancelled]
    assert [type(event) for event in first] == kinds
    assert (first[3].after.total, first[3].after.owner_id) == (order.total, order.owner_id)
    assert first[4].before.status is OrderStatus.PAID
    assert OrderDeleted in [type(event) for event in heard]


def entity(event: Any) -> Order:
    """The order that an event is about."""
    return event.before if isinstance(event, OrderDeleted) else event.after
