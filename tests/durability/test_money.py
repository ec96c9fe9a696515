"""Amounts never lose a cent, from the wire to the stores and back, in every currency."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from generated.models import AccountBalance, BudgetRecord, Expense, Order, Role
from runtime.ports import Where
from tests.durability.amounts import MOST, order_lines, pairs, sent, sums, written
from tests.durability.truth import every
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
brief = settings(max_examples=12, suppress_health_check=list(HealthCheck))
# The largest amounts there are: their sum in minor units is beyond what a float holds.
LARGEST = ("KWD", [MOST * 1000 - 1] * 11 + [1])


@pytest.fixture(scope="module")
async def ann(shared: World) -> Account:
    """Who has the budgets."""
    return await shared.account()


@pytest.fixture(scope="module")
async def mae(shared: World) -> Account:
    """Who takes the orders."""
    return await shared.account(Role.MANAGER)


async def got(world: World, who: Account, path: str) -> Any:
    """What a GET answers."""
    answer = await world.send(who, "GET", path)
    assert answer.is_success, answer.text
    return answer.json()


async def budget_of(world: World, who: Account, currency: str, limit: int) -> Json:
    """A new budget without an end, so that every day counts."""
    body = {"name": "Money", "currency": currency, "period": "once", "startsOn": "2020-01-01"}
    return await world.made(who, "/budgets", body | {"limit": written(limit, currency)})


def expense(budget: Json, amount: str) -> Json:
    """One in that budget."""
    said = {"description": "Coin", "category": "Cash", "spentOn": "2026-02-28"}
    return said | {"budgetId": budget["id"], "amount": amount}


async def exported(world: World, who: Account, budget: Json) -> bytes:
    """The budget as a file."""
    path = f"/expenses/export?budgetId={budget['id']}"
    return (await world.send(who, "GET", path)).content


async def imported(world: World, who: Account, budget: Json, media: str, file: bytes) -> Json:
    """What entering a file answers."""
    path = f"/api/expenses/import?budgetId={budget['id']}"
    headers = who.headers | {"Content-Type": media}
    answer = await world.http.post(path, content=file, headers=headers)
    assert answer.status_code == 207, answer.text
    report: Json = answer.json()
    return report


async def on_disk(world: World, budget: Json) -> tuple[str, str, list[str]]:
    """The budget's limit, what is spent of it, and its expenses' amounts, past every cache."""
    (kept,) = (
        await every(world.platform, "budget", BudgetRecord, Where("id", "eq", budget["id"]))
    ).values()
    its = Where("budget_id", "eq", budget["id"])
    expenses = await every(world.platform, "expense", Expense, its)
    return str(kept.limit), str(kept.spent), sorted(str(e.amount) for e in expenses.values())


async def assert_shown(world: World, who: Account, budget: Json, amounts: list[int]) -> None:
    """Everything that shows the budget's expenses shows these amounts, and their exact sum."""
    assert await world.platform.drained()
    currency, id = budget["currency"], budget["id"]
    each = sorted(written(amount, currency) for amount in amounts)
    total = written(sum(amounts), currency)
    for path in (f"/expenses/{id}?pageSize=200", f"/expenses?budgetId={id}&pageSize=200"):
        assert sorted(e["amount"] for e in (await got(world, who, path))["items"]) == each
    rows = csv.DictReader(io.StringIO((await exported(world, who, budget)).decode()))
    assert sorted(row["amount"] for row in rows) == each
    assert await on_disk(world, budget) == (budget["limit"], total, each)
    assert (await got(world, who, f"/budgets/{id}"))["spent"] == total
    summary = await got(world, who, f"/budgets/{id}/summary?day=2026-02-28")
    left = Decimal(budget["limit"]) - Decimal(total)
    assert (summary["spent"], summary["remaining"]) == (total, str(left))
    assert [part["amount"] for part in summary["byCategory"]] == [total]
    found = await world.made(who, "/search/expenses", {"budgetId": id, "pageSize": 200})
    assert sorted(hit["expense"]["amount"] for hit in found["items"]) == each
    assert found["sums"] == [{"currency": currency, "amount": total}]
    for facet in (*found["byCategory"], *found["byMonth"]):
        assert facet["sums"] == found["sums"]


@brief
@given(sums())
@example(LARGEST)
async def test_expenses_keep_every_cent_and_their_sums_are_exact(
    shared: World, ann: Account, case: tuple[str, list[int]]
) -> None:
    currency, amounts = case
    budget = await budget_of(shared, ann, currency, amounts[0])
    assert budget["limit"] == written(amounts[0], currency)
    for amount in amounts:
        *_, short = sent(amount, currency)
        made = await shared.made(ann, "/expenses", expense(budget, short))
        assert (made["amount"], made["currency"]) == (written(amount, currency), currency)
    await assert_shown(shared, ann, budget, amounts)


