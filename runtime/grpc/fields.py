"""What a message's fields mean where a line of generated code does not say it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from google.protobuf import json_format, struct_pb2
from google.protobuf.message import Message

from runtime.faults import listed, sentence
from runtime.problem import InputError, InvalidInput

E = TypeVar("E", bound=Enum)


def member(enum: type[E], names: Mapping[int, str], number: int) -> E:
    """The enum's member of that number. Raises InvalidInput for one that it does not have: the
    service that sent it is newer than this one.
    """
    name = names.get(number)
    if name is None:
        limit = listed([str(each.value) for each in enum])
        raise InvalidInput(errors=[InputError("", "enum", sentence("enum", limit))])
    return enum(name)


def plain(message: Message) -> Any:
    """A message that stands for JSON (Struct, Value), as what it stands for."""
    return json_format.MessageToDict(message, preserving_proto_field_name=False)


def plain_map(entries: Mapping[Any, Any]) -> dict[str, Any]:
    """A map's entries, as JSON has them."""
    return {
        str(key): plain(value) if isinstance(value, Message) else value
        for key, value in entries.items()
    }


def structured(value: Any) -> struct_pb2.Value:
    """JSON as a message."""
    return json_format.ParseDict(value, struct_pb2.Value())


def text_of(value: bytes) -> str:
    """Bytes as JSON has them: base64."""
    return b64encode(value).decode("ascii")
