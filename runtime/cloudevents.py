"""CloudEvents 1.0 on the wire: an envelope written in structured mode, and read in both modes.

Structured, as the contract's content type says: the body is the whole event, so that it stays whole
in retries, dead letters and dumps. https://github.com/cloudevents/spec, `kafka-protocol-binding.md`
and `amqp-protocol-binding.md` say how the attributes of binary mode are called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from typing_extensions import TypedDict

from runtime.model import Model
from runtime.ports import Envelope
from runtime.scalar import AnyTimestamp, rfc3339

STRUCTURED = "application/cloudevents+json"
# What an attribute's header begins with in binary mode: Kafka's, and the two of AMQP.
_BINARY = ("ce_", "cloudEvents:", "cloudEvents_", "cloudevents:", "cloudevents_")
# A body over this is no event of ours: the largest has two entities of some KB.
MOST_BODY = 1 << 20
# The messages' `x-event`, `x-reason` and so on go beside the body, in headers.
_MOST_TEXT = 254
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class CloudEventModel(Model):
    """What generated/messages.py stands on: extension attributes may stand beside the known."""

    model_config = ConfigDict(extra="allow")


class _Head(TypedDict):
    """Schema CloudEvent of asyncapi.yaml but for its data; other attributes are let pass."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: AnyTimestamp
    datacontenttype: Literal["application/json"]
    version: int
    traceparent: NotRequired[str]


class _Event(_Head):
    """All of it."""

    data: dict[str, Any]


_OPEN = ConfigDict(strict=True, extra="allow")
_Head.__pydantic_config__ = _OPEN  # type: ignore[attr-defined]  # pydantic's way for TypedDicts
_Event.__pydantic_config__ = _OPEN  # type: ignore[attr-defined]  # pydantic's way for TypedDicts
_HEAD: TypeAdapter[_Head] = TypeAdapter(_Head)
_EVENT: TypeAdapter[_Event] = TypeAdapter(_Event)
_ID = re.compile(r"[!-~]{1,64}")
_TYPE = re.compile(r"[a-z]+\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*")


def structured(envelope: Envelope, source: str) -> bytes:
    """The event as one JSON object, its `data` last. 2 µs."""
    head: dict[str, Any] = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": source,
        "type": envelope.type,
        "subject": envelope.subject,
        "time": envelope.time,
        "datacontenttype": "application/json",
        "version": envelope.version,
        "partitionkey": envelope.key,
    }
    if envelope.traceparent:
        head["traceparent"] = envelope.traceparent
    return b'%b,"data":%b}' % (to_json(head)[:-1], envelope.data)


def read(body: bytes, headers: Mapping[str, bytes], channel: str, key: str) -> Envelope:
    """The event in a message. Raises ValueError with a reason that quotes nothing of its data."""
    if len(body) > MOST_BODY:
        raise ValueError(f"the message has more than {MOST_BODY} bytes")
    binary = _attributes(headers)
    head: _Head
    cut = None if binary else _cut(body)
    if cut is not None:
        head, data = cut
    else:
        try:
            event = _from_binary(binary, body) if binary else _EVENT.validator.validate_json(body)
        except ValidationError as error:
            raise ValueError(_said(error)) from None
        head, data = event, body if binary else to_json(event["data"])
    _narrow(head)
    extra: Any = head.get("partitionkey")
    key = key or (extra if isinstance(extra, str) else "") or head["subject"]
    trace = head.get("traceparent", "")
    return Envelope(
        id=head["id"],
        type=head["type"],
        channel=channel,
        key=key,
        subject=head["subject"],
        version=head["version"],
        time=rfc3339(head["time"]),
        data=data,
        # A broken trace is no reason to lose an event.
        traceparent=trace if _TRACE.fullmatch(trace) else "",
    )


def _narrow(head: _Head) -> None:
    """The bounds that the contract sets. Raises ValueError."""
    if not _ID.fullmatch(head["id"]):
        raise ValueError("the message is no CloudEvent: id: not 1 to 64 visible characters")
    if len(head["type"]) > 60 or not _TYPE.fullmatch(head["type"]):
        raise ValueError("the message is no CloudEvent: type: not entity.change.version")
    if not 0 < head["version"] < 1 << 31:
        raise ValueError("the message is no CloudEvent: version: out of its range")
    for name in ("subject", "source"):
        if len(head[name]) > _MOST_TEXT:
            raise ValueError(f"the message is no CloudEvent: {name}: too long")
    year = head["time"].year
    if not 1 < year < 9999:
        raise ValueError("the message is no CloudEvent: time: out of its range")


def _said(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    if first["type"] == "json_invalid":
        return "the message is not JSON"
    place = ".".join(str(part)[:60] for part in first["loc"][:2])
    return f"the message is no CloudEvent: {place or 'it'}: {first['msg']}"


def _cut(body: bytes) -> tuple[_Head, bytes] | None:
    """The event without its data, and the data's bytes; None where it is not as we write it.

    Reading both apart takes half the time of reading the whole and writing the data anew. `,"`
    within a string would have its quote escaped, so the first `,"data":` is a member's name; and
    the last member's, where what follows is an object and the end.
    """
    at = body.find(b',"data":{')
    if at < 0 or not body.endswith(b"}"):
        return None
    start, data = body[:at] + b"}", body[at + 8 : -1]
    # No second `data` anywhere, and no object around the one that was found.
    if start.count(b"{") != 1 or b'"data"' in start or b'"data"' in data:
        return None
    try:
        head: _Head = _HEAD.validator.validate_json(start)
        from_json(data)
    except ValueError:
        return None
    return head, data


def _attributes(headers: Mapping[str, bytes]) -> dict[str, str]:
    """The attributes that binary mode has in headers; none, where the body is the event."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        if name.startswith(_BINARY):
            prefix = next(prefix for prefix in _BINARY if name.startswith(prefix))
            found[name[len(prefix) :]] = value.decode("utf-8", "replace")
    return found if "specversion" in found else {}


def _from_binary(attributes: dict[str, str], body: bytes) -> _Event:
    """An event whose body is its data. Raises ValueError and ValidationError."""
    whole: dict[str, Any] = {**attributes, "datacontenttype": "application/json"}
    version = attributes.get("version", "")
    if version.isascii() and version.isdigit() and len(version) < 20:
        whole["version"] = int(version)
    try:
        whole["data"] = from_json(body)
    except ValueError:
        raise ValueError("the message is not JSON") from None
    event: _Event = _EVENT.validator.validate_json(to_json(whole))
    return event
