"""`graphql_examples.json`: a document and variables a field, of the contract's examples."""

from __future__ import annotations

import json
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    build_ast_schema,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from compiler import naming
from compiler.ir import Contract, GraphField, Operation, Type

# Fields of fields: enough to see what there is, and short enough to be read.
_DEPTH = 3


def emit(contract: Contract) -> dict[str, str]:
    """`graphql_examples.json`, where there is an SDL."""
    if contract.graphql is None:
        return {}
    schema = build_ast_schema(contract.graphql)
    rows = [
        _example(contract, schema, operation, row)
        for operation in contract.operations
        for row in operation.graphql
        if not row.owner
    ]
    rows.sort(key=lambda row: (row["service"], row["name"]))
    return {"graphql_examples.json": json.dumps(rows, ensure_ascii=False, indent=1) + "\n"}


def _example(
    contract: Contract, schema: GraphQLSchema, operation: Operation, row: GraphField
) -> dict[str, Any]:
    root = next(t for t in _roots(schema) if t.name.lower() == row.root)
    field = root.fields[row.name]
    samples = _samples(contract, operation)
    targets = dict(row.arguments)
    variables: dict[str, Any] = {}
    for name, argument in field.args.items():
        sample = samples.get(targets.get(name, ""))
        if is_non_null_type(argument.type) and sample is not None:
            variables[name] = _as_input(argument.type, sample)
    declared = ", ".join(f"${name}: {field.args[name].type}" for name in variables)
    given = ", ".join(f"{name}: ${name}" for name in variables)
    head = f"{row.root} {naming.pascal(row.name)}" + (f"({declared})" if declared else "")
    body = row.name + (f"({given})" if given else "") + _selected(field, "  ", 1)
    return {
        "service": operation.service,
        "name": row.name,
        "operation": operation.id,
        "summary": operation.summary,
        "query": f"{head} {{\n  {body}\n}}",
        "variables": variables,
    }


def _roots(schema: GraphQLSchema) -> list[GraphQLObjectType]:
    return [t for t in (schema.query_type, schema.mutation_type, schema.subscription_type) if t]


def _selected(field: GraphQLField, indent: str, depth: int) -> str:
    named = get_named_type(field.type)
    if not isinstance(named, GraphQLObjectType):
        return ""
    inner = indent + "  "
    lines = []
    for name, each in named.fields.items():
        if each.args:
            continue
        deep = isinstance(get_named_type(each.type), GraphQLObjectType)
        if not deep or depth < _DEPTH:
            lines.append(f"{inner}{name}{_selected(each, inner, depth + 1)}")
    return " {\n" + "\n".join(lines) + f"\n{indent}}}"


def _samples(contract: Contract, operation: Operation) -> dict[str, Any]:
    """What the contract shows, by the handler's arguments."""
    rest = operation.rest
    if rest is None:
        return {}
    found = {p.python: _sample(contract, p.type, p.name) for p in rest.parameters}
    if rest.body:
        found["body"] = _sample(contract, rest.body.content[0].type, "")
    return found


def _sample(contract: Contract, type: Type, name: str) -> Any:
    """A schema's example; else one made of its fields'."""
    while type.kind == "ref" and type.ref:
        schema = contract.schema(type.ref)
        if isinstance(schema.raw, dict) and "example" in schema.raw:
            return schema.raw["example"]
        type = schema.type
    if type.enum:
        return type.enum[0]
    if type.kind == "object":
        return {f.name: _sample(contract, f.type, f.name) for f in type.fields if f.required}
    if type.kind == "array" and type.item:
        return [_sample(contract, type.item, name)]
    if type.kind in ("integer", "number"):
        return type.bounds.minimum or 1
    if type.kind == "boolean":
        return True
    return name or "example"


def _as_input(type: Any, value: Any) -> Any:
    """REST's JSON with enum values as GraphQL names them."""
    if is_non_null_type(type):
        type = type.of_type
    if is_list_type(type):
        return [_as_input(type.of_type, item) for item in value]
    if isinstance(type, GraphQLEnumType):
        return naming.constant(str(value))
    if isinstance(type, GraphQLInputObjectType):
        return {
            name: _as_input(type.fields[name].type, item)
            for name, item in value.items()
            if name in type.fields
        }
    return value
