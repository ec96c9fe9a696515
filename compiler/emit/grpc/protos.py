"""The proto files as the emitters of gRPC look at them: messages with their fields, enums."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import run

from google.protobuf import descriptor_pb2

from compiler import naming
from compiler.ir import Contract

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    _FIELD.TYPE_STRING: "string",
    _FIELD.TYPE_BYTES: "bytes",
    _FIELD.TYPE_BOOL: "bool",
    _FIELD.TYPE_DOUBLE: "float",
    _FIELD.TYPE_FLOAT: "float",
    _FIELD.TYPE_ENUM: "enum",
    _FIELD.TYPE_MESSAGE: "message",
}


@dataclass(frozen=True, slots=True)
class ProtoField:
    """A field. `kind`: string, bytes, bool, float, int, enum, message or map; `of` names the enum
    or the message; `presence`: whether it can be told from its default.
    """

    name: str
    kind: str
    of: str
    repeated: bool
    presence: bool


@dataclass(frozen=True, slots=True)
class ProtoEnum:
    """An enum: its module, and (name, number) of each value."""

    name: str
    module: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ProtoMessage:
    """A message: its module, and its fields."""

    name: str
    module: str
    fields: tuple[ProtoField, ...]

    @property
    def function(self) -> str:
        """What functions about it are called."""
        return naming.snake(self.name)


class Protos:
    """The package's messages and enums, by their names within it."""

    def __init__(self, contract: Contract) -> None:
        self.package = contract.package
        self.set = descriptor_pb2.FileDescriptorSet.FromString(contract.proto)
        self.files = [file for file in self.set.file if file.package == contract.package]
        self.messages: dict[str, ProtoMessage] = {}
        self.enums: dict[str, ProtoEnum] = {}
        for file in self.files:
            module = module_of(file.name)
            self._add(module, "", file.message_type, file.enum_type)

    def _add(
        self,
        module: str,
        within: str,
        messages: Iterable[descriptor_pb2.DescriptorProto],
        enums: Iterable[descriptor_pb2.EnumDescriptorProto],
    ) -> None:
        for enum in enums:
            values = tuple((value.name, value.number) for value in enum.value)
            self.enums[within + enum.name] = ProtoEnum(within + enum.name, module, values)
        for message in messages:
            name = within + message.name
            entries = {e.name for e in message.nested_type if e.options.map_entry}
            fields = tuple(self._field(field, entries) for field in message.field)
            self.messages[name] = ProtoMessage(name, module, fields)
            self._add(module, f"{name}.", message.nested_type, message.enum_type)

    def _field(self, field: descriptor_pb2.FieldDescriptorProto, entries: set[str]) -> ProtoField:
        repeated = field.label == _FIELD.LABEL_REPEATED
        of = field.type_name.removeprefix(f".{self.package}.").lstrip(".")
        kind = _SCALARS.get(field.type, "int")
        if kind == "message" and repeated and of.rpartition(".")[2] in entries:
            kind = "map"
        presence = not repeated and (
            kind == "message" or field.proto3_optional or field.HasField("oneof_index")
        )
        return ProtoField(field.name, kind, of, repeated and kind != "map", presence)

    def reached(self, names: Iterable[str]) -> list[ProtoMessage]:
        """These messages and all within them, each once, by name."""
        found: dict[str, ProtoMessage] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            message = self.messages.get(name)
            if message is None or name in found:
                continue
            found[name] = message
            waiting += [field.of for field in message.fields if field.kind == "message"]
        return [found[name] for name in sorted(found)]


def module_of(file: str) -> str:
    """`budget.proto` → `budget_pb2`, as protoc has it."""
    return file.removesuffix(".proto").replace("-", "_").replace("/", ".") + "_pb2"


def compiled(protos: Protos) -> Mapping[str, str]:
    """What protoc makes of the package's files: messages and their types, by file name."""
    with tempfile.TemporaryDirectory() as scratch:
        descriptors = Path(scratch, "set")
        descriptors.write_bytes(protos.set.SerializeToString())
        out = Path(scratch, "out")
        out.mkdir()
        done = run(  # noqa: S603 # protoc itself, on descriptors that it made
            [
                *(sys.executable, "-m", "grpc_tools.protoc"),
                f"--descriptor_set_in={descriptors}",
                *(f"--python_out={out}", f"--pyi_out={out}"),
                *(file.name for file in protos.files),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"protoc: {done.stderr}")
        own = {module_of(file.name) for file in protos.files}
        return {
            os.path.relpath(path, out): _packaged(path.read_text("utf-8"), own)
            for path in sorted(out.rglob("*.py*"))
        }


def _packaged(text: str, own: set[str]) -> str:
    """`text` importing its siblings from the package that they are in, its types said in full."""
    text = text.replace(", _Mapping]", ", _Mapping[str, object]]")
    text = text.replace(" **kwargs)", " **kwargs: object)")
    text = re.sub(r"(?m)^(\w+_FIELD_NUMBER): _ClassVar\[int\]$", r"\1: int", text)
    for module in own:
        text = text.replace(f"\nimport {module} as ", f"\nfrom generated.grpc import {module} as ")
    return text
