"""The customer service: somebody who orders."""

from __future__ import annotations

import pytest

from generated import operations as op
from generated.errors import CustomerInUse
from generated.models import CustomerInput, OrderStatus
from generated.services import CustomerService
from runtime.problem import NotFound, PreconditionFailed
from tests.handlers.shop import Shop
from tests.handlers.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(world: World) -> Shop:
    return Shop(world)


async def test_the_handlers_are_what_the_contract_asks_for(shop: Shop) -> None:
    customers: CustomerService = shop.customers
    assert customers is shop.customers


async def test_a_customer_is_kept_replaced_and_deleted_under_its_version(shop: Shop) -> None:
    customer = await shop.customer("Ada")
    assert customer.email == "ada@example.com"
    body = CustomerInput(name="Ada L.", email="ada@example.com", phone="+44 20 7946 0018")
    after = await shop.customers.update_customer(
        shop.call(op.UPDATE_CUSTOMER, if_version=1), id=customer.id, body=body
    )
    assert (after.name, after.phone, after.version) == ("Ada L.", "+44 20 7946 0018", 2)
    with pytest.raises(PreconditionFailed):
        await shop.customers.delete_customer(
            shop.call(op.DELETE_CUSTOMER, if_version=1), id=customer.id
        )
    await shop.customers.delete_customer(
        shop.call(op.DELETE_CUSTOMER, if_version=2), id=customer.id
    )
    with pytest.raises(NotFound):
        await shop.customers.get_customer(shop.call(op.GET_CUSTOMER), id=customer.id)


async def test_replacing_a_customer_empties_what_is_left_out(shop: Shop) -> None:
    body = CustomerInput(name="Ada", email="ada@example.com", phone="+44 20 7946 0018")
    customer = await shop.customers.create_customer(shop.call(op.CREATE_CUSTOMER), body=body)
    after = await shop.customers.update_customer(
        shop.call(op.UPDATE_CUSTOMER), id=customer.id, body=body.but(phone=None)
    )
    assert after.phone is None


async def test_customers_are_found_by_address_whatever_its_case_and_paged(shop: Shop) -> None:
    for name in ("Ada", "Bob", "Cleo"):
        await shop.customer(name)
    listing = shop.call(op.LIST_CUSTOMERS)
    page = await shop.customers.list_customers(listing, page_size=50, email="BOB@example.com")
    assert [customer.name for customer in page.items] == ["Bob"]
    page = await shop.customers.list_customers(listing, page_size=2, sort="name")
    rest = await shop.customers.list_customers(
        listing, page_size=2, sort="name", page_token=page.next_page_token
    )
    assert [c.name for c in (*page.items, *rest.items)] == ["Ada", "Bob", "Cleo"]
    assert rest.next_page_token is None


async def test_a_customer_with_orders_is_not_deleted(shop: Shop) -> None:
    order = await shop.order()
    delete = shop.call(op.DELETE_CUSTOMER)
    with pytest.raises(CustomerInUse):
        await shop.customers.delete_customer(delete, id=order.customer_id)
    await shop.delete(order)
    await shop.customers.delete_customer(delete, id=order.customer_id)


async def test_a_customers_orders_are_its_own(shop: Shop) -> None:
    mine, _ = await shop.order(), await shop.order()
    listing = shop.call(op.LIST_CUSTOMER_ORDERS)
    page = await shop.customers.list_customer_orders(listing, id=mine.customer_id, page_size=50)
    assert page.items == [mine]
    page = await shop.customers.list_customer_orders(
        listing, id=mine.customer_id, page_size=50, status=OrderStatus.PAID
    )
    assert page.items == []
    with pytest.raises(NotFound):
        await shop.customers.list_customer_orders(
            listing, id=shop.world.ids.new("cus"), page_size=50
        )
