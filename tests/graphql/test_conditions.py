"""Idempotency keys and versions are arguments here, and mean what REST's headers mean."""

from __future__ import annotations

from typing import Any

import pytest

from tests.graphql.asking import ask, problem, told
from tests.rest.world import World

pytestmark = pytest.mark.anyio

CREATE = """
mutation ($name: String!, $key: String) {
  createBudget(input: {name: $name, limit: "5.00"}, idempotencyKey: $key) { id name version }
}
"""
UPDATE = """
mutation ($id: ID!, $version: Int) {
  updateBudget(id: $id, input: {name: "New", limit: "5.00"}, version: $version) { name version }
}
"""


async def test_a_key_that_comes_again_gives_the_same_answer_and_does_nothing(world: World) -> None:
    account = await world.account()
    first = await told(world, account, CREATE, {"name": "One", "key": "k-1"})
    assert await told(world, account, CREATE, {"name": "One", "key": "k-1"}) == first
    assert len((await told(world, account, "{ budgets { id } }"))["budgets"]) == 1
    other = await ask(world, account, CREATE, {"name": "Two", "key": "k-1"})
    assert problem(other)["code"] == "idempotency-key-reused"


async def test_a_key_holds_whatever_protocol_it_came_by(world: World) -> None:
    account = await world.account()
    body = {"name": "One", "limit": "5.00"}
    made = await world.send(account, "POST", "/budgets", body, idempotency_key="k-2")
    again = await told(world, account, CREATE, {"name": "One", "key": "k-2"})
    assert again["createBudget"]["id"] == made.json()["id"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "é"])
async def test_a_bad_key_is_refused_as_rest_refuses_it(world: World, key: str) -> None:
    answer = await ask(world, await world.account(), CREATE, {"name": "One", "key": key})
    told: Any = problem(answer)
    assert told["code"] == "invalid-input"
    assert [each["pointer"] for each in told["errors"]] == ["header:Idempotency-Key"]


async def test_a_stale_version_is_refused_and_a_fresh_one_taken(world: World) -> None:
    account = await world.account()
    id = (await told(world, account, CREATE, {"name": "One"}))["createBudget"]["id"]
    done = await told(world, account, UPDATE, {"id": id, "version": 1})
    assert done["updateBudget"] == {"name": "New", "version": 2}
    stale = await ask(world, account, UPDATE, {"id": id, "version": 1})
    assert problem(stale)["code"] == "precondition-failed"
    assert stale.json()["errors"][0]["extensions"]["code"] == "PRECONDITION_FAILED"
    wrong = await ask(world, account, UPDATE, {"id": id, "version": 0})
    assert problem(wrong)["errors"][0]["pointer"] == "header:If-Match"
