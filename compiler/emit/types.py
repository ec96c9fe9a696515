"""How a type of the contract is written in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.emit.lines import Module, literal
from compiler.emit.models import inline_types, is_json, is_scalar
from compiler.ir import Contract, Media, Operation, Response, Type
from compiler.source import Span

_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


@dataclass(frozen=True, slots=True)
class Names:
    """Schema names → classes, and the classes of the inline types by where they stand."""

    schemas: Mapping[str, str]
    inline: Mapping[tuple[Span, str], str]
    scalars: frozenset[str]

    @classmethod
    def of(cls, contract: Contract) -> Names:
        """The names that emit/models.py gives."""
        return cls(
            {schema.name: schema.python for schema in contract.schemas},
            {(type.span, type.kind): name for name, type in inline_types(contract)},
            frozenset(s.name for s in contract.schemas if is_scalar(s.type)),
        )

    def annotation(self, module: Module, type: Type, *, typing_only: bool = True) -> str:
        """`type` as an annotation in `module`, with its import."""
        use = module.use_type if typing_only else module.use
        text = self._bare(module, type, use)
        return f"{text} | None" if type.nullable else text

    def _bare(self, module: Module, type: Type, use: Callable[[str, str], str]) -> str:
        if type.kind == "ref":
            module_name = "generated.scalars" if type.ref in self.scalars else "generated.models"
            return use(module_name, self.schemas[type.ref or ""])
        named = self.inline.get((type.span, type.kind))
        if named:
            return use("generated.models", named)
        if type.kind == "array" and type.item:
            return f"list[{self.annotation(module, type.item, typing_only=use == module.use_type)}]"
        if type.kind == "string" and type.enum:
            values = ", ".join(literal(v) for v in type.enum if v is not None)
            return f"{use('typing', 'Literal')}[{values}]"
        if type.kind == "string" and type.format == "date":
            return use("datetime", "date")
        if type.kind == "string" and type.format == "date-time":
            return use("datetime", "datetime")
        if type.kind == "string" and type.format == "decimal":
            return use("decimal", "Decimal")
        if type.kind == "string" and type.format in ("binary", "byte"):
            return "bytes"
        if type.kind in _PLAIN:
            return _PLAIN[type.kind]
        if type.kind in ("object", "map"):
            return f"dict[str, {use('typing', 'Any')}]"
        return use("typing", "Any")


@dataclass(frozen=True, slots=True)
class Argument:
    """A handler's argument: its name, its type, and how it looks when it is left out."""

    name: str
    annotation: str
    default: str | None


def arguments(module: Module, operation: Operation, names: Names) -> list[Argument]:
    """What the operation's handler takes after the call: parameters, then the body."""
    found: list[Argument] = []
    rest = operation.rest
    if rest is None:
        return found
    for parameter in rest.parameters:
        if parameter.location == "header" and parameter.name.lower() in PIPELINE_HEADERS:
            continue
        text = names.annotation(module, parameter.type)
        optional = not parameter.required and not parameter.has_default
        if optional and not text.endswith("| None"):
            text += " | None"
        found.append(Argument(parameter.python, text, "None" if optional else None))
    if rest.body:
        media = rest.body.content[0]
        if len(rest.body.content) == 1 and is_json(media.name):
            text = names.annotation(module, media.type)
        else:
            text = module.use_type("runtime.upload", "Upload")
        found.append(Argument("body", text if rest.body.required else f"{text} | None", None))
    return found


@dataclass(frozen=True, slots=True)
class Watched:
    """An operation that streams and subscriptions watch: what it would answer, as it changes.

    `arguments` say what to watch; how to page through it is no concern of it. `item` is the type of
    what comes.
    """

    operation: Operation
    method: str
    arguments: tuple[Argument, ...]
    item: str


def watched(module: Module, contract: Contract, names: Names) -> list[Watched]:
    """What is watched over any protocol, by operation."""
    wanted = {stream.watches for stream in contract.streams}
    found: list[Watched] = []
    for operation in contract.operations:
        fields = [row for row in operation.graphql if row.root == "subscription"]
        streams = operation.rpc is not None and operation.rpc.server_stream
        if operation.rest is None or not (
            operation.id in wanted or fields or (streams and _events(operation))
        ):
            continue
        asked = {
            parameter.python
            for parameter in operation.rest.parameters
            if parameter.location == "path" or parameter.name.lower() == "last-event-id"
        }
        taken = tuple(a for a in arguments(module, operation, names) if a.name in asked)
        item = _item(module, contract, operation, names, [row.type for row in fields])
        method = f"watch_{operation.python.partition('_')[2] or operation.python}"
        found.append(Watched(operation, method, taken, item))
    return found


def _events(operation: Operation) -> bool:
    media = success_media(operation)
    return media is not None and media.name == "text/event-stream"


def _item(
    module: Module, contract: Contract, operation: Operation, names: Names, fields: list[str]
) -> str:
    media = success_media(operation)
    if media is not None and is_json(media.name):
        if operation.listing and media.type.ref:
            page = contract.schema(media.type.ref).type.fields
            items = next((f.type.item for f in page if f.name == "items"), None)
            if items is not None:
                return names.annotation(module, items)
        return names.annotation(module, media.type)
    given = [operation.rpc.response] if operation.rpc else [fields[0].strip("!")] if fields else []
    for name in given:
        if name in names.schemas:
            return module.use_type("generated.models", names.schemas[name])
    return module.use_type("typing", "Any")


# Headers that the pipeline reads; no handler sees them.
PIPELINE_HEADERS = frozenset({"idempotency-key", "if-match", "x-request-id"})


def success(operation: Operation) -> Response | None:
    """The response that a handler's return value becomes: the lowest 2xx."""
    if operation.rest is None:
        return None
    for response in sorted(operation.rest.responses, key=lambda r: r.status):
        if response.status.startswith("2"):
            return response
    return None


def success_media(operation: Operation) -> Media | None:
    """The content of `success`, if it has any."""
    response = success(operation)
    return response.content[0] if response and response.content else None


def result(module: Module, operation: Operation, names: Names) -> str:
    """What the operation's handler returns."""
    media = success_media(operation)
    if media is None:
        return "None"
    if is_json(media.name):
        return names.annotation(module, media.type)
    return f"{module.use_type('collections.abc', 'AsyncIterator')}[bytes]"


def ticket_name(contract: Contract, operation: Operation) -> str | None:
    """The query parameter that may sign the call in: an apiKey scheme beside the operation."""
    components = contract.openapi.get("components", {})
    schemes = components.get("securitySchemes", {})
    for requirement in raw_operation(contract, operation).get("security", ()):
        for name in requirement:
            scheme = schemes.get(name, {})
            if scheme.get("type") == "apiKey" and scheme.get("in") == "query":
                return str(scheme["name"])
    return None


def raw_operation(contract: Contract, operation: Operation) -> Mapping[str, Any]:
    """The operation as OpenAPI has it."""
    for item in contract.openapi.get("paths", {}).values():
        for raw in item.values():
            if isinstance(raw, dict) and raw.get("operationId") == operation.id:
                return raw
    return {}


def operations_of(contract: Contract, service: str) -> Iterator[Operation]:
    """The service's operations, by name; internal ones are asked by gRPC alone."""
    return (
        operation
        for operation in contract.operations
        if operation.service == service and not operation.internal
    )


def json_body(operation: Operation) -> bool:
    """Whether the body is JSON, and nothing else."""
    rest = operation.rest
    return bool(
        rest and rest.body and len(rest.body.content) == 1 and is_json(rest.body.content[0].name)
    )
