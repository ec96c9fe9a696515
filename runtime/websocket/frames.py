"""What a socket speaks: the shapes that generated/websocket.py fills in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Protocol

from pydantic_core import from_json

from runtime.decode import JsonBody
from runtime.operation import Operation
from runtime.problem import InputError, InvalidInput, MalformedRequest

__all__ = ["Frames", "Kind", "NoFrame", "Refused", "Topic", "quoted"]


class WriteAck(Protocol):
    """Writes the acknowledgement of a frame; `payload` is JSON."""

    def __call__(self, id: str, *, last_event_id: str = "", payload: bytes = b"") -> str: ...


class WriteError(Protocol):
    """Writes a refusal; `payload` is a problem in JSON."""

    def __call__(self, payload: bytes, *, channel: str = "", id: str = "") -> str: ...


class WriteEvent(Protocol):
    """Writes what happened on a channel; `payload` is JSON."""

    def __call__(self, channel: str, id: str, payload: bytes) -> str: ...


class WriteSign(Protocol):
    """Writes a ping or a pong."""

    def __call__(self, id: str) -> str: ...


class Kind(Enum):
    """What a topic's events are, and so how one that was cut off gets what it missed."""

    # What is watched tells it, asked for what came after an id.
    STREAM = "stream"
    # A list that only grows: it is read back to the id.
    LIST = "list"
    # One thing as it changes: the last state stands for all. Its events' ids bear the version.
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Topic:
    """What clients hear of: what `watches` would answer, written by `write`.

    `argument` is the operation's that ends the channel's name, `after` the one that takes the last
    event's id. `prefix` begins the events' ids. `sends` is how clients say something there, and
    `answer` writes what it gives back.
    """

    watches: Operation
    kind: Kind
    write: Callable[[Any], bytes]
    prefix: str = ""
    argument: str | None = None
    after: str | None = None
    sends: Operation | None = None
    answer: Callable[[Any], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Frames:
    """A socket's contract: its subprotocol, its frames, its topics, and why it closes."""

    subprotocol: str
    readers: Mapping[str, JsonBody[Any]]
    topics: Mapping[str, Topic]
    close_codes: Mapping[int, str]
    ack: WriteAck
    error: WriteError
    event: WriteEvent
    ping: WriteSign
    pong: WriteSign

    def read(self, text: str) -> Any:
        """The frame in `text`. Raises NoFrame, or Refused with every fault and its place."""
        raw = text.encode("utf-8", "surrogatepass")
        try:
            told = from_json(raw)
        except ValueError:
            raise NoFrame("A frame is a JSON text.") from None
        if not isinstance(told, dict):
            raise NoFrame("A frame is a JSON object.")
        reader = self.readers.get(told["type"]) if isinstance(told.get("type"), str) else None
        if reader is None:
            raise NoFrame(f"A client's frame is of type {', '.join(sorted(self.readers))}.")
        faults: list[InputError] = []
        try:
            frame = reader.read(raw, faults)
        except InvalidInput as invalid:
            faults.extend(invalid.errors)
            frame = None
        except MalformedRequest:
            # What pydantic reads strictly is more than what it reads loosely, as NaN.
            raise NoFrame("A frame is a JSON text.") from None
        if faults or frame is None:
            raise Refused(_id(told), InvalidInput(errors=faults))
        return frame

    def topic(self, channel: str) -> tuple[Topic, dict[str, str]]:
        """The topic at `channel`, and its argument. Raises InvalidInput."""
        head, _, tail = channel.partition("/")
        topic = self.topics.get(head)
        if topic is None or (topic.argument is not None) != bool(tail):
            raise InvalidInput(errors=[InputError("/channel", "invalid", "is no channel here")])
        return topic, {} if topic.argument is None else {topic.argument: tail}


class NoFrame(MalformedRequest):
    """What came is no frame: nobody knows what its sender takes this for."""


class Refused(Exception):
    """The frame called `id` ("" where it has no such) is refused for `problem`."""

    def __init__(self, id: str, problem: InvalidInput) -> None:
        super().__init__(id)
        self.id = id
        self.problem = problem


def _id(told: Mapping[str, Any]) -> str:
    """A refused frame's id, where it is one that can be answered."""
    id = told.get("id")
    fits = isinstance(id, str) and 1 <= len(id) <= 64 and id.isascii() and id.isprintable()
    return id if fits and isinstance(id, str) and " " not in id else ""
