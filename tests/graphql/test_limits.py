"""Every limit holds, and what is just within it passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import get_introspection_query

from tests.graphql.asking import ask, problem
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio


async def verdict(world: World, caller: Account, query: str) -> str:
    """`""` where it was executed; else why not."""
    answer = await ask(world, caller, query)
    if answer.status_code == 200:
        assert "errors" not in answer.json(), answer.text
        return ""
    assert answer.status_code == 400
    assert problem(answer)["code"] in ("invalid-input", "malformed-request")
    return str(answer.json()["errors"][0]["message"])


async def test_a_document_may_have_so_many_tokens_characters_fields_and_definitions(
    world: World,
) -> None:
    account = await world.account()
    inside = "id name email role " * 124
    assert await verdict(world, account, f"{{ me {{ {inside} id id id }} }}") == ""
    assert "500 fields" in await verdict(world, account, f"{{ me {{ {inside} {'id ' * 4} }} }}")
    assert "2000 tokens" in await verdict(world, account, f"{{ me {{ {'id ' * 1996} }} }}")
    comment = f"{{ me {{ id }} }} #{'x' * 65_000}"
    assert await verdict(world, account, comment) == ""
    assert "65536 characters" in await verdict(world, account, comment + "x" * 600)
    fragments = " ".join(f"fragment F{at} on User {{ id }}" for at in range(50))
    spread = " ".join(f"...F{at}" for at in range(50))
    over = await verdict(world, account, f"{{ me {{ {spread} }} }} {fragments}")
    assert "50 definitions" in over


async def test_new_documents_are_counted_by_address(tmp_path: Path) -> None:
    # Six a minute.
    world = World(tmp_path, rate_limit_factor=0.02)
    await world.open()
    account = await world.account()
    for at in range(6):
        assert await verdict(world, account, f"{{ a{at}: __typename }}") == ""
    refused = await ask(world, account, "{ another: __typename }")
    assert refused.status_code == 429
    assert problem(refused)["code"] == "rate-limited"
    assert int(refused.headers["retry-after"]) > 0
    assert await verdict(world, account, "{ a0: __typename }") == ""
    await world.close()


async def test_a_document_may_have_so_many_aliases_and_roots(world: World) -> None:
    account = await world.account()
    inner = " ".join(f"a{at}: id" for at in range(30))
    assert await verdict(world, account, f"{{ me {{ {inner} }} }}") == ""
    over = await verdict(world, account, f"{{ me {{ {inner} more: id }} }}")
    assert "30 aliases" in over
    roots = " ".join(f"a{at}: __typename" for at in range(20))
    assert await verdict(world, account, f"{{ {roots} }}") == ""
    assert "20 fields at its root" in await verdict(world, account, f"{{ {roots} __typename }}")


async def test_fragments_hide_nothing_from_the_limits(world: World) -> None:
    account = await world.account()
    fragments = "fragment F0 on User { a: id }" + "".join(
        f" fragment F{at} on User {{ ...F{at - 1} ... on User {{ ...F{at - 1} }} }}"
        for at in range(1, 30)
    )
    # Doubled thirty times: a thousand million aliases.
    assert "30 aliases" in await verdict(world, account, f"{{ me {{ ...F29 }} }} {fragments}")
    roots = "fragment R on Query { " + " ".join(f"a{at}: __typename" for at in range(21)) + " }"
    assert "20 fields" in await verdict(world, account, f"{{ ...R }} {roots}")


async def test_a_document_may_have_so_many_directives(world: World) -> None:
    account = await world.account()
    within = " ".join("id @include(if: true)" for _ in range(30))
    assert await verdict(world, account, f"{{ me {{ {within} }} }}") == ""
    over = await verdict(world, account, f"{{ me {{ {within} id @skip(if: false) }} }}")
    assert "30 directives" in over


async def test_a_document_may_have_so_many_levels(world: World) -> None:
    account = await world.account()
    # The contract's own types are not so deep: introspection is, and has its own measure.
    deep = "ofType { " * 16 + "name" + " }" * 16
    over = await verdict(world, account, f"{{ __schema {{ types {{ {deep} }} }} }}")
    assert "levels of fields" in over
    assert await verdict(world, account, get_introspection_query()) == ""


async def test_what_a_document_may_ask_for_is_bounded_by_its_pages(world: World) -> None:
    account = await world.account()
    for within in (
        "{ budgets(first: 200) { expenses { id } } }",
        "{ budgets { expenses(first: 200) { id } } }",
        "{ a: budgets(first: 200) { id } b: expenses(first: 200) { id } }",
    ):
        assert await verdict(world, account, within) == ""
    for over in (
        "{ budgets(first: 200) { expenses(first: 200) { id } } }",
        "{ budgetPage(first: 200) { items { expenses(first: 100) { id } } } }",
        "query ($n: Int = 200) { budgets(first: $n) { expenses(first: $n) { id } } }",
        "{ budgets(first: 100) { a: expenses(first: 100) { id } b: expenses(first: 100) { id }}}",
    ):
        assert "20000 objects" in await verdict(world, account, over), over


async def test_the_schema_is_told_only_where_it_may_be(tmp_path: Path) -> None:
    world = World(tmp_path, graphql_introspection=False)
    await world.open()
    account = await world.account()
    for query in ("{ __schema { queryType { name } } }", '{ __type(name: "Budget") { name } }'):
        assert "introspection" in (await verdict(world, account, query)).lower()
    assert await verdict(world, account, "{ __typename me { __typename } }") == ""
    # Nor by suggestions.
    assert "Did you mean" not in await verdict(world, account, "{ budget { idd } budgetz { id } }")
    await world.close()


async def test_documents_are_remembered_within_bounds(world: World) -> None:
    account = await world.account()
    engine = await world.platform.graphql.load()
    documents = engine.documents
    query = "{ me { id } }"
    await ask(world, account, query)
    assert query in documents
    assert documents.get(query) is documents.get(query)
    for at in range(300):
        assert await verdict(world, account, f"{{ me {{ id }} }} # {at} {'x' * 3000}") == ""
    assert query not in documents
    assert len(documents) < 200
    # What is refused is not remembered.
    await ask(world, account, "{ nope }")
    assert "{ nope }" not in documents
