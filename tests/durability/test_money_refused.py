"""An amount with more decimals than its currency has is refused wherever one is taken."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from generated.models import Role
from tests.durability.amounts import ONE_OF_EACH, too_precise, written
from tests.durability.truth import State, assert_true, state_of
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """One of each thing that has an amount, in one currency."""

    world: World
    who: Account
    currency: str
    budget: Json
    expense: Json
    order: Json

    @classmethod
    async def of(cls, world: World, currency: str) -> Shop:
        """A new one."""
        who = await world.account(Role.MANAGER)
        one = written(1, currency)
        budget = await world.made(who, "/budgets", _budget(currency, one))
        expense = await world.made(who, "/expenses", {"budgetId": budget["id"]} | _expense(one))
        customer = await world.made(who, "/customers", {"name": "Ada", "email": "a@example.com"})
        order = await world.made(who, "/orders", _order(customer, currency, one))
        return cls(world, who, currency, budget, expense, order)

    async def send(self, method: str, path: str, body: Json) -> httpx.Response:
        """One request."""
        return await self.world.send(self.who, method, path, body)


def _budget(currency: str, limit: str) -> Json:
    return {"name": "Money", "currency": currency, "limit": limit}


def _expense(amount: str) -> Json:
    return {"description": "Coin", "category": "Cash", "amount": amount}


def _order(customer: Json, currency: str, price: str) -> Json:
    lines = [{"product": name, "quantity": 2, "unitPrice": price} for name in ("Pen", "Ink")]
    return {"customerId": customer["id"], "currency": currency, "lines": lines}


# What takes an amount → how it is tried, and what the answer points at.
Try = Callable[[Shop, str], Awaitable[httpx.Response]]
PLACES: dict[str, tuple[Try, list[str]]] = {
    "createBudget": (
        lambda shop, amount: shop.send("POST", "/budgets", _budget(shop.currency, amount)),
        ["/limit"],
    ),
    "updateBudget": (
        lambda shop, amount: shop.send(
            "PUT", f"/budgets/{shop.budget['id']}", _budget(shop.currency, amount)
        ),
        ["/limit"],
    ),
    "createExpense": (
        lambda shop, amount: shop.send(
            "POST", "/expenses", {"budgetId": shop.budget["id"]} | _expense(amount)
        ),
        ["/amount"],
    ),
    "updateExpense": (
        lambda shop, amount: shop.send("PUT", f"/expenses/{shop.expense['id']}", _expense(amount)),
        ["/amount"],
    ),
    "createTransaction": (
        lambda shop, amount: shop.send(
            "POST",
            "/transactions",
            {"kind": "debit", "amount": amount, "currency": shop.currency, "description": "Coin"},
        ),
        ["/amount"],
    ),
    "createOrder": (
        lambda shop, amount: shop.send(
            "POST", "/orders", _order({"id": shop.order["customerId"]}, shop.currency, amount)
        ),
        ["/lines/0/unitPrice", "/lines/1/unitPrice"],
    ),
    "updateOrder": (
        lambda shop, amount: shop.send(
            "PUT",
            f"/orders/{shop.order['id']}",
            _order({"id": shop.order["customerId"]}, shop.currency, amount),
        ),
        ["/lines/0/unitPrice", "/lines/1/unitPrice"],
    ),
}


def refusal_of(currency: str) -> tuple[int, str]:
    """Beyond three decimals no currency goes, so there the schema refuses."""
    return (400, "pattern") if currency == "KWD" else (422, "amount-precision")


@pytest.mark.parametrize("currency", ONE_OF_EACH)
@pytest.mark.parametrize("place", PLACES)
async def test_more_decimals_than_the_currency_has_are_refused(
    shared: World, place: str, currency: str
) -> None:
    shop = await Shop.of(shared, currency)
    before = await stored(shared)
    attempt, pointers = PLACES[place]
    answer = await attempt(shop, too_precise(currency))
    status, code = refusal_of(currency)
    assert answer.status_code == status, answer.text
    told = [(error["pointer"], error["code"]) for error in answer.json()["errors"]]
    assert told == [(pointer, code) for pointer in pointers]
    assert await stored(shared) == before


@pytest.mark.parametrize("currency", ONE_OF_EACH)
@pytest.mark.parametrize("media", ["text/csv", "application/x-ndjson"])
async def test_a_row_with_more_decimals_is_refused_and_its_neighbours_are_not(
    shared: World, media: str, currency: str
) -> None:
    shop = await Shop.of(shared, currency)
    amounts = [written(1, currency), too_precise(currency), written(2, currency)]
    if media == "text/csv":
        file = "description,category,amount\n" + "".join(f"Coin,Cash,{a}\n" for a in amounts)
    else:
        file = "\n".join(json.dumps(_expense(amount)) for amount in amounts)
    answer = await shared.http.post(
        f"/api/expenses/import?budgetId={shop.budget['id']}",
        content=file,
        headers=shop.who.headers | {"Content-Type": media},
    )
    rows = answer.json()["rows"]
    assert [row["status"] for row in rows] == ["created", "refused", "created"]
    told = [(error["pointer"], error["code"]) for error in rows[1]["errors"]]
    assert told == [("/amount", refusal_of(currency)[1])]
    state = await assert_true(shared.platform)
    kept = [str(e.amount) for e in state.in_budget(shop.budget["id"])]
    assert sorted(kept) == sorted([written(1, currency), *amounts[::2]])


async def stored(world: World) -> State:
    """What the stores hold, at rest."""
    assert await world.platform.drained()
    return await state_of(world.platform)
