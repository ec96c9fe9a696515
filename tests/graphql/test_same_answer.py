"""GraphQL gives what REST gives: the same values, the same refusals with the same pointers."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLField, get_named_type

from generated.operations import OPERATIONS, ROLES
from tests.access.requests import PLACES, Things, body_of, path_of
from tests.access.test_matrix import Cast, sign_in_again
from tests.graphql.asking import ROOTS, as_rest, ask, problem, variables
from tests.rest.world import World

pytestmark = pytest.mark.anyio

_ID = re.compile(r"\b([a-z]{3})_[0-7][0-9a-hjkmnp-tv-z]{25}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T[0-9:.]+Z")
# What one of its own runs has to do with, and what moves by itself.
_OWN = {"nextPageToken", "lastSeenAt", "version", "progress", "status", "attempts", "result"}


@pytest.fixture
async def cast(tmp_path: Path) -> AsyncIterator[Cast]:
    """Nine kinds of callers."""
    world = World(tmp_path)
    await world.open()
    cast = Cast(world)
    await cast.assemble()
    yield cast
    await world.close()


def caller_of(operation: str) -> str:
    """Who may call it on the owner's things."""
    if OPERATIONS[operation].id in ("setUserRole", "reindexSearch", "listUsers", "getUser"):
        return "admin"
    scope = OPERATIONS[operation].scope
    return "owner" if scope is None or scope in ROLES["user"] else "admin"


def alike(value: Any) -> Any:
    """Without what differs from one thing to the next."""
    if isinstance(value, dict):
        return {name: None if name in _OWN else alike(item) for name, item in value.items()}
    if isinstance(value, list):
        return [alike(item) for item in value]
    if isinstance(value, str):
        return _TIME.sub("*", _ID.sub(r"\1_*", value))
    return value


async def by_rest(cast: Cast, operation: str, things: Things, body: Any, path: str) -> Any:
    account = cast.accounts[caller_of(operation)]
    return await cast.world.send(account, PLACES[operation].method, path, body)


@pytest.mark.parametrize("operation", sorted(ROOTS.keys() - {"deleteAccount"}))
async def test_a_valid_call_gives_the_same_value(cast: Cast, operation: str) -> None:
    root = ROOTS[operation]
    things = await cast.things()
    assert await cast.world.platform.drained()
    path, body = path_of(operation, things), body_of(operation, things)
    rest: Any = None
    if root.kind == "mutation":
        rest = await by_rest(cast, operation, things, body, path)
        await sign_in_again(cast)
        things = await cast.things()
        path, body = path_of(operation, things), body_of(operation, things)
    account = cast.accounts[caller_of(operation)]
    answer = await ask(cast.world, account, root.document, variables(operation, path, body, {}))
    if root.kind == "query":
        rest = await by_rest(cast, operation, things, body, path)
    if rest.is_success:
        told = answer.json()
        assert "errors" not in told, answer.text
        wanted = rest.json() if rest.content else True
        given = as_rest(root.field.type, told["data"][root.name])
        if operation == "inviteToBudget":
            wanted = True
        assert alike(given) == alike(wanted)
        return
    refused = rest.json()
    assert problem(answer)["code"] == refused["code"], answer.text


async def test_an_account_deletes_itself(cast: Cast) -> None:
    account = cast.accounts["other"]
    answer = await ask(cast.world, account, ROOTS["deleteAccount"].document)
    assert answer.json() == {"data": {"deleteAccount": True}}
    gone = await cast.world.send(account, "GET", "/auth/me")
    assert gone.status_code == 401


# Pieces of JSON that fit hardly anywhere.
_JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    "",
    "x" * 3000,
    [],
    {},
    "\u0000",
    "0.001",
    "2026-02-30",
)


def spoilt(body: Any) -> list[Any]:
    """The body with one thing wrong in each, and with all of it wrong."""
    if not isinstance(body, dict):
        return []
    found: list[Any] = [{}]
    for name in body:
        found.append({key: value for key, value in body.items() if key != name})
        found += [{**body, name: junk} for junk in _JUNK]
    found.append({**body, "nobodyKnows": 1})
    found.append(dict.fromkeys(body, -1))
    return found


@pytest.mark.parametrize("operation", sorted(ROOTS.keys() - {"deleteAccount"}))
async def test_an_invalid_call_is_refused_with_the_same_code_and_pointers(
    cast: Cast, operation: str
) -> None:
    root = ROOTS[operation]
    things = await cast.things()
    path, body = path_of(operation, things), body_of(operation, things)
    account = cast.accounts[caller_of(operation)]
    tried = 0
    for wrong_path, spoiled in [*((path, each) for each in spoilt(body)), *paths(path, body)]:
        wrong = ids_as_text(root.field, spoiled)
        rest = await by_rest(cast, operation, things, wrong, wrong_path)
        if rest.status_code != 400:
            continue
        given = variables(operation, wrong_path, wrong, {})
        answer = await ask(cast.world, account, root.document, given)
        said, wanted = problem(answer), rest.json()
        case = f"{wrong_path} {json.dumps(wrong)[:300]}"
        assert said["code"] == wanted["code"], f"{case}: {answer.text}"
        assert pointers(said) == pointers(wanted), f"{case}: {answer.text}"
        tried += 1
    assert tried or "{" not in PLACES[operation].path


def ids_as_text(field: GraphQLField, body: Any) -> Any:
    """A whole number is an ID to GraphQL, as its text (3.5.5): REST is asked with the text, too."""
    argument = field.args.get("input")
    if argument is None or not isinstance(body, dict):
        return body
    fields: Any = getattr(get_named_type(argument.type), "fields", {})
    return {
        name: str(item)
        if type(item) is int and name in fields and get_named_type(fields[name].type).name == "ID"
        else item
        for name, item in body.items()
    }


def pointers(told: dict[str, Any]) -> set[tuple[str, str]]:
    """Where, and which."""
    return {(each["pointer"], each["code"]) for each in told.get("errors", ())}


def paths(path: str, body: Any) -> list[tuple[str, Any]]:
    """The request with an id of another kind, and with parameters that are none."""
    bare = path.partition("?")[0]
    found: list[tuple[str, Any]] = []
    spoiled = _ID.sub("bud_x", bare)
    if spoiled != bare:
        found.append((path.replace(bare, spoiled), body))
    return found


LISTS = sorted(op for op in ROOTS if OPERATIONS[op].listing is not None)


@pytest.mark.parametrize("operation", LISTS)
async def test_lists_refuse_the_same_parameters(cast: Cast, operation: str) -> None:
    root = ROOTS[operation]
    things = await cast.things()
    path = path_of(operation, things)
    account = cast.accounts[caller_of(operation)]
    for query in (
        "pageSize=0",
        "pageSize=201",
        "pageSize=ten",
        "pageToken=nothing",
        "pageToken=%20",
        "sort=password",
        "sort=",
    ):
        rest = await by_rest(cast, operation, things, None, f"{path}?{query}")
        assert rest.status_code == 400, query
        given = variables(operation, f"{path}?{query}", None, {})
        answer = await ask(cast.world, account, root.document, given)
        said, wanted = problem(answer), rest.json()
        assert said["code"] == wanted["code"], f"{query}: {answer.text}"
        assert pointers(said) == pointers(wanted), f"{query}: {answer.text}"
