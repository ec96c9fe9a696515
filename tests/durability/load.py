"""Clients that write without pause and remember what was acknowledged, for tests that kill.

Each entity has one writer, who sends one request at a time; so at any moment it is known what must
be stored, but for each client's request under way. That one is sent again after the kill, with its
Idempotency-Key, and then it is known as well. Budgets that are shared have many writers.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from generated.models import Expense, Order, Transaction
from tests.durability.truth import State
from tests.rest.world import Account

Json = dict[str, Any]

# Of the last answers of each client, so many are asked for again after a kill.
_ASKED_AGAIN = 4
# Two commits of an import: see handlers/expense_import.py.
_LARGE_FILE = 501
_CATEGORIES = ("Food", "Rent", "Travel")
_NEXT = {"draft": "confirmed", "confirmed": "paid", "paid": "shipped", "shipped": "delivered"}


@dataclass(slots=True)
class Write:
    """A request that changes something, as it may be sent again."""

    method: str
    path: str
    key: str
    status: int
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    # Brings the client's memory up to date with the answer's body.
    done: Callable[[Any], None] = field(default=lambda answer: None, repr=False)


@dataclass(slots=True)
class Fuse:
    """Calls `blow` when so many requests were begun or answered: then some are under way."""

    left: int
    blow: Callable[[], None]

    def burn(self) -> None:
        """One more."""
        self.left -= 1
        if self.left == 0:
            self.blow()


class Client:
    """One account's client, with what it knows to be stored."""

    def __init__(self, account: Account, chance: random.Random, shared: list[Json]) -> None:
        """`shared` are budgets that the account may enter expenses into, and nobody deletes."""
        self.account = account
        self.shared = {budget["id"]: budget for budget in shared}
        # As they were last answered; of imported expenses what the file said.
        self.budgets: dict[str, Json] = {}
        self.expenses: dict[str, Json] = {}
        self.rows: dict[str, Json] = {}
        self.orders: dict[str, Json] = {}
        self.customer: str | None = None
        self.acknowledged = 0
        self._chance = chance
        self._keys = 0
        self._doubt: Write | None = None
        self._last: deque[tuple[Write, Any]] = deque(maxlen=_ASKED_AGAIN)

    # --- sending ----------------------------------------------------------------------------------

    async def live(self, http: httpx.AsyncClient, fuse: Fuse) -> None:
        """Writes until the server is gone; first again what had no answer."""
        try:
            if self._doubt is not None:
                await self._send(http, self._doubt, fuse)
            while True:
                await self._send(http, self._next(), fuse)
        except httpx.TransportError:
            return

    async def settle(self, http: httpx.AsyncClient) -> None:
        """Sends again what had no answer; asks again what had one, for which nothing changes."""
        fuse = Fuse(0, lambda: None)
        if self._doubt is not None:
            await self._send(http, self._doubt, fuse)
        for write, answered in tuple(self._last):
            answer = await self._request(http, write)
            told = (answer.status_code, json.loads(answer.content or b"null"))
            assert told == (write.status, answered), f"{write}: {told}, before {answered}"

    async def _send(self, http: httpx.AsyncClient, write: Write, fuse: Fuse) -> None:
        self._doubt = write
        fuse.burn()
        answer = await self._request(http, write)
        assert answer.status_code == write.status, f"{write}: {answer.status_code} {answer.text}"
        self._doubt = None
        self.acknowledged += 1
        told = json.loads(answer.content or b"null")
        write.done(told)
        if write.method == "DELETE":
            self._last.clear()  # of what is gone, earlier answers are not shown again
        self._last.append((write, told))
        fuse.burn()

    async def _request(self, http: httpx.AsyncClient, write: Write) -> httpx.Response:
        headers = self.account.headers | {"Idempotency-Key": write.key} | write.headers
        path = f"/api{write.path}"
        return await http.request(write.method, path, content=write.content, headers=headers)

    def _write(
        self,
        method: str,
        path: str,
        status: int,
        body: Json | None,
        done: Callable[[Any], None],
        version: int | None = None,
    ) -> Write:
        self._keys += 1
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if version is not None and self._chance.random() < 0.5:
            headers["If-Match"] = f'"{version}"'
        content = json.dumps(body).encode() if body is not None else b""
        return Write(method, path, f"key-{self._keys}", status, content, headers, done)

    # --- what to write ----------------------------------------------------------------------------

    def _next(self) -> Write:
        """The next request, any that is possible."""
        kinds = [self._new_budget, self._new_row, self._change_shared]
        kinds += [self._new_expense] * 4 if self.budgets or self.shared else []
        kinds += [self._change_expense] * 3 if self._said() else []
        kinds += [self._delete_expense] if self.expenses else []
        kinds += [self._change_budget, self._delete_budget, self._file] if self.budgets else []
        kinds += [self._reverse] if self._open_rows() else []
        kinds += [self._order] * 3 if self.account.email.startswith("manager") else []
        while (write := self._chance.choice(kinds)()) is None:
            continue
        return write

    def _new_budget(self) -> Write | None:
        if len(self.budgets) > 2:
            return None
        currency = self._chance.choice(["USD", "JPY", "KWD"])
        body = self._budget(currency)
        return self._write("POST", "/budgets", 201, body, _into(self.budgets))

    def _change_budget(self) -> Write:
        budget = self._one(self.budgets)
        body = self._budget(budget["currency"])
        return self._write("PUT", f"/budgets/{budget['id']}", 200, body, _into(self.budgets))

    def _change_shared(self) -> Write | None:
        if not self.shared:
            return None
        budget = self._one(self.shared)
        body = self._budget(budget["currency"])
        return self._write("PUT", f"/budgets/{budget['id']}", 200, body, _into(self.shared))

    def _delete_budget(self) -> Write:
        id = self._one(self.budgets)["id"]

        def done(_: None) -> None:
            del self.budgets[id]
            for expense in [e["id"] for e in self.expenses.values() if e["budgetId"] == id]:
                del self.expenses[expense]

        return self._write("DELETE", f"/budgets/{id}", 204, None, done)

    def _new_expense(self) -> Write:
        budget = self._one(self.budgets | self.shared)
        body = self._expense(budget["currency"]) | {"budgetId": budget["id"]}
        return self._write("POST", "/expenses", 201, body, _into(self.expenses))

    def _change_expense(self) -> Write:
        expense = self._one(self._said())
        body = self._expense(expense["currency"])
        path = f"/expenses/{expense['id']}"
        return self._write("PUT", path, 200, body, _into(self.expenses), expense["version"])

    def _delete_expense(self) -> Write:
        expense = self._one(self.expenses)

        def done(_: None) -> None:
            del self.expenses[expense["id"]]

        path = f"/expenses/{expense['id']}"
        return self._write("DELETE", path, 204, None, done, expense.get("version"))

    def _file(self) -> Write:
        budget = self._one(self.budgets)
        # Large ones are rare: their rows would soon be all there is.
        count = _LARGE_FILE if self._chance.random() < 0.05 else self._chance.randint(1, 9)
        rows = [self._expense(budget["currency"]) for _ in range(count)]

        def done(report: Json) -> None:
            assert report["created"] == count, report
            for row, made in zip(rows, report["rows"], strict=True):
                self.expenses[made["id"]] = row | {"id": made["id"], "budgetId": budget["id"]}

        write = self._write("POST", f"/expenses/import?budgetId={budget['id']}", 207, None, done)
        write.content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        write.headers["Content-Type"] = "application/x-ndjson"
        return write

    def _new_row(self) -> Write:
        body = {
            "kind": self._chance.choice(["credit", "debit"]),
            "amount": self._amount("USD"),
            "description": "A row",
        }
        return self._write("POST", "/transactions", 201, body, _into(self.rows))

    def _reverse(self) -> Write:
        id = self._chance.choice(self._open_rows())
        return self._write("POST", f"/transactions/{id}/reversal", 201, None, _into(self.rows))

    def _order(self) -> Write:
        if self.customer is None:
            body: Json = {"name": "Ada", "email": "ada@example.com"}

            def known(customer: Json) -> None:
                self.customer = customer["id"]

            return self._write("POST", "/customers", 201, body, known)
        moving = [o for o in self.orders.values() if o["status"] in _NEXT]
        if not moving or self._chance.random() < 0.3:
            quantity = self._chance.randint(1, 1000)
            line = {"product": "Pen", "quantity": quantity, "unitPrice": self._amount("EUR")}
            body = {"customerId": self.customer, "currency": "EUR", "lines": [line]}
            return self._write("POST", "/orders", 201, body, _into(self.orders))
        order = self._chance.choice(moving)
        path = f"/orders/{order['id']}"
        if order["status"] != "shipped" and self._chance.random() < 0.3:
            return self._write("POST", f"{path}/cancel", 200, None, _into(self.orders))
        body = {"status": _NEXT[order["status"]]}
        return self._write("POST", f"{path}/status", 200, body, _into(self.orders))

    def _budget(self, currency: str) -> Json:
        return {
            "name": f"Budget {self._keys}",
            # Low, so that thresholds are reached all the time.
            "limit": self._amount(currency),
            "currency": currency,
            "period": self._chance.choice(["weekly", "monthly", "yearly", "once"]),
            "startsOn": f"{_today():%Y}-01-01",
        }

    def _expense(self, currency: str) -> Json:
        day = _today() - timedelta(days=self._chance.choice([0, 0, 0, 3, 40]))
        return {
            "description": f"Something {self._keys}",
            "amount": self._amount(currency),
            "currency": currency,
            "category": self._chance.choice(_CATEGORIES),
            "spentOn": day.isoformat(),
        }

    def _amount(self, currency: str) -> str:
        digits = {"JPY": 0, "KWD": 3}.get(currency, 2)
        return str(Decimal(self._chance.randint(1, 100_000)).scaleb(-digits))

    def _one(self, known: dict[str, Json]) -> Json:
        one: Json = self._chance.choice(list(known.values()))
        return one

    def _said(self) -> dict[str, Json]:
        """The expenses whose version is known."""
        return {id: expense for id, expense in self.expenses.items() if "version" in expense}

    def _open_rows(self) -> list[str]:
        taken_back = {row["reversalOf"] for row in self.rows.values()}
        return [
            id for id, row in self.rows.items() if not row["reversalOf"] and id not in taken_back
        ]


