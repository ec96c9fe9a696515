"""How one operation of a document is executed, worked out once.

The schema has objects and lists of known types only, so which attribute goes where, and how it is
written, is known before any value is: answering is reading attributes and filling in a text.
graphql-core stays the reference: what this gives, that gives too (tests/graphql).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from runtime.graphql.documents import Document, Refused
from runtime.graphql.resolve import NOTHING, Bound, Fields
from runtime.graphql.scalars import write_text
from runtime.problem import InvalidInput
from runtime.scalar import rfc3339

Writer = Callable[[Any], str]
_INTROSPECTION = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}
Conditions = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Field:
    """A field of an answer. `attribute` is where its value is in the object."""

    key: str
    type: GraphQLOutputType
    nodes: list[FieldNode]
    attribute: str = ""
    # Of an object or a list of them.
    selection: Selection | None = None
    # How the value is written, where nothing within it has to be loaded.
    write: Writer | None = None
    # The same as a part of a text to be filled in: the part, and what makes of the value what goes
    # in, where it does not go in as it is.
    part: str = "%s"
    fill: Writer | None = None


@dataclass(slots=True, eq=False)
class Operated(Field):
    """A field whose value an operation gives: `binding` is its name in `Fields`."""

    bound: Bound = NOTHING
    binding: str = ""
    definition: GraphQLField = field(default_factory=lambda: TypeNameMetaFieldDef)


@dataclass(slots=True, eq=False)
class Introspected(Field):
    """A field that asks for the schema; its text, once it is known and no variable changes it."""

    kept: str | None = None


@dataclass(slots=True, eq=False)
class Selection:
    """The fields of an object. `write`: the whole of it, where nothing has to be loaded."""

    type: GraphQLObjectType
    fields: list[Field]
    write: Writer | None = None


@dataclass(slots=True, eq=False)
class Plan:
    """One operation of a document, for one set of conditions."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Sequence[FragmentDefinitionNode]
    selection: Selection


def plan(
    schema: GraphQLSchema,
    fields: Fields,
    document: Document,
    operation: OperationDefinitionNode,
    conditions: Conditions,
) -> Plan:
    """The plan of `operation`. Raises Refused where a condition is neither true nor false."""
    root = schema.get_root_type(operation.operation)
    if root is None:
        raise Refused(InvalidInput("There is no such root."), [GraphQLError("no such root")])
    planner = _Planner(schema, fields, document.fragments, conditions)
    selection = planner.selection(root, [operation.selection_set])
    return Plan(schema, operation, tuple(document.fragments.values()), selection)


