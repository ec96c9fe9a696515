"""What people do with a platform, from outside: over HTTP, whatever serves it and wherever."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from secrets import token_hex
from typing import Any

import httpx

PASSWORD = "a password for tests"


@dataclass
class Person:
    """Somebody who is signed in, and what was acknowledged to them."""

    http: httpx.AsyncClient
    email: str
    id: str = ""
    token: str = ""
    # Budget → expense → amount, of those whose entry was answered with 201.
    spent: dict[str, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(dict))
    booked: Decimal = Decimal(0)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request, signed in."""
        signed = {"Authorization": f"Bearer {self.token}"} | headers
        return await self.http.request(method, f"/api{path}", json=body, headers=signed)

    async def made(self, path: str, body: Any) -> Any:
        """What a POST has made. It must succeed."""
        answer = await self.ask("POST", path, body)
        assert answer.is_success, answer.text
        return answer.json()

    async def spend(self, budget: str, amount: str, key: str, description: str = "Market") -> bool:
        """Enters an expense; whether it was acknowledged. The same key is the same expense."""
        body = {
            "budgetId": budget,
            "description": description,
            "amount": amount,
            "category": "Food",
        }
        try:
            answer = await self.ask("POST", "/expenses", body, **{"Idempotency-Key": key})
        except httpx.TransportError:
            return False
        if answer.status_code != 201:
            assert answer.status_code in (409, 502, 503, 504), answer.text
            return False
        self.spent[budget][answer.json()["id"]] = Decimal(amount)
        return True

    async def book(self, amount: str, key: str) -> bool:
        """Books a credit; whether it was acknowledged."""
        body = {"kind": "credit", "amount": amount, "description": "Pay"}
        try:
            answer = await self.ask("POST", "/transactions", body, **{"Idempotency-Key": key})
        except httpx.TransportError:
            return False
        if answer.status_code != 201:
            assert answer.status_code in (409, 502, 503, 504), answer.text
            return False
        self.booked += Decimal(amount)
        return True


async def registered(http: httpx.AsyncClient, name: str = "ann") -> Person:
    """A new account, signed in."""
    person = Person(http, f"{name}-{token_hex(4)}@example.com")
    body = {"email": person.email, "password": PASSWORD, "name": name.title()}
    answer = await http.post("/api/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    person.token, person.id = answer.json()["accessToken"], answer.json()["user"]["id"]
    return person


async def until(look: Callable[[], Any], seconds: float = 40) -> Any:
    """What `look` answers, once it is true; what it raises counts as not yet."""
    last: BaseException | None = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    if found := await look():
                        return found
                except (AssertionError, KeyError, IndexError, httpx.TransportError) as error:
                    last = error
                await asyncio.sleep(0.1)  # events are on their way
    except TimeoutError:
        raise AssertionError(f"it did not come about: {last!r}") from last


async def true_sums(person: Person) -> bool:
    """Whether every budget's `spent` is the sum of its expenses, and the balance that of its rows;
    and whether all that was acknowledged is there, once.
    """
    for budget, wanted in person.spent.items():
        found = await _all(person, f"/expenses/{budget}")
        amounts = {item["id"]: Decimal(item["amount"]) for item in found}
        missing = wanted.keys() - amounts.keys()
        assert not missing, f"acknowledged and gone: {missing}"
        shown = (await person.ask("GET", f"/budgets/{budget}")).json()
        assert Decimal(shown["spent"]) == sum(amounts.values()), (shown["spent"], amounts)
    rows = await _all(person, "/transactions")
    total = sum(Decimal(row["amount"]) for row in rows)
    assert total >= person.booked
    told = (await person.ask("GET", "/transactions/balance")).json()["items"]
    assert sum((Decimal(item["balance"]) for item in told), Decimal(0)) == total
    return True


async def _all(person: Person, path: str) -> list[Any]:
    items: list[Any] = []
    token = ""
    while True:
        page = await person.ask("GET", f"{path}?pageSize=200{token}")
        assert page.is_success, page.text
        items += page.json()["items"]
        if not page.json().get("nextPageToken"):
            return items
        token = f"&pageToken={page.json()['nextPageToken']}"
