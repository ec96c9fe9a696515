"""Versions, repeats and places: ETag and If-Match, Idempotency-Key, Location."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from generated.models import Role
from tests.rest.refusals import operations
from tests.rest.stock import Stock
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio

SPEC = json.loads((Path(__file__).parents[2] / "generated" / "openapi.json").read_bytes())
BUDGET = {"name": "Household", "limit": "500.00"}


@pytest.fixture
async def owner(world: World) -> Account:
    """Whose budgets these are."""
    return await world.account()


@pytest.fixture
async def path(world: World, owner: Account) -> str:
    """A budget of the owner's, in its first version."""
    return f"/budgets/{(await world.made(owner, '/budgets', BUDGET))['id']}"


# --- If-Match -------------------------------------------------------------------------------------


async def test_the_etag_is_the_version_and_moves_with_every_change(
    world: World, owner: Account, path: str
) -> None:
    read = await world.send(owner, "GET", path)
    assert (read.headers["etag"], read.json()["version"]) == ('"1"', 1)
    changed = await world.send(owner, "PUT", path, BUDGET | {"name": "Flat"}, if_match='"1"')
    assert (changed.headers["etag"], changed.json()["version"]) == ('"2"', 2)
    assert (await world.send(owner, "GET", path)).headers["etag"] == '"2"'


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("tag", ['"2"', 'W/"1"', '"0"', '"9999999999"'])
async def test_a_stale_weak_or_foreign_tag_is_a_412_and_changes_nothing(
    world: World, owner: Account, path: str, method: str, tag: str
) -> None:
    body = BUDGET | {"name": "Lost"} if method == "PUT" else None
    answer = await world.send(owner, method, path, body, if_match=tag)
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition-failed")
    kept = (await world.send(owner, "GET", path)).json()
    assert (kept["name"], kept["version"]) == ("Household", 1)


@pytest.mark.parametrize("tag", ["*", '"1"'])
async def test_any_version_or_the_right_one_lets_the_change_through(
    world: World, owner: Account, path: str, tag: str
) -> None:
    assert (await world.send(owner, "DELETE", path, if_match=tag)).status_code == 204
    assert (await world.send(owner, "GET", path)).status_code == 404


@pytest.mark.parametrize("tag", ["1", '"1', '""', '"1", "2"', '"x"', "W/1", "**", '"1"junk'])
async def test_a_tag_that_is_none_is_a_400_that_names_the_header(
    world: World, owner: Account, path: str, tag: str
) -> None:
    answer = await world.send(owner, "DELETE", path, if_match=tag)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["header:If-Match"]


# --- Idempotency-Key ------------------------------------------------------------------------------


async def _budgets(world: World, owner: Account) -> int:
    return len((await world.send(owner, "GET", "/budgets?pageSize=200")).json()["items"])


async def test_a_repeated_key_gets_the_first_answer_again(world: World, owner: Account) -> None:
    first, again = [
        await world.send(owner, "POST", "/budgets", BUDGET, idempotency_key="once")
        for _ in range(2)
    ]
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert {name: first.headers[name] for name in ("etag", "location")} == {
        name: again.headers[name] for name in ("etag", "location")
    }
    assert await _budgets(world, owner) == 1


async def test_a_repeated_key_gets_the_first_answer_after_a_change_too(
    world: World, owner: Account
) -> None:
    first = await world.send(owner, "POST", "/budgets", BUDGET, idempotency_key="once")
    path = f"/budgets/{first.json()['id']}"
    await world.send(owner, "PUT", path, BUDGET | {"name": "Changed"})
    again = await world.send(owner, "POST", "/budgets", BUDGET, idempotency_key="once")
    assert again.content == first.content


@pytest.mark.parametrize("other", [{"name": "Other"}, {"limit": "500.01"}, {"period": "weekly"}])
async def test_a_key_with_another_body_is_a_422(
    world: World, owner: Account, other: dict[str, str]
) -> None:
    await world.send(owner, "POST", "/budgets", BUDGET, idempotency_key="once")
    answer = await world.send(owner, "POST", "/budgets", BUDGET | other, idempotency_key="once")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")
    assert await _budgets(world, owner) == 1