def _today() -> date:
    return datetime.now(UTC).date()


def _into(known: dict[str, Json]) -> Callable[[Any], None]:
    """Keeps an answered entity."""

    def keep(entity: Json) -> None:
        known[entity["id"]] = entity

    return keep


def assert_stored(state: State, clients: Iterable[Client]) -> None:
    """The stores hold what was acknowledged to the clients, and nothing else."""
    expenses: dict[str, Json] = {}
    rows: dict[str, Json] = {}
    orders: dict[str, Json] = {}
    for client in clients:
        expenses |= client.expenses
        rows |= client.rows
        orders |= client.orders
        for id, budget in (client.budgets | client.shared).items():
            kept = state.budgets[id]
            assert kept.version >= budget["version"], f"{id} lost an acknowledged version"
            if id in client.budgets:
                said = {name: budget[name] for name in ("name", "limit", "period", "currency")}
                assert said.items() <= json.loads(kept.model_dump_json(by_alias=True)).items()
    _assert_same(expenses, state.expenses.values())
    _assert_same(rows, [row for row in state.transactions.values() if row.order_id is None])
    _assert_same(orders, state.orders.values())
    mine = {id for client in clients for id in client.budgets | client.shared}
    assert state.budgets.keys() == mine


def _assert_same(said: dict[str, Json], kept: Iterable[Expense | Transaction | Order]) -> None:
    stored = {entity.id: json.loads(entity.model_dump_json(by_alias=True)) for entity in kept}
    assert sorted(said) == sorted(stored), "lost, or written twice"
    for id, entity in said.items():
        assert entity.items() <= stored[id].items(), (entity, stored[id])