@brief
@given(pairs())
async def test_a_changed_amount_keeps_every_cent(
    shared: World, ann: Account, case: tuple[str, list[tuple[int, int]]]
) -> None:
    currency, changes = case
    budget = await budget_of(shared, ann, currency, 1)
    for before, after in changes:
        made = await shared.made(ann, "/expenses", expense(budget, written(before, currency)))
        body = expense(budget, written(after, currency))
        del body["budgetId"]
        changed = await shared.send(ann, "PUT", f"/expenses/{made['id']}", body)
        assert changed.json()["amount"] == written(after, currency)
    amounts = [after for _, after in changes]
    body = {key: budget[key] for key in ("name", "currency", "period", "startsOn")}
    body["limit"] = written(amounts[0], currency)
    changed = await shared.send(ann, "PUT", f"/budgets/{budget['id']}", body)
    assert changed.json()["limit"] == body["limit"]
    await assert_shown(shared, ann, changed.json(), amounts)


@brief
@given(sums())
async def test_a_file_goes_out_and_in_without_losing_a_cent(
    shared: World, ann: Account, case: tuple[str, list[int]]
) -> None:
    currency, amounts = case
    first = await budget_of(shared, ann, currency, amounts[0])
    rows = [expense(first, sent(amount, currency)[-1]) for amount in amounts]
    lines = "\n".join(map(json.dumps, rows)).encode()
    report = await imported(shared, ann, first, "application/x-ndjson", lines)
    assert report["created"] == len(amounts), report
    second = await budget_of(shared, ann, currency, amounts[0])
    file = await exported(shared, ann, first)
    report = await imported(shared, ann, second, "text/csv", file)
    assert report["created"] == len(amounts), report
    await assert_shown(shared, ann, first, amounts)
    await assert_shown(shared, ann, second, amounts)


@brief
@given(st.lists(st.tuples(sums(), st.booleans()), min_size=1, max_size=3))
async def test_a_balance_is_the_exact_sum_of_its_rows(
    shared: World, cases: list[tuple[tuple[str, list[int]], bool]]
) -> None:
    bob = await shared.account()
    totals: dict[str, list[int]] = {}
    for (currency, amounts), credit in cases:
        for amount in amounts:
            body = {
                "kind": "credit" if credit else "debit",
                "amount": sent(amount, currency)[-1],
                "currency": currency,
                "description": "Coin",
            }
            row = await shared.made(bob, "/transactions", body)
            assert row["amount"] == written(amount, currency)
            assert await got(shared, bob, f"/transactions/{row['id']}") == row
            totals.setdefault(currency, [0, 0])[credit] += amount
    balance = {
        currency: {
            "credit": written(credit, currency),
            "debit": written(debit, currency),
            "balance": written(credit - debit, currency),
        }
        for currency, (debit, credit) in totals.items()
    }
    told = (await got(shared, bob, "/transactions/balance"))["items"]
    assert {entry.pop("currency"): entry for entry in told} == balance
    theirs = Where("owner_id", "eq", bob.id)
    kept = await every(shared.platform, "transaction", AccountBalance, theirs)
    assert {sums.currency.value: (str(sums.credit), str(sums.debit)) for sums in kept.values()} == {
        currency: (entry["credit"], entry["debit"]) for currency, entry in balance.items()
    }
    rows = (await got(shared, bob, "/transactions?pageSize=200"))["items"]
    for row in rows:
        await shared.made(bob, f"/transactions/{row['id']}/reversal")
    told = (await got(shared, bob, "/transactions/balance"))["items"]
    assert all(Decimal(entry["balance"]) == 0 for entry in told)
    assert {entry["currency"]: entry["credit"] for entry in told} == {
        currency: written(sum(both), currency) for currency, both in totals.items()
    }


@brief
@given(order_lines())
async def test_an_order_costs_what_its_lines_do_and_is_paid_to_the_cent(
    shared: World, mae: Account, case: tuple[str, list[tuple[int, int]]]
) -> None:
    currency, lines = case
    customer = await shared.made(mae, "/customers", {"name": "Ada", "email": "ada@example.com"})

    def order(lines: list[tuple[int, int]]) -> Json:
        said = [
            {"product": "Pen", "quantity": quantity, "unitPrice": written(price, currency)}
            for quantity, price in lines
        ]
        return {"customerId": customer["id"], "currency": currency, "lines": said}

    made = await shared.made(mae, "/orders", order([(1, 1)]))
    answer = await shared.send(mae, "PUT", f"/orders/{made['id']}", order(lines))
    total = written(sum(quantity * price for quantity, price in lines), currency)
    if Decimal(total) >= MOST:
        assert (answer.status_code, answer.json()["code"]) == (422, "amount-too-large")
        return
    assert answer.json()["total"] == total
    kept = await every(shared.platform, "order", Order, Where("id", "eq", made["id"]))
    assert str(kept[made["id"]].total) == total
    for status in ("confirmed", "paid"):
        await shared.made(mae, f"/orders/{made['id']}/status", {"status": status})
    assert await shared.platform.drained()
    rows = (await got(shared, mae, f"/transactions?orderId={made['id']}"))["items"]
    assert [(row["amount"], row["currency"]) for row in rows] == [(total, currency)] * (
        Decimal(total) > 0
    )
