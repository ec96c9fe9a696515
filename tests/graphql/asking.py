"""REST's requests as GraphQL asks them, and GraphQL's answers as REST gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import httpx
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from generated.graphql import BINDINGS, schema
from generated.values import ARGUMENTS
from tests.access.requests import PLACES
from tests.rest.world import Account, World

RESPONSE_JSON = "application/graphql-response+json"


@cache
def core() -> GraphQLSchema:
    """The schema, as graphql-core has it."""
    return schema()._schema


@dataclass(frozen=True, slots=True)
class Root:
    """A field at a root, and the document that asks for all that it can give."""

    kind: str
    name: str
    field: GraphQLField
    document: str

    @property
    def key(self) -> str:
        """Its name in BINDINGS."""
        return f"{self.kind.title()}.{self.name}"


def _roots() -> dict[str, Root]:
    """Operation → its field; of a list the one that gives the page, as REST does."""
    found: dict[str, Root] = {}
    for key, binding in BINDINGS.items():
        owner, _, name = key.partition(".")
        if owner in ("Query", "Mutation") and binding.gives in ("result", "page"):
            kind = owner.lower()
            type = core().type_map[owner]
            assert isinstance(type, GraphQLObjectType)
            field = type.fields[name]
            found[binding.operation.id] = Root(kind, name, field, document(kind, name, field))
    return found


def document(kind: str, name: str, field: GraphQLField) -> str:
    """A document with every argument as a variable, and every field of the answer."""
    declared = ", ".join(f"${arg}: {each.type}" for arg, each in field.args.items())
    given = ", ".join(f"{arg}: ${arg}" for arg in field.args)
    head = f"{kind} Ask({declared})" if declared else f"{kind} Ask"
    return f"{head} {{ {name}{f'({given})' if given else ''}{selected(field.type)} }}"


def selected(type: Any) -> str:
    """All that is in the type, but what another operation would have to give."""
    named = get_named_type(type)
    if not isinstance(named, GraphQLObjectType):
        return ""
    fields = (
        name + selected(each.type)
        for name, each in named.fields.items()
        if f"{named.name}.{name}" not in BINDINGS
    )
    return f" {{ {' '.join(fields)} }}"


ROOTS = _roots()


def variables(operation: str, path: str, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """What REST's request says, as GraphQL's variables."""
    root = ROOTS[operation]
    targets = {target: argument for argument, target in BINDINGS[root.key].arguments}
    place = PLACES[operation]
    bare, _, query = path.partition("?")
    shape = "^" + re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]*)", re.escape(place.path)) + "$"
    matched = re.match(shape, bare)
    assert matched, (bare, place.path)
    said: dict[str, Any] = {f"path:{name}": value for name, value in matched.groupdict().items()}
    said |= {f"query:{name}": value for name, value in parse_qsl(query, keep_blank_values=True)}
    given: dict[str, Any] = {}
    for name, value in said.items():
        target = ARGUMENTS[operation][name][0]
        argument = targets[target]
        given[argument] = _typed(root.field.args[argument].type, value)
    if body is not None and "body" in targets:
        argument = targets["body"]
        given[argument] = as_input(root.field.args[argument].type, body)
    if "If-Match" in headers:
        given["version"] = int(headers["If-Match"].strip('"'))
    if "Idempotency-Key" in headers:
        given["idempotencyKey"] = headers["Idempotency-Key"]
    return given


def _typed(type: Any, text: str) -> Any:
    """A parameter's text as JSON has it, where it is right; else the text."""
    named = get_named_type(type)
    if named.name == "Int" and re.fullmatch(r"-?[0-9]{1,9}", text):
        return int(text)
    if named.name == "Boolean" and text in ("true", "false"):
        return text == "true"
    return as_input(type, text)


def as_input(type: Any, value: Any) -> Any:
    """REST's JSON with enum values as GraphQL names them."""
    if is_non_null_type(type):
        type = type.of_type
    if is_list_type(type):
        if isinstance(value, list):
            return [as_input(type.of_type, item) for item in value]
        return value
    if isinstance(type, GraphQLEnumType) and isinstance(value, str):
        return next((name for name, each in type.values.items() if each.value == value), value)
    if isinstance(type, GraphQLInputObjectType) and isinstance(value, dict):
        return {
            name: as_input(type.fields[name].type, item) if name in type.fields else item
            for name, item in value.items()
        }
    return value


def as_rest(type: Any, value: Any) -> Any:
    """GraphQL's data with enum values as REST has them."""
    if is_non_null_type(type):
        type = type.of_type
    if value is None:
        return None
    if is_list_type(type):
        return [as_rest(type.of_type, item) for item in value]
    if isinstance(type, GraphQLEnumType):
        return type.values[value].value
    if isinstance(type, GraphQLObjectType):
        return {name: as_rest(type.fields[name].type, item) for name, item in value.items()}
    return value


async def ask(
    world: World,
    caller: Account | None,
    query: str,
    variables: Mapping[str, Any] | None = None,
    **headers: str,
) -> httpx.Response:
    """One request by GraphQL."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await world.http.post(
        "/api/graphql",
        json={"query": query, "variables": variables},
        headers={"Accept": RESPONSE_JSON} | (caller.headers if caller else {}) | sent,
    )


async def told(
    world: World, caller: Account | None, query: str, variables: Mapping[str, Any] | None = None
) -> Any:
    """The data of an answer without errors."""
    answer = await ask(world, caller, query, variables)
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert "errors" not in body, answer.text
    return body["data"]


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem of an answer's first error, as REST has it."""
    found: dict[str, Any] = answer.json()["errors"][0]["extensions"]["problem"]
    return found