class _Planner:
    def __init__(
        self,
        schema: GraphQLSchema,
        fields: Fields,
        fragments: Mapping[str, FragmentDefinitionNode],
        conditions: Conditions,
    ) -> None:
        self._schema = schema
        self._fields = fields
        self._fragments = fragments
        self._conditions = conditions

    def selection(self, type: GraphQLObjectType, sets: Iterable[SelectionSetNode]) -> Selection:
        groups: dict[str, list[FieldNode]] = {}
        visited: set[str] = set()
        for each in sets:
            self._collect(type, each, groups, visited)
        fields = [self._field(type, key, nodes) for key, nodes in groups.items()]
        write = None
        writers = [
            (each, each.write)
            for each in fields
            if each.write is not None and not isinstance(each, Operated)
        ]
        if len(writers) == len(fields):
            write = _object_writer(writers)
        return Selection(type, fields, write)

    def _collect(
        self,
        type: GraphQLObjectType,
        node: SelectionSetNode,
        groups: dict[str, list[FieldNode]],
        visited: set[str],
    ) -> None:
        for each in node.selections:
            if not self._included(each.directives or ()):
                continue
            if isinstance(each, FieldNode):
                key = each.alias.value if each.alias else each.name.value
                groups.setdefault(key, []).append(each)
            elif isinstance(each, InlineFragmentNode):
                self._collect(type, each.selection_set, groups, visited)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in visited:
                # Without interfaces and unions a fragment fits, or validation has refused it.
                visited.add(each.name.value)
                fragment = self._fragments[each.name.value]
                self._collect(type, fragment.selection_set, groups, visited)

    def _included(self, directives: Sequence[DirectiveNode]) -> bool:
        for directive in directives:
            wanted = directive.name.value == "include"
            value = (directive.arguments or ())[0].value
            given: Any = None
            if isinstance(value, VariableNode):
                given = self._conditions.get(value.name.value)
            elif isinstance(value, BooleanValueNode):
                given = value.value
            if not isinstance(given, bool):
                message = f"@{directive.name.value} needs true or false."
                raise Refused(InvalidInput(message), [GraphQLError(message, directive)])
            if given is not wanted:
                return False
        return True

    def _field(self, owner: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Field:
        name = nodes[0].name.value
        if name == "__typename":
            constant = f'"{owner.name}"'
            return Field(key, owner, nodes, write=lambda _: constant)
        meta = _INTROSPECTION.get(name)
        if meta is not None:
            return Introspected(key, meta.type, nodes)
        definition = owner.fields[name]
        binding = f"{owner.name}.{name}"
        bound = self._fields.get(binding)
        if bound is None:
            found = Field(key, definition.type, nodes)
        else:
            found = Operated(
                key, definition.type, nodes, bound=bound, binding=binding, definition=definition
            )
        found.attribute = definition.extensions["strawberry-definition"].python_name
        named = get_named_type(definition.type)
        if isinstance(named, GraphQLObjectType):
            sets = [node.selection_set for node in nodes if node.selection_set is not None]
            found.selection = self.selection(named, sets)
            inner = found.selection.write
        else:
            inner = _leaf_writer(named)
        if inner is not None:
            found.write = found.fill = _typed_writer(definition.type, inner)
            if is_non_null_type(definition.type) and not is_list_type(definition.type.of_type):
                found.part, found.fill = _part(named, definition, found.write)
        return found


# --- writing ------------------------------------------------------------------------------------


def _typed_writer(type: GraphQLOutputType, inner: Writer) -> Writer:
    """Writes a value of `type`, whose named type `inner` writes."""
    if is_non_null_type(type):
        return _list_writer(type.of_type, inner) if is_list_type(type.of_type) else inner
    write = _list_writer(type, inner) if is_list_type(type) else inner
    return lambda value: "null" if value is None else write(value)


def _list_writer(type: Any, inner: Writer) -> Writer:
    item = _typed_writer(type.of_type, inner)
    return lambda values: f"[{','.join(map(item, values))}]"


def _object_writer(fields: list[tuple[Field, Writer]]) -> Writer:
    """Fills a text with the values of an object's attributes.

    Whatever can be is done in C, in one step for the whole object: a hundred objects of ten fields
    take 0.2 ms so, and took 0.45 with a Python call a field (measured).
    """
    parts: list[str] = []
    attributes: list[str] = []
    fills: list[tuple[int, Writer]] = []
    for each, write_field in fields:
        if not each.attribute:
            parts.append(f'"{each.key}":{write_field(None)}')
            continue
        parts.append(f'"{each.key}":{each.part}')
        if each.fill is not None:
            fills.append((len(attributes), each.fill))
        attributes.append(each.attribute)
    template = "{" + ",".join(parts) + "}"
    if not attributes:
        return lambda _: template
    # Two at least, as one alone would come without a tuple around it. Models keep their values in
    # their dictionary, which is read whole.
    read = itemgetter(*attributes, attributes[0])

    def write(value: Any) -> str:
        values = [*read(value.__dict__)]
        values.pop()
        for at, fill in fills:
            values[at] = fill(values[at])
        return template % tuple(values)

    return write


def _part(named: Any, definition: GraphQLField, write: Writer) -> tuple[str, Writer | None]:
    """How a value that is always there goes into a text: numbers as Python writes them."""
    if named.name in ("Int", "Float"):
        return "%s", None
    if isinstance(named, GraphQLScalarType):
        match _format(definition) or _format(named):
            case "decimal" | "date":
                return '"%s"', None
            case "date-time":
                return '"%s"', rfc3339
    return "%s", write


def _format(definition: Any) -> str | None:
    """What @bounds says of it."""
    known = definition.extensions.get("strawberry-definition")
    said = (getattr(each, "format", None) for each in getattr(known, "directives", None) or ())
    return next((each for each in said if isinstance(each, str)), None)


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _scalar(value: Any) -> str:
    return f'"{write_text(value)}"'


_LEAVES: dict[str, Writer] = {
    "ID": encode_basestring,
    "String": encode_basestring,
    "Int": int.__repr__,
    "Float": repr,
    "Boolean": _boolean,
}


def _leaf_writer(type: Any) -> Writer:
    if isinstance(type, GraphQLEnumType):
        names = {value.value: f'"{name}"' for name, value in type.values.items()}
        return names.__getitem__
    return _LEAVES.get(type.name, _scalar)
