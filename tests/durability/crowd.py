"""Writers that write the same things at once, over each other, whatever the others do.

They keep no account of what they did: what must hold of it all is `truth.assert_true`.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from tests.rest.world import Account, World

Json = dict[str, Any]

# What may come of meeting others: it is gone, changed meanwhile, in another state, or locked.
_MET = (404, 409, 412, 422)
_DIGITS = {"JPY": 0, "USD": 2, "KWD": 3}
_STEPS = ("confirmed", "paid", "shipped", "delivered", "cancelled")


class Crowd:
    """What there is to write, by id, and how often what was answered."""

    def __init__(self, world: World, accounts: list[Account], chance: random.Random) -> None:
        self._world = world
        self._accounts = accounts
        self._chance = chance
        self.budgets: dict[str, str] = {}
        self._expenses: list[str] = []
        self._rows: list[str] = []
        self._orders: list[str] = []
        self._customer = ""
        # (what was tried, the status of the answer)
        self.answers: Counter[tuple[str, int]] = Counter()
        self._half = 0
        self._half_done = asyncio.Event()
        self._deleted = False

    async def begin(self, budgets: int) -> None:
        """Budgets that everybody may edit, and a customer."""
        owner, *guests = self._accounts
        body: Json = {"name": "Ada", "email": "ada@example.com"}
        self._customer = (await self._world.made(owner, "/customers", body))["id"]
        for _ in range(budgets):
            await self._new_budget(owner)
        for id in self.budgets:
            for guest in guests:
                body = {"email": guest.email, "role": "editor"}
                await self._world.made(owner, f"/budgets/{id}/invitations", body)
                token = {"token": await self._world.mailed(guest.email)}
                await self._world.made(guest, "/invitations/accept", token)

    async def write(self, writers: int, times: int) -> None:
        """So many writers' work, each so many times."""
        self._half = self.answers.total() + writers * times // 2
        await asyncio.gather(*(self._write(times) for _ in range(writers)))

    async def _write(self, times: int) -> None:
        tries: list[Callable[[Account], Awaitable[None]]] = [
            *[self._new_expense] * 6,
            *[self._change_expense] * 6,
            *[self._delete_expense] * 2,
            *[self._change_budget] * 3,
            *[self._import] * 1,
            *[self._new_row] * 3,
            *[self._reverse] * 2,
            *[self._new_order] * 1,
            *[self._step] * 3,
            *[self._read] * 2,
        ]
        for _ in range(times):
            await self._chance.choice(tries)(self._chance.choice(self._accounts))

    async def delete_budgets(self, but: int) -> None:
        """Halfway, takes all budgets but the first few from under the feet of those who write."""
        await self._half_done.wait()
        for id in list(self.budgets)[but:]:
            answer = await self._tried(
                "delete budget", self._accounts[0], "DELETE", f"/budgets/{id}"
            )
            assert answer.status_code == 204
            self.budgets.pop(id)

    # --- each thing to try ------------------------------------------------------------------------

    async def delete_account(self, who: Account) -> None:
        """Halfway, deletes an account while its own requests are under way."""
        await self._half_done.wait()
        self._deleted = True
        answer = await self._tried("delete account", who, "DELETE", "/auth/me")
        assert answer.status_code == 204

    async def _new_budget(self, who: Account) -> None:
        currency = ("USD", "JPY", "KWD")[len(self.budgets) % 3]
        answer = await self._tried("new budget", who, "POST", "/budgets", self._budget(currency))
        self.budgets[answer.json()["id"]] = currency

    async def _change_budget(self, who: Account) -> None:
        id = self._chance.choice(list(self.budgets))
        body = self._budget(self.budgets[id])
        await self._tried("change budget", who, "PUT", f"/budgets/{id}", body)

    async def _new_expense(self, who: Account) -> None:
        id = self._chance.choice(list(self.budgets))
        body = self._expense(self.budgets[id]) | {"budgetId": id}
        answer = await self._tried("new expense", who, "POST", "/expenses", body)
        if answer.is_success:
            self._expenses.append(answer.json()["id"])

    async def _change_expense(self, who: Account) -> None:
        if self._expenses:
            # Few of them, so that they meet.
            id = self._chance.choice(self._expenses[-8:])
            # A whole amount, which every currency has: its budget's is not known here.
            body = self._expense("JPY")
            await self._tried("change expense", who, "PUT", f"/expenses/{id}", body)

    async def _delete_expense(self, who: Account) -> None:
        if self._expenses:
            id = self._chance.choice(self._expenses[-8:])
            await self._tried("delete expense", who, "DELETE", f"/expenses/{id}")

    async def _import(self, who: Account) -> None:
        id = self._chance.choice(list(self.budgets))
        # One externalId for all: of those who meet, one enters it.
        rows = [self._expense(self.budgets[id]) for _ in range(3)]
        rows[0]["externalId"] = f"x{self._chance.randint(1, 9)}"
        answer = await self._world.http.post(
            "/api/expenses/import",
            params={"budgetId": id},
            content="\n".join(map(json.dumps, rows)),
            headers=who.headers | {"Content-Type": "application/x-ndjson"},
        )
        self._counted("import", answer)

    async def _new_row(self, who: Account) -> None:
        currency = self._chance.choice(list(_DIGITS))
        kind = self._chance.choice(["credit", "debit"])
        body = {"kind": kind, "amount": self._amount(currency), "currency": currency}
        body["description"] = "A row"
        answer = await self._tried("new row", who, "POST", "/transactions", body)
        if answer.is_success:
            self._rows.append(answer.json()["id"])

    async def _reverse(self, who: Account) -> None:
        if self._rows:
            id = self._chance.choice(self._rows[-8:])
            await self._tried("reverse", who, "POST", f"/transactions/{id}/reversal")

    async def _new_order(self, who: Account) -> None:
        line = {"product": "Pen", "quantity": self._chance.randint(1, 9), "unitPrice": "0.35"}
        body = {"customerId": self._customer, "lines": [line]}
        answer = await self._tried("new order", who, "POST", "/orders", body)
        if answer.is_success:
            self._orders.append(answer.json()["id"])

    async def _step(self, who: Account) -> None:
        if self._orders:
            path = f"/orders/{self._chance.choice(self._orders[-4:])}/status"
            body = {"status": self._chance.choice(_STEPS)}
            await self._tried("step", who, "POST", path, body)

    async def _read(self, who: Account) -> None:
        id = self._chance.choice(list(self.budgets))
        path = self._chance.choice([f"/budgets/{id}", f"/budgets/{id}/summary", "/budgets"])
        await self._tried("read", who, "GET", path)

    # --- bodies and answers -----------------------------------------------------------------------

    async def _tried(
        self, name: str, who: Account, method: str, path: str, body: Json | None = None
    ) -> httpx.Response:
        answer = await self._world.send(who, method, path, body)
        self._counted(name, answer)
        return answer

    def _counted(self, name: str, answer: httpx.Response) -> None:
        code = answer.status_code
        met = code in _MET or (code == 401 and self._deleted)
        assert answer.is_success or met, f"{name}: {code} {answer.text}"
        self.answers[name, code] += 1
        if self.answers.total() == self._half:
            self._half_done.set()

    def _budget(self, currency: str) -> Json:
        return {
            "name": "Everybody's",
            "limit": self._amount(currency),
            "currency": currency,
            "period": self._chance.choice(["weekly", "monthly", "yearly", "once"]),
            # From three days ago, all periods begin on the same day, and end on others.
            "startsOn": self._chance.choice(["2024-01-01", _day(3), _day(3)]),
        }

    def _expense(self, currency: str) -> Json:
        return {
            "description": "Something",
            "amount": self._amount(currency),
            "category": self._chance.choice(["Food", "Rent"]),
            "spentOn": _day(self._chance.choice([0, 0, 2, 9, 70, -2, -20, -90])),
        }

    def _amount(self, currency: str) -> str:
        return str(Decimal(self._chance.randint(1, 99_999)).scaleb(-_DIGITS[currency]))


def _day(back: int) -> str:
    """So many days ago."""
    return (datetime.now(UTC).date() - timedelta(days=back)).isoformat()
