"""Operations between services: only the proto has them, so their types are made of its messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from compiler import naming
from compiler.ir import Bounds, Field, Kind, Operation, Rpc, Schema, Type
from compiler.link.protobuf_types import rule_bounds
from compiler.link.types import Known
from compiler.parse.protobuf import (
    Proto,
    ProtoEnum,
    ProtoField,
    ProtoMessage,
    ProtoMethod,
    ProtoService,
)
from compiler.source import Report, Span

_KINDS: dict[str, tuple[Kind, str | None]] = {
    "string": ("string", None),
    "bytes": ("string", "binary"),
    "bool": ("boolean", None),
    "double": ("number", "double"),
    "float": ("number", "float"),
    **dict.fromkeys(("int32", "sint32", "uint32", "fixed32", "sfixed32"), ("integer", "int32")),
    **dict.fromkeys(("int64", "sint64", "uint64", "fixed64", "sfixed64"), ("integer", "int64")),
}


@dataclass
class InternalLinker:
    """Builds the internal operations, and the schemas that only they have."""

    proto: Proto
    known: Known
    report: Report
    schemas: dict[str, Schema] = field(default_factory=dict)

    def link(self, methods: Iterable[tuple[str, ProtoService, ProtoMethod]]) -> list[Operation]:
        """The operations."""
        return [self._operation(*row) for row in methods]

    def _operation(self, owner: str, service: ProtoService, method: ProtoMethod) -> Operation:
        if method.client_stream or method.server_stream:
            message = f"{service.name}.{method.name} is internal, so it cannot stream"
            self.report.add(method.span, "stream-mismatch", message)
        id = method.operation or naming.camel(method.name)
        request = self.proto.messages.get(method.request)
        arguments = self._fields(request, naming.argument) if request else ()
        rpc = Rpc(
            service.name,
            method.name,
            method.request,
            method.response,
            method.client_stream,
            method.server_stream,
            method.span,
            tuple((naming.snake(row.name), row.python) for row in arguments),
        )
        response = self.proto.messages.get(method.response)
        return Operation(
            id,
            naming.method(id),
            owner,
            method.span,
            summary=method.doc,
            rpc=rpc,
            deadline=float(method.deadline or 5),
            internal=True,
            left_out=(("graphql", "between services only"), ("rest", "between services only")),
            arguments=arguments,
            result=self._ref(response.name, method.span) if response and response.fields else None,
        )

    def _fields(self, message: ProtoMessage, form: Any) -> tuple[Field, ...]:
        names = {row.name: naming.camel(row.name) for row in message.fields}
        attributes = naming.unique(names.values(), form)
        found = []
        for row in message.fields:
            type = self._type(row)
            wire = names[row.name]
            required = not row.optional and not row.oneof
            if row.type in self.proto.messages and not row.repeated:
                # proto3 cannot say that a message must be there; its rule can.
                required = bool(row.rule.get("required"))
            optional = replace(type, nullable=not required)
            found.append(Field(wire, attributes[wire], optional, required, row.span, doc=row.doc))
        return tuple(sorted(found, key=lambda row: row.name))

    def _type(self, row: ProtoField) -> Type:
        bounds = rule_bounds(row.rule)
        inner = self._leaf(row.value or row.type, row.span, bounds)
        if row.type == "map":
            return Type("map", row.span, item=inner)
        if not row.repeated:
            return inner
        own = Bounds(
            min_items=bounds.get("minItems"),
            max_items=bounds.get("maxItems"),
            unique_items=bool(bounds.get("uniqueItems")),
        )
        return Type("array", row.span, item=inner, bounds=own)

    def _leaf(self, name: str, span: Span, bounds: dict[str, Any]) -> Type:
        if name not in _KINDS:
            return self._ref(name, span)
        kind, format = _KINDS[name]
        own = Bounds(
            min_length=bounds.get("minLength"),
            max_length=bounds.get("maxLength"),
            pattern=bounds.get("pattern"),
            minimum=bounds.get("minimum"),
            maximum=bounds.get("maximum"),
        )
        return Type(kind, span, format=bounds.get("format", format), bounds=own)

    def _ref(self, name: str, span: Span) -> Type:
        """A message or an enum by name; one that OpenAPI lacks becomes a schema."""
        if name not in self.known.schemas and name not in self.schemas:
            message, enum = self.proto.messages.get(name), self.proto.enums.get(name)
            if message is not None:
                self.schemas[name] = Schema(
                    name, naming.class_name(name), Type("object", message.span), message.span
                )
                fields = self._fields(message, naming.attribute)
                type = Type("object", message.span, fields=fields, closed=True)
                doc, place = message.doc, message.span
            elif enum is not None:
                type, doc, place = self._enum(enum), enum.doc, enum.span
            else:
                text = f"{name} cannot be compiled in an internal operation"
                self.report.add(span, "unknown-type", text)
                return Type("any", span)
            self.schemas[name] = Schema(name, naming.class_name(name), type, place, doc=doc)
        return Type("ref", span, ref=name)

    @staticmethod
    def _enum(enum: ProtoEnum) -> Type:
        prefix = naming.constant(enum.name) + "_"
        values = [name.removeprefix(prefix) for name, number, _ in enum.values if number != 0]
        return Type("string", enum.span, enum=tuple(naming.camel(value) for value in values))