async def test_a_key_with_another_operation_is_a_422(
    world: World, owner: Account, path: str
) -> None:
    await world.send(owner, "POST", "/budgets", BUDGET, idempotency_key="once")
    answer = await world.send(owner, "DELETE", path, idempotency_key="once")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")


async def test_a_key_is_its_callers_own(world: World, owner: Account) -> None:
    other = await world.account()
    made = [
        await world.send(caller, "POST", "/budgets", BUDGET, idempotency_key="once")
        for caller in (owner, other)
    ]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json()["id"] != made[1].json()["id"]


async def test_a_refused_request_leaves_its_key_free(world: World, owner: Account) -> None:
    wrong = BUDGET | {"limit": "1.001"}
    refused = await world.send(owner, "POST", "/budgets", wrong, idempotency_key="once")
    assert refused.status_code == 422
    made = await world.send(owner, "POST", "/budgets", BUDGET, idempotency_key="once")
    assert made.status_code == 201


async def test_a_deletion_repeated_by_its_key_is_done_once_and_answered_twice(
    world: World, owner: Account, path: str
) -> None:
    twice = [await world.send(owner, "DELETE", path, idempotency_key="gone") for _ in range(2)]
    assert [answer.status_code for answer in twice] == [204, 204]


async def test_a_key_100_times_at_once_has_one_effect(world: World, owner: Account) -> None:
    answers = await asyncio.gather(
        *(world.send(owner, "POST", "/budgets", BUDGET, idempotency_key="race") for _ in range(100))
    )
    told = Counter(answer.status_code for answer in answers)
    assert set(told) <= {201, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"request-in-progress"}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert await _budgets(world, owner) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 129, "ключ", "\x7f"])
async def test_a_key_that_is_none_is_a_400_that_names_the_header(
    world: World, owner: Account, key: str
) -> None:
    answer = await world.http.post(
        "/api/budgets",
        json=BUDGET,
        headers=[
            (b"authorization", owner.headers["Authorization"].encode()),
            (b"idempotency-key", key.encode()),
        ],
    )
    assert answer.status_code == 400, key
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == ["header:Idempotency-Key"]


# --- Location -------------------------------------------------------------------------------------


async def test_what_was_made_is_read_where_location_says(world: World) -> None:
    stock = Stock(world)
    await stock.lay_in()
    user, staff = stock.people[Role.USER], stock.people[Role.MANAGER]
    admin = stock.people[Role.ADMIN]
    line = {"product": "Beans", "quantity": 1, "unitPrice": "1.00"}
    promised = {
        path.removeprefix("/").split("/")[0]
        for _, path, operation in operations(SPEC)
        for answer in operation["responses"].values()
        if "Location" in answer.get("headers", {})
    }
    made: list[tuple[Account, str, dict[str, Any] | None]] = [
        (user, "/budgets", BUDGET),
        (
            user,
            "/expenses",
            {"budgetId": stock.ids["bud"], "description": "a", "amount": "1", "category": "b"},
        ),
        (staff, "/customers", {"name": "Café", "email": "cafe@example.com"}),
        (staff, "/orders", {"customerId": stock.ids["cus"], "lines": [line]}),
        (user, "/transactions", {"kind": "debit", "amount": "1.00", "description": "x"}),
        (user, f"/transactions/{stock.ids['txn']}/reversal", None),
        (user, "/tasks", {"kind": "exportExpenses", "input": {}}),
        (admin, "/search/reindex", None),
    ]
    assert promised == {path.split("/")[1] for _, path, _ in made} | {"auth"}
    for caller, path, body in made:
        answer = await world.send(caller, "POST", path, body)
        assert answer.is_success, f"{path}: {answer.text}"
        assert "location" in answer.headers, path
        found = await world.http.get(answer.headers["location"], headers=caller.headers)
        assert found.status_code == 200, f"{path}: {answer.headers['location']}"
        document = found.json()
        ids = [item["id"] for item in document.get("items", [document])]
        assert answer.json()["id"] in ids, path


async def test_a_new_account_is_read_where_location_says(world: World) -> None:
    body = {"email": "new@example.com", "password": "a new password", "name": "New"}
    made = await world.send(None, "POST", "/auth/register", body)
    token = made.json()["accessToken"]
    found = await world.http.get(
        made.headers["location"], headers={"Authorization": f"Bearer {token}"}
    )
    assert found.json() == made.json()["user"]
