"""What is wrong with variables, as REST says it: the same codes, and the same pointers.

graphql-core refuses what does not fit the schema, in words of its own; the operation's readers say
what does not fit the contract, and where. They are shown the values as they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    Undefined,
    is_list_type,
    is_non_null_type,
    value_from_ast_untyped,
)

from runtime.graphql.documents import Refused
from runtime.graphql.plan import Operated, Plan
from runtime.graphql.resolve import Resolver
from runtime.problem import InputError, InvalidInput, MalformedRequest, Problem


async def explain(
    plan: Plan, resolver: Resolver, given: Mapping[str, Any], errors: list[GraphQLError]
) -> Refused:
    """The refusal of a request whose variables do not fit: of a stranger, that it is one."""
    faults: list[InputError] = []
    problem: Problem | None = None
    for each in plan.selection.fields:
        if not isinstance(each, Operated):
            continue
        try:
            call = await resolver.admitted(each.bound)
        except Problem as refused:
            return Refused(refused, [GraphQLError(refused.detail, each.nodes)])
        try:
            each.bound.inputs.read(call, _values(each, given))
        except InvalidInput as invalid:
            faults += invalid.errors
        except MalformedRequest as malformed:
            # A body that is required and not there.
            problem = malformed
    if problem is None or faults:
        problem = InvalidInput("The variables do not fit.", errors=faults)
    return Refused(problem, errors)


def _values(each: Operated, given: Mapping[str, Any]) -> dict[str, Any]:
    """The field's arguments by the handler's names, as they came."""
    node: FieldNode = each.nodes[0]
    targets = dict(each.bound.binding.arguments)
    values: dict[str, Any] = {}
    for argument in node.arguments or ():
        name = argument.name.value
        raw = value_from_ast_untyped(argument.value, dict(given))
        if raw is not Undefined and name in targets:
            values[targets[name]] = _as_on_rest(raw, each.definition.args[name].type)
    return values


def _as_on_rest(value: Any, type: Any) -> Any:
    """A value with what GraphQL names otherwise renamed: enum values. All else stays as it is."""
    if is_non_null_type(type):
        type = type.of_type
    if is_list_type(type):
        if isinstance(value, list):
            return [_as_on_rest(item, type.of_type) for item in value]
        return value
    if isinstance(type, GraphQLEnumType) and isinstance(value, str):
        known = type.values.get(value)
        return value if known is None else known.value
    if isinstance(type, GraphQLInputObjectType) and isinstance(value, dict):
        return {
            name: _as_on_rest(item, type.fields[name].type) if name in type.fields else item
            for name, item in value.items()
        }
    return value
