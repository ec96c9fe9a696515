"""Requests that race: of those that exclude each other one wins, and none is lost or done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from generated.models import Role
from tests.durability.server import SECRET, serving
from tests.durability.truth import assert_true
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
WRITERS = 64


async def at_once(requests: Sequence[Any]) -> list[httpx.Response]:
    """The answers of requests that are all under way at the same time."""
    return list(await asyncio.gather(*requests))


def counted(answers: Sequence[httpx.Response]) -> Counter[Any]:
    """How often each success, by status, and each refusal, by code, was answered."""
    return Counter(a.status_code if a.is_success else a.json()["code"] for a in answers)


async def budget_of(world: World, who: Account) -> Json:
    """A new budget."""
    return await world.made(who, "/budgets", {"name": "Budget", "limit": "100.00"})


# --- one entity, many writers ---------------------------------------------------------------------


async def one_of(world: World, kind: str) -> tuple[Account, str, Json, Json]:
    """Who may write it, its path, the entity, and what a PUT of it says beside a name."""
    mae = await world.account(Role.MANAGER)
    if kind == "customer":
        said = {"email": "ada@example.com", "name": "Ada"}
        made = await world.made(mae, "/customers", said)
        return mae, f"/customers/{made['id']}", made, said
    made = await budget_of(world, mae)
    if kind == "budget":
        return mae, f"/budgets/{made['id']}", made, {"limit": "1"}
    said = {"amount": "1", "category": "Cash", "description": "Coin"}
    made = await world.made(mae, "/expenses", said | {"budgetId": made["id"]})
    return mae, f"/expenses/{made['id']}", made, said


@pytest.mark.parametrize("kind", ["budget", "expense", "customer"])
async def test_of_64_writers_who_saw_the_same_version_one_wins_each_round(
    world: World, kind: str
) -> None:
    who, path, entity, said = await one_of(world, kind)
    name = "description" if kind == "expense" else "name"
    for round_ in range(5):
        etag = f'"{entity["version"]}"'
        bodies = [said | {name: f"{round_} {number}"} for number in range(WRITERS)]
        answers = await at_once([world.send(who, "PUT", path, b, if_match=etag) for b in bodies])
        assert counted(answers) == {200: 1, "precondition-failed": WRITERS - 1}
        (won,) = [answer.json() for answer in answers if answer.is_success]
        assert won["version"] == entity["version"] + 1
        shown = path.replace("/expenses", f"/budgets/{entity.get('budgetId')}/expenses")
        entity = (await world.send(who, "GET", shown)).json()
        assert entity == won


async def test_of_64_writers_without_a_condition_none_is_lost(world: World) -> None:
    ann = await world.account()
    budget = await budget_of(world, ann)
    path = f"/budgets/{budget['id']}"
    answers = await at_once(
        [world.send(ann, "PUT", path, {"name": f"Name {n}", "limit": "1"}) for n in range(WRITERS)]
    )
    assert counted(answers) == {200: WRITERS}
    versions = [answer.json()["version"] for answer in answers]
    assert sorted(versions) == list(range(2, WRITERS + 2))
    last = max((answer.json() for answer in answers), key=lambda each: each["version"])
    assert (await world.send(ann, "GET", path)).json() == last


async def test_a_rename_keeps_what_is_counted_meanwhile(world: World) -> None:
    ann = await world.account()
    budget = await budget_of(world, ann)
    spend = {"budgetId": budget["id"], "description": "Coin", "amount": "0.01", "category": "Cash"}
    rename = {"name": "Renamed", "limit": "9.99"}
    both = [
        world.send(ann, "PUT", f"/budgets/{budget['id']}", rename)
        if number % 2
        else world.send(ann, "POST", "/expenses", spend)
        for number in range(WRITERS)
    ]
    assert counted(await at_once(both)) == {200: WRITERS // 2, 201: WRITERS // 2}
    state = await assert_true(world.platform)
    kept = state.budgets[budget["id"]]
    assert (kept.name, kept.spent) == ("Renamed", Decimal("0.32"))


async def test_of_one_external_id_entered_by_many_one_expense_is_made(world: World) -> None:
    ann = await world.account()
    budget = await budget_of(world, ann)
    body = {"budgetId": budget["id"], "description": "Coin", "amount": "1", "category": "Cash"}
    body["externalId"] = "bank-1"
    answers = await at_once([world.send(ann, "POST", "/expenses", body) for _ in range(WRITERS)])
    assert counted(answers) == {201: 1, "external-id-taken": WRITERS - 1}
    state = await assert_true(world.platform)
    assert len(state.expenses) == 1


# --- one key, many requests -----------------------------------------------------------------------


@pytest.fixture
async def over_socket(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Account]]:
    """A client of a server that is a process of its own."""
    world = World(tmp_path, jwt_secret=SECRET)
    await world.open()
    ann = await world.account()
    await world.close()
    async with serving(tmp_path) as server, server.client() as http:
        yield http, ann


async def assert_one_effect(http: httpx.AsyncClient, who: Account) -> None:
    """The same key a hundred times at once, and again: one row, one answer."""
    body = {"kind": "credit", "amount": "1.00", "description": "Once"}
    headers = who.headers | {"Idempotency-Key": "one-key"}

    async def attempt() -> httpx.Response:
        return await http.post("/api/transactions", json=body, headers=headers)

    answers = await at_once([attempt() for _ in range(100)])
    assert counted(answers).keys() <= {201, "request-in-progress"}
    answers += await at_once([attempt() for _ in range(3)])
    made = {answer.json()["id"] for answer in answers if answer.is_success}
    assert len(made) == 1
    assert answers[-1].status_code == 201
    rows = await http.get("/api/transactions", headers=who.headers)
    assert [row["id"] for row in rows.json()["items"]] == list(made)
    balance = await http.get("/api/transactions/balance", headers=who.headers)
    assert balance.json()["items"][0]["credit"] == "1.00"


async def test_one_key_a_hundred_times_at_once_has_one_effect(world: World) -> None:
    await assert_one_effect(world.http, await world.account())


async def test_one_key_a_hundred_times_at_once_has_one_effect_over_sockets(
    over_socket: tuple[httpx.AsyncClient, Account],
) -> None:
    await assert_one_effect(*over_socket)


async def test_one_key_with_other_bodies_at_once_is_one_of_them(world: World) -> None:
    ann = await world.account()
    bodies = [{"name": f"Budget {number}", "limit": "1"} for number in range(WRITERS)]
    answers = await at_once(
        [world.send(ann, "POST", "/budgets", body, idempotency_key="k") for body in bodies]
    )
    told = counted(answers)
    assert told.pop(201) == 1
    assert told.keys() <= {"request-in-progress", "idempotency-key-reused"}
    assert len((await world.send(ann, "GET", "/budgets")).json()["items"]) == 1


async def test_the_keys_of_two_callers_are_two(world: World) -> None:
    people = [await world.account() for _ in range(8)]
    body = {"name": "Budget", "limit": "1"}
    answers = await at_once(
        [world.send(who, "POST", "/budgets", body, idempotency_key="k") for who in people]
    )
    assert counted(answers) == {201: len(people)}
    assert len({answer.json()["id"] for answer in answers}) == len(people)


async def test_a_file_sent_twice_at_once_under_one_key_is_entered_once(world: World) -> None:
    ann = await world.account()
    budget = await budget_of(world, ann)
    path = f"/api/expenses/import?budgetId={budget['id']}"
    headers = ann.headers | {"Content-Type": "text/csv", "Idempotency-Key": "file"}
    file = "description,category,amount\n" + "Coin,Cash,0.01\n" * 700

    async def attempt(content: str) -> httpx.Response:
        return await world.http.post(path, content=content, headers=headers)

    answers = await at_once([attempt(file) for _ in range(8)])
    assert counted(answers).keys() <= {207, "request-in-progress"}
    assert (await attempt(file)).json()["created"] == 700
    other = await attempt(file + "Coin,Cash,0.01\n")
    assert counted([other]) == {"idempotency-key-reused": 1}
    state = await assert_true(world.platform)
    assert len(state.expenses) == 700


async def test_a_delete_that_is_repeated_is_answered_as_the_first_was(world: World) -> None:
    ann, bob = await world.account(), await world.account()
    budget = await budget_of(world, ann)
    path = f"/budgets/{budget['id']}"
    answers = await at_once(
        [world.send(ann, "DELETE", path, idempotency_key="gone") for _ in range(8)]
    )
    assert counted(answers).keys() <= {204, "request-in-progress"}
    again = await world.send(ann, "DELETE", path, idempotency_key="gone")
    assert again.status_code == 204
    for who, key in ((ann, "other"), (bob, "gone")):
        assert counted([await world.send(who, "DELETE", path, idempotency_key=key)]) == {
            "not-found": 1
        }


# --- states that many want to change --------------------------------------------------------------


async def test_an_order_takes_each_step_once(world: World) -> None:
    mae = await world.account(Role.MANAGER)
    customer = await world.made(mae, "/customers", {"name": "Ada", "email": "ada@example.com"})
    lines = [{"product": "Pen", "quantity": 3, "unitPrice": "0.35"}]
    body = {"customerId": customer["id"], "lines": lines}
    order = await world.made(mae, "/orders", body)
    path = f"/orders/{order['id']}"
    for step in ("confirmed", "paid"):
        answers = await at_once(
            [world.send(mae, "POST", f"{path}/status", {"status": step}) for _ in range(WRITERS)]
        )
        assert counted(answers) == {200: 1, "order-state": WRITERS - 1}
    ends = [
        world.send(mae, "POST", f"{path}/cancel")
        if number % 2
        else world.send(mae, "POST", f"{path}/status", {"status": "shipped"})
        for number in range(WRITERS)
    ]
    assert counted(await at_once(ends)) == {200: 1, "order-state": WRITERS - 1}
    state = await assert_true(world.platform)  # one credit, and one reversal if it was cancelled
    assert len(state.transactions) == 1 + (state.orders[order["id"]].status == "cancelled")


async def test_a_row_is_reversed_once(world: World) -> None:
    ann = await world.account()
    body = {"kind": "credit", "amount": "5.00", "description": "Row"}
    row = await world.made(ann, "/transactions", body)
    path = f"/transactions/{row['id']}/reversal"
    answers = await at_once([world.send(ann, "POST", path) for _ in range(WRITERS)])
    assert counted(answers) == {201: 1, "already-reversed": WRITERS - 1}
    state = await assert_true(world.platform)
    assert len(state.transactions) == 2


async def test_thresholds_that_many_reach_at_once_are_told_once(world: World) -> None:
    ann = await world.account()
    budget = await budget_of(world, ann)
    body = {"budgetId": budget["id"], "description": "Coin", "amount": "50.00", "category": "Cash"}
    await at_once([world.send(ann, "POST", "/expenses", body) for _ in range(WRITERS)])
    await assert_true(world.platform)
    told = (await world.send(ann, "GET", "/notifications?kind=threshold")).json()["items"]
    assert sorted(notice["title"] for notice in told) == [
        "Budget: 100 % spent",
        "Budget: 80 % spent",
    ]
