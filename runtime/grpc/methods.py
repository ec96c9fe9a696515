"""What a generated method says of itself: how its messages become arguments and answers messages.

Requests come as bytes and answers go as bytes, so that nobody's message is parsed before its sender
was admitted, and an entity that was packed once stays packed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message

from runtime.model import Entity
from runtime.operation import Operation
from runtime.problem import MalformedRequest

Read = Callable[[Any], dict[str, Any]]
Pack = Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class Unary:
    """One request, one answer."""

    operation: Operation
    request: type[Message]
    read: Read
    pack: Pack


@dataclass(frozen=True, slots=True)
class Internal:
    """Asked by our own services alone: `read` gives the handler's arguments as they are."""

    operation: Operation
    request: type[Message]
    read: Read
    pack: Pack


@dataclass(frozen=True, slots=True)
class Rows:
    """A file's rows as messages: what `lists` answers to the same arguments, sorted by `sort`."""

    operation: Operation
    request: type[Message]
    read: Read
    pack: Pack
    lists: Operation
    sort: str


@dataclass(frozen=True, slots=True)
class Watch:
    """What `operation` would answer, as it changes; `first`: what it answers now comes first.

    `arguments`: the names of those that say what to watch.
    """

    operation: Operation
    request: type[Message]
    read: Read
    pack: Pack
    arguments: tuple[str, ...]
    first: bool = False


@dataclass(frozen=True, slots=True)
class Collect:
    """A file that comes row by row: the request's `start` holds the arguments, then each has a
    `row`. The handler gets lines of JSON, called `media`.
    """

    operation: Operation
    request: type[Message]
    start: str
    read: Read
    row: str
    read_row: Read
    media: str
    pack: Pack


@dataclass(frozen=True, slots=True)
class Converse:
    """Both ways: what `operation` would answer as it changes, and a call of `sends` for each
    message with a body. The first message says what to watch.
    """

    operation: Operation
    sends: Operation
    request: type[Message]
    read: Read
    pack: Pack
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """The same operation between services, its file as it is: no row is read on the way.

    `takes`: the request is followed by the file's bytes; else the answer is the file's bytes.
    """

    operation: Operation
    request: type[Message]
    read: Read
    takes: bool
    pack: Pack
    start: str = ""


Method = Unary | Internal | Rows | Watch | Collect | Converse | File

# A method between services is called like the one of the contract, and this.
FILE = ".file"
# How a file's content type travels in metadata.
MEDIA = "x-media"


def nothing(answer: None) -> bytes:
    """What says no more than that it is done: an empty message."""
    return b""


def packing(write: Callable[[Any], Message]) -> Pack:
    """Packs what `write` makes a message of."""

    def pack(value: Any) -> bytes:
        return write(value).SerializeToString()

    return pack


# The slot itself: an attribute that is not set would be looked for by pydantic too, for 2 µs.
_PACKED = Entity.__dict__["packed"]


def packing_once(write: Callable[[Any], Message]) -> Pack:
    """The same for entities, which keep it: they are frozen, and a change makes another object."""
    kept, keep = _PACKED.__get__, _PACKED.__set__

    def pack(entity: Any) -> bytes:
        try:
            return kept(entity)  # type: ignore[no-any-return] # only this fills it
        except AttributeError:
            packed = write(entity).SerializeToString()
            keep(entity, packed)
            return packed

    return pack


def parsed(request: type[Message], raw: bytes) -> Any:
    """The message in `raw`. Raises MalformedRequest."""
    try:
        return request.FromString(raw)
    except DecodeError:
        raise MalformedRequest("The message cannot be read.") from None
