"""budget.proto → its messages, enums and services. protoc reads it; its errors are relayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2

from compiler.parse.protoc import Options, compile_set
from compiler.source import File, Report, Span

_Proto = descriptor_pb2.FieldDescriptorProto
_NAMES = {number: name.removeprefix("TYPE_").lower() for name, number in _Proto.Type.items()}
# Numbers of the descriptors' fields, as source paths name them (descriptor.proto).
_FILE_MESSAGE, _FILE_ENUM, _FILE_SERVICE = 4, 5, 6
_MESSAGE_FIELD, _MESSAGE_NESTED, _MESSAGE_ENUM = 2, 3, 4
_ENUM_VALUE = _SERVICE_METHOD = 2
Places = Mapping[tuple[int, ...], tuple[Span, str]]


@dataclass(frozen=True)
class ProtoField:
    """A field. `type` is as proto3 writes it, without the package: `repeated Budget`."""

    name: str
    number: int
    type: str
    repeated: bool
    # Whether it says `optional`.
    optional: bool
    span: Span
    # A map's value type.
    value: str | None = None
    oneof: str | None = None
    rule: Mapping[str, Any] = field(default_factory=dict)
    doc: str = ""


@dataclass(frozen=True)
class ProtoMessage:
    """A message; `name` without the package."""

    name: str
    fields: tuple[ProtoField, ...]
    reserved: tuple[tuple[int, int], ...]
    span: Span
    doc: str = ""


@dataclass(frozen=True)
class ProtoEnum:
    """An enum; `values` in the order of their numbers."""

    name: str
    values: tuple[tuple[str, int, Span], ...]
    reserved: tuple[tuple[int, int], ...]
    span: Span
    doc: str = ""


@dataclass(frozen=True)
class ProtoMethod:
    """An rpc with its options."""

    name: str
    request: str
    response: str
    client_stream: bool
    server_stream: bool
    span: Span
    operation: str | None = None
    internal: bool = False
    watches: str | None = None
    sends: str | None = None
    # Seconds.
    deadline: int | None = None
    doc: str = ""


@dataclass(frozen=True)
class ProtoService:
    """A service. `part_of`: the service whose handlers answer, where its name does not say."""

    name: str
    methods: tuple[ProtoMethod, ...]
    span: Span
    part_of: str | None = None
    doc: str = ""


@dataclass(frozen=True)
class Proto:
    """What the proto files say. `descriptors` is the serialized FileDescriptorSet."""

    package: str
    messages: dict[str, ProtoMessage]
    enums: dict[str, ProtoEnum]
    services: dict[str, ProtoService]
    span: Span
    descriptors: bytes = b""
    files: tuple[str, ...] = ()


def parse_protobuf(folder: Path, files: Mapping[str, File], report: Report) -> Proto | None:
    """The proto files of a folder, by file name; None after reporting why there is none."""
    raw = compile_set(folder, files, report)
    if raw is None:
        return None
    found = descriptor_pb2.FileDescriptorSet.FromString(raw)
    options = Options(found)
    ours = [one for one in found.file if one.name in files]
    packages = sorted({one.package for one in ours})
    if len(packages) > 1:
        message = f"one package is read, these are {', '.join(map(repr, packages))}"
        report.add(files[ours[1].name].start, "proto-package", message)
        return None
    proto = Proto(packages[0], {}, {}, {}, files[ours[0].name].start, raw, tuple(sorted(files)))
    for one in ours:
        if one.syntax != "proto3":
            message = "only proto3 is compiled"
            report.add(files[one.name].start, "bad-version", message)
            return None
        _File(one, files[one.name], proto, options).read()
    return proto


class _File:
    """One file's declarations, put into the tree."""

    def __init__(
        self, proto: descriptor_pb2.FileDescriptorProto, file: File, tree: Proto, options: Options
    ) -> None:
        self.proto = proto
        self.tree = tree
        self.options = options
        self.places = {
            tuple(row.path): (
                file.span(row.span[0] + 1, row.span[1] + 1),
                " ".join(row.leading_comments.split()),
            )
            for row in proto.source_code_info.location
        }
        self.nowhere = (file.start, "")

    def at(self, *path: int) -> tuple[Span, str]:
        """Where a declaration stands, and its comment."""
        return self.places.get(path, self.nowhere)

    def read(self) -> None:
        for index, message in enumerate(self.proto.message_type):
            self.message(message, "", (_FILE_MESSAGE, index))
        for index, enum in enumerate(self.proto.enum_type):
            self.enum(enum, "", (_FILE_ENUM, index))
        for index, service in enumerate(self.proto.service):
            self.service(service, (_FILE_SERVICE, index))

    def short(self, full: str) -> str:
        """A type's name without the package."""
        return full.lstrip(".").removeprefix(f"{self.tree.package}.")

    def message(
        self, message: descriptor_pb2.DescriptorProto, outer: str, path: tuple[int, ...]
    ) -> None:
        name = outer + message.name
        maps = {}
        for index, nested in enumerate(message.nested_type):
            if nested.options.map_entry:
                maps[f"{name}.{nested.name}"] = nested
            else:
                self.message(nested, f"{name}.", (*path, _MESSAGE_NESTED, index))
        for index, enum in enumerate(message.enum_type):
            self.enum(enum, f"{name}.", (*path, _MESSAGE_ENUM, index))
        fields = []
        for index, row in enumerate(message.field):
            span, doc = self.at(*path, _MESSAGE_FIELD, index)
            entry = maps.get(self.short(row.type_name))
            real = row.HasField("oneof_index") and not row.proto3_optional
            fields.append(
                ProtoField(
                    row.name,
                    row.number,
                    "map" if entry else self.type(row),
                    row.label == _Proto.LABEL_REPEATED and entry is None,
                    row.proto3_optional,
                    span,
                    value=self.type(entry.field[1]) if entry else None,
                    oneof=message.oneof_decl[row.oneof_index].name if real else None,
                    rule=self.options.read(row.options).get("rule", {}),
                    doc=doc,
                )
            )
        reserved = tuple(sorted((row.start, row.end - 1) for row in message.reserved_range))
        span, doc = self.at(*path)
        ordered = tuple(sorted(fields, key=lambda row: row.name))
        self.tree.messages[name] = ProtoMessage(name, ordered, reserved, span, doc)

    def type(self, row: descriptor_pb2.FieldDescriptorProto) -> str:
        if row.type_name:
            return self.short(row.type_name)
        return _NAMES[row.type]

    def enum(
        self, enum: descriptor_pb2.EnumDescriptorProto, outer: str, path: tuple[int, ...]
    ) -> None:
        values = [
            (value.name, value.number, self.at(*path, _ENUM_VALUE, index)[0])
            for index, value in enumerate(enum.value)
        ]
        reserved = tuple(sorted((row.start, row.end) for row in enum.reserved_range))
        span, doc = self.at(*path)
        ordered = tuple(sorted(values, key=lambda row: (row[1], row[0])))
        self.tree.enums[outer + enum.name] = ProtoEnum(
            outer + enum.name, ordered, reserved, span, doc
        )

    def service(
        self, service: descriptor_pb2.ServiceDescriptorProto, path: tuple[int, ...]
    ) -> None:
        methods = []
        for index, method in enumerate(service.method):
            span, doc = self.at(*path, _SERVICE_METHOD, index)
            said = self.options.read(method.options)
            methods.append(
                ProtoMethod(
                    method.name,
                    self.short(method.input_type),
                    self.short(method.output_type),
                    method.client_streaming,
                    method.server_streaming,
                    span,
                    operation=said.get("operation"),
                    internal=bool(said.get("internal")),
                    watches=said.get("watches"),
                    sends=said.get("sends"),
                    deadline=said.get("deadline"),
                    doc=doc,
                )
            )
        span, doc = self.at(*path)
        self.tree.services[service.name] = ProtoService(
            service.name,
            tuple(sorted(methods, key=lambda row: row.name)),
            span,
            part_of=self.options.read(service.options).get("part_of"),
            doc=doc,
        )
