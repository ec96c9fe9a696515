"""The same table over GraphQL: whom the contract refuses is refused, with the same code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from generated.operations import OPERATIONS
from runtime.operation import Operation
from tests.access.requests import Things, body_of, path_of
from tests.access.test_matrix import ENDING, KINDS, Cast, expected, sign_in_again, state
from tests.graphql.asking import ROOTS, ask, problem, variables
from tests.rest.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cast(tmp_path: Path) -> AsyncIterator[Cast]:
    """The platform with its nine kinds of callers."""
    world = World(tmp_path)
    await world.open()
    cast = Cast(world)
    await cast.assemble()
    yield cast
    await world.close()


async def asked(cast: Cast, operation: Operation, kind: str, things: Things) -> httpx.Response:
    """The operation's document as `kind`."""
    caller = cast.accounts.get(kind)
    if operation.id == "removeBudgetMember" and caller and kind == "editor":
        # A member ends its own membership; only the owner ends anybody's.
        things = replace(things, member=caller.id)
    path, body = path_of(operation.id, things), body_of(operation.id, things)
    given = variables(operation.id, path, body, {})
    return await ask(cast.world, caller, ROOTS[operation.id].document, given)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of the first error; of an answer without one, its status."""
    if "errors" not in answer.json():
        return answer.status_code, ""
    told = problem(answer)
    return told["status"], told["code"]


FIELDED = [operation for operation in OPERATIONS.values() if operation.id in ROOTS]


@pytest.mark.parametrize("kind", KINDS)
async def test_whom_the_contract_refuses_is_refused_and_nothing_changes(
    cast: Cast, kind: str
) -> None:
    things = await cast.things()
    before = await state(cast, things)
    wrong: list[str] = []
    for operation in FIELDED:
        wanted = expected(operation, kind)
        if wanted is None:
            continue
        got = refusal(await asked(cast, operation, kind, things))
        if got != wanted:
            wrong.append(f"{operation.id} as {kind}: {got}, the contract says {wanted}")
    assert not wrong, "\n".join(wrong)
    assert await state(cast, things) == before


@pytest.mark.parametrize("kind", KINDS)
async def test_whom_the_contract_lets_is_let(cast: Cast, kind: str) -> None:
    things = await cast.things()
    wrong: list[str] = []
    for operation in sorted(FIELDED, key=lambda o: (o.id in ENDING, o.id)):
        if expected(operation, kind) is not None or operation.id == "deleteAccount":
            continue
        if operation.id in ENDING:
            await sign_in_again(cast, kind)
            things = await cast.things()
        status, code = refusal(await asked(cast, operation, kind, things))
        refused = status in (401, 403, 404) and code not in set(operation.problems)
        if refused or status >= 500:
            wrong.append(f"{operation.id} as {kind}: {status} {code}")
    assert not wrong, "\n".join(wrong)


async def test_nested_fields_are_under_the_rules_of_their_operations(cast: Cast) -> None:
    """Orders tell a customer only to those who may read customers."""
    things = await cast.things()
    query = "query ($id: ID!) { order(id: $id) { id customer { name } } }"
    for kind, wanted in (("manager", 200), ("owner", 403), ("support", 403)):
        answer = await ask(cast.world, cast.accounts[kind], query, {"id": things.order})
        assert refusal(answer)[0] == wanted, (kind, answer.text)
    query = "query ($id: ID!) { budget(id: $id) { expenses { id } } }"
    for kind, wanted in (("viewer", 200), ("other", 404)):
        answer = await ask(cast.world, cast.accounts[kind], query, {"id": things.budget})
        assert refusal(answer)[0] == wanted, (kind, answer.text)


FORGED: tuple[Any, ...] = ("", "x", "Bearer", "null", "a.b.c", "eyJhbGciOiJub25lIn0.e30.")


@pytest.mark.parametrize("token", FORGED)
async def test_a_forged_token_is_nobodys(cast: Cast, token: str) -> None:
    answer = await ask(cast.world, None, "{ me { id } }", Authorization=f"Bearer {token}")
    assert answer.status_code == 401
    assert refusal(answer) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_revoked_session_is_nobodys_at_once(cast: Cast) -> None:
    account = cast.accounts["owner"]
    assert (await ask(cast.world, account, "{ me { id } }")).status_code == 200
    await cast.world.send(account, "POST", "/auth/logout")
    assert (await ask(cast.world, account, "{ me { id } }")).status_code == 401
