"""schema.graphql → its types and fields, validated as SDL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    Node,
    Source,
    build_ast_schema,
    get_named_type,
    parse,
    specified_scalar_types,
    validate_schema,
    value_from_ast_untyped,
)
from graphql.validation.validate import validate_sdl

from compiler.source import File, Report, Span

# `@bounds` speaks JSON Schema; a directive's arguments as plain values.
Arguments = Mapping[str, Any]
ROOTS = ("query", "mutation", "subscription")
_BOUND_NAMES = frozenset(
    (
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "format",
    )
)


@dataclass(frozen=True)
class GraphMember:
    """A field, an input field or an argument. `type` as SDL has it; `named` its innermost name."""

    name: str
    type: str
    named: str
    span: Span
    bounds: Arguments = field(default_factory=dict)
    arguments: tuple[GraphMember, ...] = ()
    default: Any = None
    has_default: bool = False
    # Of `@operation`: the operation's id, and the parent's field that is its `id`.
    operation: str | None = None
    parent: str | None = None
    doc: str = ""


@dataclass(frozen=True)
class GraphType:
    """A named type. `kind` is object, input, enum, scalar, interface or union."""

    name: str
    kind: str
    span: Span
    members: tuple[GraphMember, ...] = ()
    values: tuple[tuple[str, Span], ...] = ()
    bounds: Arguments = field(default_factory=dict)
    doc: str = ""


@dataclass(frozen=True)
class Graph:
    """What schema.graphql says. `roots`: query, mutation and subscription → the type's name."""

    file: File
    document: DocumentNode
    types: dict[str, GraphType]
    roots: dict[str, str]


def parse_graphql(file: File, report: Report) -> Graph | None:
    """The schema in `file`; None after reporting why there is none."""
    try:
        document = parse(Source(file.text, file.name))
    except GraphQLError as error:
        _relay(file, report, [error])
        return None
    except RecursionError:
        report.add(file.start, "too-deep", "nested too deeply")
        return None
    errors: Iterable[GraphQLError] = validate_sdl(document)
    schema = None
    if not errors:
        try:
            schema = build_ast_schema(document, assume_valid_sdl=True)
            errors = validate_schema(schema)
        except (GraphQLError, TypeError) as error:
            errors = [error if isinstance(error, GraphQLError) else GraphQLError(str(error))]
    if errors or schema is None:
        _relay(file, report, errors)
        return None
    return _Reader(file, schema, report).read(document)


def _relay(file: File, report: Report, errors: Iterable[GraphQLError]) -> None:
    for error in errors:
        places = [file.span(place.line, place.column) for place in error.locations or ()]
        first = places[0] if places else file.start
        also = f" (and at {', '.join(map(str, places[1:]))})" if places[1:] else ""
        code = "graphql-syntax" if error.message.startswith("Syntax Error") else "graphql-schema"
        message = error.message.removeprefix("Syntax Error: ").splitlines()[0].rstrip(".")
        report.add(first, code, f"{message}{also}")


class _Reader:
    def __init__(self, file: File, schema: GraphQLSchema, report: Report) -> None:
        self.file = file
        self.schema = schema
        self.report = report

    def read(self, document: DocumentNode) -> Graph:
        types = {
            name: self._type(type)
            for name, type in sorted(self.schema.type_map.items())
            if not name.startswith("__") and name not in specified_scalar_types
        }
        roots = {
            root: type.name
            for root in ROOTS
            if (type := getattr(self.schema, f"{root}_type")) is not None
        }
        return Graph(self.file, document, types, roots)

    def _span(self, node: Node | None) -> Span:
        if node is None or node.loc is None:
            return self.file.start
        token = node.loc.start_token
        return self.file.span(token.line, token.column)

    def _type(self, type: GraphQLNamedType) -> GraphType:
        named = getattr(type.ast_node, "name", None)
        span, doc = self._span(named), type.description or ""
        if isinstance(type, GraphQLEnumType):
            values = tuple(
                (name, self._span(value.ast_node)) for name, value in sorted(type.values.items())
            )
            return GraphType(type.name, "enum", span, values=values, doc=doc)
        if isinstance(type, GraphQLScalarType):
            return GraphType(type.name, "scalar", span, bounds=self._bounds(type.ast_node), doc=doc)
        if isinstance(type, GraphQLUnionType):
            return GraphType(type.name, "union", span, doc=doc)
        kinds = (
            (GraphQLInputObjectType, "input"),
            (GraphQLInterfaceType, "interface"),
            (GraphQLObjectType, "object"),
        )
        for cls, kind in kinds:
            if isinstance(type, cls):
                members = tuple(
                    self._member(name, member) for name, member in sorted(type.fields.items())
                )
                return GraphType(type.name, kind, span, members=members, doc=doc)
        return GraphType(type.name, "scalar", span, doc=doc)

    def _member(
        self, name: str, member: GraphQLField | GraphQLInputField | GraphQLArgument
    ) -> GraphMember:
        node = member.ast_node
        default = getattr(node, "default_value", None)
        operation = self._directive(node, "operation") or {}
        arguments: Mapping[str, GraphQLArgument] = getattr(member, "args", {})
        return GraphMember(
            name,
            str(member.type),
            get_named_type(member.type).name,
            self._span(getattr(node, "name", node)),
            bounds=self._bounds(node),
            arguments=tuple(self._member(key, arguments[key]) for key in sorted(arguments)),
            default=value_from_ast_untyped(default) if default else None,
            has_default=default is not None,
            operation=operation.get("id"),
            parent=operation.get("parent"),
            doc=member.description or "",
        )

    def _directive(self, node: Node | None, name: str) -> dict[str, Any] | None:
        for directive in getattr(node, "directives", None) or ():
            if directive.name.value == name:
                return {
                    argument.name.value: value_from_ast_untyped(argument.value)
                    for argument in directive.arguments or ()
                }
        return None

    def _bounds(self, node: Node | None) -> Arguments:
        bounds = self._directive(node, "bounds") or {}
        for name in sorted(bounds.keys() - _BOUND_NAMES):
            message = f"@bounds has no {name!r}"
            self.report.add(self._span(getattr(node, "name", node)), "unknown-bound", message)
        return {name: bounds[name] for name in sorted(bounds) if name in _BOUND_NAMES}
