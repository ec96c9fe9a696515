"""A level of a document is one read of its store, however many objects are on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from generated.models import Role
from runtime.adapters.sqlite import SqliteStore
from tests.graphql.asking import ask, problem, told
from tests.rest.world import World

pytestmark = pytest.mark.anyio


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[tuple[str, str]]]:
    """Calls of the stores, by method and entity."""
    calls: Counter[tuple[str, str]] = Counter()
    inside = [0]

    def counting(name: str) -> None:
        original = getattr(SqliteStore, name)

        async def call(self: SqliteStore, kind: type, *args: Any, **kwargs: Any) -> Any:
            if not inside[0]:
                calls[name, kind.__name__] += 1
            # What a store does for itself is one call to those who use it.
            inside[0] += 1
            try:
                return await original(self, kind, *args, **kwargs)
            finally:
                inside[0] -= 1

        monkeypatch.setattr(SqliteStore, name, call)

    for name in ("get", "get_many", "find", "page", "pages"):
        counting(name)
    yield calls


async def test_the_expenses_of_many_budgets_are_read_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await world.account()
    query = "{ budgets { name members { role } expenses(first: 5) { amount } } }"
    seen: list[Counter[tuple[str, str]]] = []
    for many in (3, 30):
        for number in range(many):
            body = {"name": f"B{number}", "limit": "10.00"}
            budget = await world.made(account, "/budgets", body)
            expense = {"description": "Tea", "amount": f"{number + 1}.00", "category": "Food"}
            await world.made(account, "/expenses", expense | {"budgetId": budget["id"]})
        # What follows from the writes reads, too.
        assert await world.platform.drained()
        with monkeypatch.context() as patch, counted(patch) as calls:
            data = await told(world, account, query)
        assert all(len(budget["expenses"]) == 1 for budget in data["budgets"])
        seen.append(calls)
    few, more = seen
    assert few == more
    assert more["pages", "Expense"] == 1
    assert more["page", "Expense"] == 0
    # The list, and whether the caller may see each.
    assert more["page", "BudgetRecord"] == 1
    assert more["get_many", "BudgetRecord"] == 1


async def test_the_customers_of_many_orders_are_read_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = await world.account(Role.MANAGER)
    for number in range(12):
        body = {"name": f"Shop {number}", "email": f"shop{number}@example.com"}
        customer = await world.made(manager, "/customers", body)
        lines = [{"product": "Beans", "quantity": 1, "unitPrice": "2.00"}]
        await world.made(manager, "/orders", {"customerId": customer["id"], "lines": lines})
    assert await world.platform.drained()
    with monkeypatch.context() as patch, counted(patch) as calls:
        data = await told(world, manager, "{ orders { customer { name } } }")
    assert {order["customer"]["name"] for order in data["orders"]} == {
        f"Shop {number}" for number in range(12)
    }
    assert calls["get_many", "Customer"] == 1
    assert calls["get", "Customer"] == 0


async def test_a_level_pays_once_and_every_field_at_the_root_for_itself(tmp_path: Path) -> None:
    # Twelve calls a minute, of which one comes back every five seconds.
    world = World(tmp_path, rate_limit_factor=0.02)
    await world.open()
    account = await world.account()
    for number in range(2):
        await world.made(account, "/budgets", {"name": f"B{number}", "limit": "10.00"})
    first = remaining(await ask(world, account, "{ budgets { id } }"))
    nested = remaining(await ask(world, account, "{ budgets { id expenses { id } } }"))
    assert first - nested == 2
    thrice = "{ a: budgets { id } b: budgets { id } c: budgets { id } }"
    answer = await ask(world, account, thrice)
    assert nested - remaining(answer) == 3
    assert answer.status_code == 200
    # Of six more there is room for four: what is over is refused, and says when to come again.
    many = " ".join(f"f{at}: budgets {{ id }}" for at in range(6))
    refused = await ask(world, account, f"{{ {many} }}")
    assert refused.status_code == 200
    assert problem(refused)["code"] == "rate-limited"
    nothing = await ask(world, account, "{ budgets { id } }")
    assert nothing.status_code == 429
    assert int(nothing.headers["retry-after"]) > 0
    await world.close()


def remaining(answer: Any) -> int:
    """What is left of the limit."""
    return int(answer.headers["ratelimit"].partition(";r=")[2].partition(";")[0])
