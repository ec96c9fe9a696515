"""A request of gRPC as the request of REST that asks for the same, by the specs' naming rules."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from generated.grpc.methods import METHODS
from tests.access.requests import CONTRACT, PLACES


@dataclass(frozen=True, slots=True)
class Twin:
    """The same in HTTP."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


def camel(name: str) -> str:
    """`budget_id` is `budgetId`."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def _values_of(enum: str) -> dict[str, str]:
    """Symbol → REST's value, by the contract's schema of that name."""
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum).upper()
    values = CONTRACT["components"]["schemas"][enum]["enum"]
    return {
        f"{prefix}_{re.sub(r'(?<=[a-z])(?=[A-Z])', '_', value).upper()}": value for value in values
    }


def value_of(field: Any, value: Any) -> Any:
    """A field's value in JSON."""
    if field.enum_type is not None:
        found = field.enum_type.values_by_number.get(value)
        return _values_of(field.enum_type.name).get(found.name, "") if found else ""
    return as_json(value) if field.message_type is not None else value


def as_json(message: Message) -> dict[str, Any]:
    """A message as REST's JSON; what may be told from nothing is left out where it is not there."""
    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            if len(value):
                found[camel(field.name)] = [value_of(field, each) for each in value]
        elif not field.has_presence or message.HasField(field.name):
            found[camel(field.name)] = value_of(field, value)
    return found


def as_message(kind: type[Message], value: dict[str, Any]) -> Message:
    """REST's JSON as the message that says the same."""
    message = kind()
    for field in message.DESCRIPTOR.fields:
        given = value.get(camel(field.name))
        if given is None:
            continue
        for each in given if field.is_repeated else [given]:
            part: Any = each
            if field.enum_type is not None:
                names = {v: k for k, v in _values_of(field.enum_type.name).items()}
                part = field.enum_type.values_by_name[names[each]].number
            elif field.message_type is not None:
                part = as_message(type(_empty(message, field)), each)
            if field.is_repeated:
                getattr(message, field.name).append(part)
            elif field.message_type is not None:
                getattr(message, field.name).CopyFrom(part)
            else:
                setattr(message, field.name, part)
    return message


def _empty(message: Message, field: Any) -> Message:
    """An empty message of the field's kind."""
    empty: Message = GetMessageClass(field.message_type)()
    return empty


def twin(path: str, message: Message) -> Twin | None:
    """What to send to REST; None where HTTP has no way to say it."""
    place = PLACES[METHODS[path].operation.id]
    values = as_json(message)
    headers: dict[str, str] = {}
    body = values.pop("body", None)
    key, version = values.pop("idempotencyKey", None), values.pop("version", None)
    if key is not None:
        if not key.isascii() or not key.isprintable() or key != key.strip():
            return None
        headers["Idempotency-Key"] = key
    if version is not None:
        if version < 1:
            return None
        headers["If-Match"] = f'"{version}"'
    target = place.path
    for name in re.findall(r"\{(\w+)\}", target):
        value = str(values.pop(name))
        if not value.strip(".") or len(value) > 300:
            return None
        target = target.replace(f"{{{name}}}", quote(value, safe=""))
    last = values.pop("lastEventId", None)
    if last is not None:
        headers["Last-Event-ID"] = last
    query = urlencode(
        {name: str(v).lower() if isinstance(v, bool) else v for name, v in values.items()}
    )
    if body is not None:
        headers["Content-Type"] = "application/json"
    raw = None if body is None else json.dumps(body).encode()
    return Twin(place.method, f"/api{target}{'?' if query else ''}{query}", headers, raw)
