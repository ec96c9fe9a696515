"""What an operation takes and gives, apart from any protocol, and what each protocol calls it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compiler import naming
from compiler.ir import Bounds, Operation, Response, Type
from compiler.parse.rest import is_json
from compiler.source import Span


@dataclass(frozen=True)
class Argument:
    """One thing that an operation takes. `target`: the handler's argument, or the call's field."""

    graphql: str
    proto: str
    target: str
    type: Type
    required: bool
    span: Span
    default: Any = None
    has_default: bool = False


# REST's name → GraphQL's, gRPC's, and the call's field. What is not here keeps its name.
_HEADERS = {
    "idempotency-key": ("idempotencyKey", "idempotency_key", "idempotency_key"),
    "if-match": ("version", "version", "if_version"),
}
_PAGING = {"pageSize": "first", "pageToken": "after"}
_VERSION = Bounds(minimum=1, maximum=2**31 - 1)


def arguments(operation: Operation) -> Iterator[Argument]:
    """The operation's arguments: its parameters, then its body."""
    rest = operation.rest
    if rest is None:
        return
    for row in rest.parameters:
        names = _HEADERS.get(row.name.lower()) if row.location == "header" else None
        type = row.type
        if names is None:
            own = naming.camel(row.name) if row.location == "header" else row.name
            names = (_PAGING.get(row.name, own), naming.snake(row.name), row.python)
        elif names[2] == "if_version":
            type = Type("integer", row.span, bounds=_VERSION)
        yield Argument(
            *names, type, row.required, row.span, default=row.default, has_default=row.has_default
        )
    if rest.body and len(rest.body.content) == 1 and is_json(rest.body.content[0].name):
        media = rest.body.content[0]
        yield Argument("input", "body", "body", media.type, rest.body.required, rest.body.span)


def takes_raw(operation: Operation) -> bool:
    """Whether the body is a file or a stream, not one value."""
    body = operation.rest.body if operation.rest else None
    return body is not None and not (len(body.content) == 1 and is_json(body.content[0].name))


def success(operation: Operation) -> Response | None:
    """The response that the handler's answer becomes: the lowest 2xx."""
    responses = operation.rest.responses if operation.rest else ()
    return next((row for row in responses if row.status.startswith("2")), None)


def gives_raw(operation: Operation) -> bool:
    """Whether the answer is a file or a stream, not one value."""
    response = success(operation)
    return bool(response and response.content and not is_json(response.content[0].name))


def result(operation: Operation) -> Type | None:
    """The answer's type; None where there is no content (or only a file's)."""
    response = success(operation)
    if response is None or not response.content or not is_json(response.content[0].name):
        return None
    return response.content[0].type
