"""Holds budget.proto to OpenAPI: the same operations, fields, results, bounds; numbers kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from compiler import naming
from compiler.ir import Operation, Rpc, Stream, Type
from compiler.link.arguments import Argument, arguments, gives_raw, result, takes_raw
from compiler.link.protobuf_types import ProtoTypes
from compiler.link.types import Known
from compiler.parse.protobuf import (
    Proto,
    ProtoField,
    ProtoMessage,
    ProtoMethod,
    ProtoService,
)
from compiler.source import Report, Span


@dataclass
class ProtoLinker:
    """Finds each operation's rpc, and reports where it says something else."""

    proto: Proto
    known: Known
    operations: dict[str, Operation]
    services: dict[str, str]
    report: Report
    found: dict[str, Rpc] = field(default_factory=dict)
    streams: list[Stream] = field(default_factory=list)
    internal: list[tuple[str, ProtoService, ProtoMethod]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.types = ProtoTypes(self.proto, self.known, self.report)

    def link(self) -> None:
        """Fills `found` (operation id → rpc), `streams` and `internal` (service, rpc)."""
        for service in self.proto.services.values():
            owner = self._owner(service)
            for method in service.methods:
                self._method(owner, service, method)
        for operation in self.operations.values():
            if "grpc" not in dict(operation.left_out) and operation.id not in self.found:
                message = f"{operation.id} has no rpc, and no x-protocols that says why"
                self.report.add(operation.span, "missing-operation", message)
        self.types.rest()

    def _owner(self, service: ProtoService) -> str:
        """The service whose handlers answer."""
        if service.part_of is not None:
            if service.part_of not in self.services:
                near = naming.nearest(service.part_of, self.services)
                message = f"{service.name}: there is no service {service.part_of!r}{near}"
                self.report.add(service.span, "unknown-service", message)
            return service.part_of
        wanted = naming.snake(service.name.removesuffix("Service"))
        for name in self.services:
            if naming.snake(name) == wanted:
                return name
        message = f"{service.name} is no service of OpenAPI's tags: name one by option (part_of)"
        self.report.add(service.span, "unknown-service", message)
        return wanted

    # ---- operations

    def _method(self, owner: str, service: ProtoService, method: ProtoMethod) -> None:
        label = f"{service.name}.{method.name}"
        if method.watches is not None or method.sends is not None:
            self._stream(owner, label, service, method)
            return
        id = method.operation or naming.camel(method.name)
        operation = self.operations.get(id)
        if method.internal:
            if operation is not None:
                message = f"{label} is internal here but public at {operation.span}"
                self.report.add(method.span, "internal-mismatch", message)
            else:
                self.internal.append((owner, service, method))
            return
        if operation is None:
            near = naming.nearest(id, self.operations)
            message = f"{label}: there is no operation {id!r}{near}"
            self.report.add(method.span, "unknown-operation", message)
            return
        reason = dict(operation.left_out).get("grpc")
        if reason is not None:
            message = f"{label} is here, but {operation.span} leaves it out: {reason}"
            self.report.add(method.span, "left-out", message)
        if id in self.found:
            message = f"{label} is {id}, as {self.found[id].service}.{self.found[id].name} is"
            self.report.add(method.span, "duplicate-operation", message)
            return
        if operation.service != owner:
            message = f"{label} is of {owner} here but of {operation.service} at {operation.span}"
            self.report.add(method.span, "service-mismatch", message)
        self.found[id] = self._bind(label, service, method, operation)

    def _bind(
        self, label: str, service: ProtoService, method: ProtoMethod, operation: Operation
    ) -> Rpc:
        raw_in, raw_out = takes_raw(operation), gives_raw(operation)
        place = operation.rest.span if operation.rest else operation.span
        for here, there, what in (
            (method.client_stream, raw_in, "takes"),
            (method.server_stream, raw_out, "gives"),
        ):
            if here != there:
                words = ("a stream", "one value") if here else ("one value", "a file or a stream")
                message = f"{label} {what} {words[0]} here but {words[1]} at {place}"
                self.report.add(method.span, "stream-mismatch", message)
        self._compare_result(label, method, operation, place)
        request = self.proto.messages.get(method.request)
        start = row = None
        if request is not None and method.client_stream:
            start, row = self._parts(label, method, request)
            request = self.proto.messages.get(start.type) if start else None
        named = self._compare_request(label, method, request, operation, place) if request else ()
        return Rpc(
            service.name,
            method.name,
            method.request,
            method.response,
            method.client_stream,
            method.server_stream,
            method.span,
            named,
            start.name if start else "",
            row.name if row else "",
            row.type if row else "",
        )

    def _parts(
        self, label: str, method: ProtoMethod, request: ProtoMessage
    ) -> tuple[ProtoField | None, ProtoField | None]:
        """A client stream begins with its arguments, then come the rows: a oneof of the two."""
        parts = sorted((f for f in request.fields if f.oneof), key=lambda f: f.number)
        messages = [part for part in parts if part.type in self.proto.messages]
        if len(parts) != 2 or len(messages) != 2 or len(request.fields) != 2:
            message = f"{label}: {request.name} must be a oneof of the arguments and a row"
            self.report.add(method.span, "stream-mismatch", message)
            return None, None
        row = parts[1]
        self._compare_schema(f"{request.name}.{row.name}", row.type, row.span, "input")
        return parts[0], row

    def _compare_schema(self, label: str, name: str, span: Span, side: str) -> None:
        """What streams has no type in REST, so it is a schema by its name."""
        schema = self.known.schemas.get(name)
        if schema is None:
            self.report.add(span, "unknown-type", f"{label}: there is no schema {name!r}")
            return
        self.types.compare_named(Type("ref", schema.span, ref=name), side)

    def _compare_result(
        self, label: str, method: ProtoMethod, operation: Operation, place: Span
    ) -> None:
        if gives_raw(operation):
            self._compare_schema(label, method.response, method.span, "output")
            return
        type = result(operation)
        if type is None:
            message = self.proto.messages.get(method.response)
            if message is None or message.fields:
                text = f"{label} gives {method.response} here but no content at {place}"
                self.report.add(method.span, "type-mismatch", text)
            return
        names = self.types.names(type)
        if method.response not in names or self.known.real(type).kind != "object":
            wanted = names[0] if names else self.known.real(type).kind
            text = f"{label} gives {method.response} here but {wanted} at {type.span}"
            self.report.add(method.span, "type-mismatch", text)
            return
        self.types.compare_named(type, "output")

    def _compare_request(
        self,
        label: str,
        method: ProtoMethod,
        request: ProtoMessage,
        operation: Operation,
        place: Span,
    ) -> tuple[tuple[str, str], ...]:
        here = {row.name: row for row in request.fields}
        there = {argument.proto: argument for argument in arguments(operation)}
        for name in sorted(there.keys() - here.keys()):
            message = f"{request.name} lacks {name}, which is at {there[name].span}"
            self.report.add(request.span, "missing-argument", message)
        for name in sorted(here.keys() - there.keys()):
            message = f"{request.name}.{name} is no argument of {operation.id} at {place}"
            self.report.add(here[name].span, "unknown-argument", message)
        named = []
        for name in sorted(here.keys() & there.keys()):
            self._compare_argument(f"{request.name}.{name}", here[name], there[name])
            named.append((name, there[name].target))
        return tuple(named)

    def _compare_argument(self, label: str, here: ProtoField, there: Argument) -> None:
        self.types.compare(label, here, there.type, there.span, "input")
        required = there.required and not there.has_default
        required = required and not self.known.nullable(there.type)
        self.types.compare_required(label, here, there.type, required, there.span, "input")

    def _stream(self, owner: str, label: str, service: ProtoService, method: ProtoMethod) -> None:
        """An rpc beside the operations: it watches one, and may do another."""
        for option, id in (("watches", method.watches), ("sends", method.sends)):
            if id is not None and id not in self.operations:
                near = naming.nearest(id, self.operations)
                message = f"{label} {option} {id!r}, which is no operation{near}"
                self.report.add(method.span, "unknown-operation", message)
        watched = self.operations.get(method.watches or "")
        sent = self.operations.get(method.sends or "")
        wrong = watched is None and method.watches is None
        if wrong or not method.server_stream or (sent is not None) != method.client_stream:
            message = f"{label}: what watches streams to the client, what sends streams from it too"
            self.report.add(method.span, "stream-mismatch", message)
        named: dict[str, str] = {}
        request = self.proto.messages.get(method.request)
        for operation in (watched, sent):
            if operation is None or request is None:
                continue
            there = {argument.proto: argument for argument in arguments(operation)}
            for row in request.fields:
                if row.name in there and row.name not in named:
                    argument = there[row.name]
                    self.types.compare(
                        f"{request.name}.{row.name}", row, argument.type, argument.span, "input"
                    )
                    named[row.name] = argument.target
            for name, argument in there.items():
                if argument.required and name not in {row.name for row in request.fields}:
                    message = f"{request.name} lacks {name}, which is at {argument.span}"
                    self.report.add(request.span, "missing-argument", message)
        for row in request.fields if request else ():
            if row.name not in named:
                message = (
                    f"{method.request}.{row.name} is no argument of what {label} watches or sends"
                )
                self.report.add(row.span, "unknown-argument", message)
        if watched is not None:
            self._compare_event(label, method, watched)
        rpc = Rpc(
            service.name,
            method.name,
            method.request,
            method.response,
            method.client_stream,
            method.server_stream,
            method.span,
            tuple(sorted(named.items())),
        )
        self.streams.append(
            Stream(rpc, method.watches or "", method.sends, owner, method.span, method.doc)
        )

    def _compare_event(self, label: str, method: ProtoMethod, watched: Operation) -> None:
        type = result(watched)
        if type is not None and watched.listing is not None:
            items = self.known.fields(type).get("items")
            type = self.known.real(items.type).item if items else None
        if type is None:
            self._compare_schema(label, method.response, method.span, "output")
        elif method.response not in self.types.names(type):
            wanted = (*self.types.names(type), "nothing")[0]
            text = f"{label} gives {method.response} here but {wanted} at {type.span}"
            self.report.add(method.span, "type-mismatch", text)
        else:
            self.types.compare_named(type, "output")
