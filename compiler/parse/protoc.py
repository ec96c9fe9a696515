"""protoc, and the custom options that it leaves unread."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from compiler.source import File, Report


def compile_set(folder: Path, files: Mapping[str, File], report: Report) -> bytes | None:
    """The serialized FileDescriptorSet, with imports and places; None after reporting."""
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
            with _quiet(Path(os.devnull)):
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


class Options:
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
        return {row.name: _plain(value) for row, value in again.ListFields() if row.is_extension}


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return {row.name: _plain(inner) for row, inner in value.ListFields()}
    return value
