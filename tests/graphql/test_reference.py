"""What a plan gives, graphql-core gives too, by Strawberry's resolvers: data, and what failed."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_abstract_type, is_non_null_type

from generated.graphql import BINDINGS, schema
from generated.models import Role
from runtime.graphql.asked import Asker
from runtime.graphql.reference import FieldResolver
from runtime.graphql.resolve import Fields
from tests.graphql.asking import ROOTS, ask, core
from tests.rest.stock import Stock
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio

SCHEMA = schema()


async def referred(
    world: World, caller: Account, query: str, given: dict[str, Any] | None = None
) -> Any:
    """The answer by graphql-core."""
    from generated.inputs import INPUTS

    fields = Fields(world.platform.gate, BINDINGS, INPUTS)
    asker = Asker("reference", caller.access, "", "")
    result = await SCHEMA.execute(
        query, variable_values=given, context_value=FieldResolver(fields, asker)
    )
    errors = [
        {
            "path": error.path,
            "locations": [{"line": at.line, "column": at.column} for at in error.locations or ()],
            "code": getattr(error.original_error, "code", None),
        }
        for error in result.errors or ()
    ]
    return {"data": result.data, "errors": errors}


async def planned(
    world: World, caller: Account, query: str, given: dict[str, Any] | None = None
) -> Any:
    """The answer by the plan, in the reference's terms."""
    answer = (await ask(world, caller, query, given)).json()
    errors = [
        {
            "path": error.get("path"),
            "locations": error["locations"],
            "code": error["extensions"]["problem"]["code"],
        }
        for error in answer.get("errors", ())
    ]
    return {"data": answer.get("data"), "errors": errors}


async def compare(
    world: World, caller: Account, query: str, given: dict[str, Any] | None = None
) -> None:
    """Both give the same, their order included; of failures, the plan's first is the reference's.

    Where an error takes all of `data` with it, graphql-core stops at the first one it meets.
    """
    mine, theirs = (
        await planned(world, caller, query, given),
        await referred(world, caller, query, given),
    )
    assert json.dumps(mine["data"]) == json.dumps(theirs["data"]), query
    if mine["data"] is None:
        assert theirs["errors"], query
        assert all(error in mine["errors"] for error in theirs["errors"]), (query, mine, theirs)
    else:
        assert mine["errors"] == theirs["errors"], (query, mine, theirs)


@pytest.fixture
async def stock(world: World) -> Stock:
    """One of everything."""
    stock = Stock(world)
    await stock.lay_in()
    assert await world.platform.drained()
    return stock


class Scribe:
    """Writes random documents that are valid: aliases, fragments, directives, variables."""

    def __init__(self, seed: int, stock: Stock) -> None:
        self.chance = random.Random(seed)
        self.stock = stock
        self.fragments: list[str] = []
        self.variables: dict[str, tuple[str, Any]] = {}
        self._names = 0

    def document(self) -> tuple[str, dict[str, Any]]:
        query = core().query_type
        assert query is not None
        roots = [self.field(query, name) for name in self.chance.sample(self.askable(query), 3)]
        roots += ["__typename"] if self.chance.random() < 0.3 else []
        declared = ", ".join(f"${name}: {type}" for name, (type, _) in self.variables.items())
        head = f"query Q({declared})" if declared else "query Q"
        text = f"{head} {{ {' '.join(roots)} }} {' '.join(self.fragments)}"
        return text, {name: value for name, (_, value) in self.variables.items()}

    def askable(self, query: GraphQLObjectType) -> list[str]:
        return [
            name
            for name in query.fields
            if name not in ("suggestExpenses", "searchExpenses", "users", "userPage", "user")
        ]

    def name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def field(self, type: GraphQLObjectType, name: str) -> str:
        field = type.fields[name]
        alias = f"{self.name('a')}: " if self.chance.random() < 0.4 or type.name == "Query" else ""
        given = []
        for argument, definition in field.args.items():
            value = self.argument(argument, get_named_type(definition.type).name, name)
            required = is_non_null_type(definition.type)
            if value is None or not (required or self.chance.random() < 0.3):
                continue
            if self.chance.random() < 0.5:
                variable = self.name("v")
                self.variables[variable] = (str(definition.type), value)
                given.append(f"{argument}: ${variable}")
            else:
                given.append(f"{argument}: {json.dumps(value)}")
        arguments = f"({', '.join(given)})" if given else ""
        return f"{alias}{name}{arguments}{self.directive()}{self.selection(field.type)}"

    def argument(self, name: str, type: str, field: str) -> Any:
        if name == "first":
            return self.chance.choice([1, 2, 50, 0])
        ids = {"budgetId": "bud", "room": "usr", "customerId": "cus", "orderId": "ord"}
        kinds = {"budget": "bud", "expense": "exp", "customer": "cus", "order": "ord"}
        kinds |= {"transaction": "txn", "task": "tsk"}
        if type == "ID":
            kind = ids.get(name) or next(
                (kinds[each] for each in sorted(kinds, key=len) if field.startswith(each)), "bud"
            )
            if field.startswith(("expensesByBudget", "budget")):
                kind = "bud"
            if self.chance.random() < 0.2:
                return f"{kind}_{'0' * 26}"
            return self.stock.ids[kind]
        return None

    def directive(self) -> str:
        if self.chance.random() > 0.15:
            return ""
        word = self.chance.choice(["skip", "include"])
        if self.chance.random() < 0.5:
            return f" @{word}(if: {self.chance.choice(['true', 'false'])})"
        variable = self.name("v")
        self.variables[variable] = ("Boolean!", self.chance.random() < 0.5)
        return f" @{word}(if: ${variable})"

    def selection(self, type: Any) -> str:
        named = get_named_type(type)
        if not isinstance(named, GraphQLObjectType):
            return ""
        names = self.chance.sample(sorted(named.fields), min(len(named.fields), 6))
        parts = [self.field(named, name) for name in names]
        if self.chance.random() < 0.3:
            parts.append("__typename")
        if self.chance.random() < 0.4:
            parts.append(f"... on {named.name} {{ {self.plain(named)} }}")
        if self.chance.random() < 0.4:
            fragment = self.name("F")
            self.fragments.append(f"fragment {fragment} on {named.name} {{ {self.plain(named)} }}")
            parts.append(f"...{fragment}{self.directive()}")
        # A field that is always there, as an empty object is none.
        return f" {{ {self.plain(named)} {' '.join(parts)} }}"

    def plain(self, type: GraphQLObjectType) -> str:
        leaves = [
            name
            for name, field in type.fields.items()
            if not isinstance(get_named_type(field.type), GraphQLObjectType)
        ]
        return self.chance.choice(sorted(leaves)) if leaves else "__typename"


