"""budget.proto → its messages, enums and services. protoc reads it; its errors are relayed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from compiler.source import File, Report, Span

_Proto = descriptor_pb2.FieldDescriptorProto
_NAMES = {
    number: name.removeprefix("TYPE_").lower() for name, number in _Proto.Type.items()
}
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
    raw = _compile(folder, files, report)
    if raw is None:
        return None
    found = descriptor_pb2.FileDescriptorSet.FromString(raw)
    options = _Options(found)
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


def _compile(folder: Path, files: Mapping[str, File], report: Report) -> bytes | None:
    from grpc_tools import _protoc_compiler

    standard = Path(_protoc_compiler.__file__).parent / "_proto"
    names = sorted(files)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "set")
        arguments = ["protoc", f"-I{folder}", f"-I{standard}", "--include_source_info"]
        arguments += ["--include_imports", f"--descriptor_set_out={out}", *names]
        with _quiet(Path(scratch, "stderr")):
            status = _protoc_compiler.run_main([text.encode() for text in arguments])
        if status == 0:
            return out.read_bytes()
        said = Path(scratch, "stderr").read_text(errors="replace")
    relayed = len(report.errors)
    for name in names:
        paths = [os.fsencode(folder), os.fsencode(standard)]
        try:
            _protoc_compiler.get_protos(os.fsencode(name), paths)
        except _protoc_compiler.ProtocErrors as errors:
            for error in errors.errors():
                _relay(error, files, name, report)
        except Exception as error:
            # The extension raises plain exceptions for what its own error list does not hold.
            report.add(files[name].start, "proto-syntax", _line(str(error)))
    if len(report.errors) == relayed:
        report.add(files[names[0]].start, "proto-syntax", _line(said))
    return None


@contextmanager
def _quiet(path: Path) -> Iterator[None]:
    """protoc writes its warnings to the process's own stderr, past Python."""
    kept = os.dup(2)
    with path.open("wb") as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _relay(error: Any, files: Mapping[str, File], asked: str, report: Report) -> None:
    name = error.filename.decode(errors="replace")
    file = files.get(name, files[asked])
    message = _line(error.message.decode(errors="replace"))
    if name not in files:
        message = f"{name}: {message}"
    # Both count from 0; -1 stands for the file as a whole.
    place = file.span(error.line + 1, error.column + 1) if error.line >= 0 else file.start
    if name not in files:
        place = file.start
    report.add(place, "proto-syntax", message)


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".") or "protoc refuses the file"


class _Options:
    """Custom options, read by the extensions that the files themselves declare."""

    def __init__(self, files: descriptor_pb2.FileDescriptorSet) -> None:
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self.pool.AddSerializedFile(file.SerializeToString())
        self.classes: dict[str, type[Message]] = {}

    def read(self, options: Message) -> dict[str, Any]:
        """An options message's extensions, by their names without the package."""
        if not options.ByteSize():
            return {}
        name = options.DESCRIPTOR.full_name
        if name not in self.classes:
            try:
                descriptor = self.pool.FindMessageTypeByName(name)
            except KeyError:
                return {}
            self.classes[name] = message_factory.GetMessageClass(descriptor)
            for extension in self.pool.FindAllExtensions(descriptor):
                if extension.message_type is not None:
                    message_factory.GetMessageClass(extension.message_type)
        again = self.classes[name].FromString(options.SerializeToString())
        return {
            row.name: _plain(value) for row, value in again.ListFields() if row.is_extension
        }


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return {row.name: _plain(inner) for row, inner in value.ListFields()}
    return value


class _File:
    """One file's declarations, put into the tree."""

    def __init__(
        self, proto: descriptor_pb2.FileDescriptorProto, file: File, tree: Proto, options: _Options
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

    def service(self, service: descriptor_pb2.ServiceDescriptorProto, path: tuple[int, ...]) -> None:
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