@pytest.mark.parametrize("seed", range(60))
async def test_random_documents_have_the_same_answer(stock: Stock, seed: int) -> None:
    query, given = Scribe(seed, stock).document()
    for caller in (stock.people[Role.ADMIN], stock.people[Role.USER]):
        await compare(stock.world, caller, query, given)


async def test_every_query_has_the_same_answer(stock: Stock) -> None:
    for name, root in sorted(ROOTS.items()):
        if root.kind != "query":
            continue
        caller = stock.caller(name)
        assert caller is not None
        given = {
            argument: _value(stock, name, argument)
            for argument, definition in root.field.args.items()
            if is_non_null_type(definition.type)
        }
        await compare(stock.world, caller, root.document, given)


def _value(stock: Stock, operation: str, argument: str) -> Any:
    if argument == "input":
        return {"text": "market", "fuzzy": False}
    if argument == "text":
        return "ma"
    kinds = {"getBudget": "bud", "getCustomer": "cus", "getOrder": "ord", "getTransaction": "txn"}
    kinds |= {"getTask": "tsk", "listCustomerOrders": "cus", "listChatMessages": "usr"}
    kinds |= {"getUser": "usr", "getExpense": "exp"}
    if argument == "budgetId":
        return stock.ids["bud"]
    return stock.ids[kinds.get(operation, "bud")]


@pytest.mark.parametrize(
    "query",
    [
        "{ me { id ...F } } fragment F on User { ...G name } fragment G on User { email ...H }"
        " fragment H on User { role }",
        "{ budgets { name name id } budgets { members { role } members { userId } } }",
        "{ a: me { id } b: me { id } __typename }",
        '{ budget(id: "bud_00000000000000000000000000") { id } }',
        '{ me { id } budget(id: "bud_00000000000000000000000000") { id } }',
        "{ orders { id customer { name orders: id } } orderPage { items { customer { id } } } }",
        "{ budgetPage(first: 1) { items { expenses(first: 0) { id } } nextPageToken } }",
        "{ __schema { types { name fields { name args { name defaultValue } } } } }",
        '{ __type(name: "Budget") { name } t: __type(name: "Nothing") { name } }',
        'query Q($n: String = "Budget") { __type(name: $n) { name kind } }',
        "query Q($yes: Boolean = true) { me { id @include(if: $yes) name @skip(if: $yes) } }",
        "{ budgets(first: null) { id } }",
        "{ budgets(period: MONTHLY, currency: USD) { period currency } }",
    ],
)
async def test_corners_have_the_same_answer(stock: Stock, query: str) -> None:
    await compare(stock.world, stock.people[Role.ADMIN], query)


async def test_mutations_run_in_order_and_the_first_that_fails_ends_them(stock: Stock) -> None:
    user = stock.people[Role.USER]
    query = (
        'mutation { a: createBudget(input: {name: "A", limit: "1.00"}) { name }'
        ' b: createBudget(input: {name: "", limit: "1.00"}) { name }'
        ' c: createBudget(input: {name: "C", limit: "1.00"}) { name } }'
    )
    await compare(stock.world, user, query)
    named = "{ budgets { name } }"
    names = (await ask(stock.world, user, named)).json()["data"]["budgets"]
    assert [each["name"] for each in names].count("A") == 2
    assert {"name": "C"} not in names
    await compare(stock.world, user, named)


def test_every_type_is_known_before_any_value_is() -> None:
    """What the plans stand on: there is no interface and no union."""
    for type in core().type_map.values():
        assert not is_abstract_type(type), type
