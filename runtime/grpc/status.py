"""A refusal as gRPC tells it, and as a client understands it again.

The status has the problem's code and words. `grpc-status-details-bin` holds google.rpc.Status with
what google.rpc has names for (ErrorInfo, RequestInfo, BadRequest, RetryInfo); `problem-bin` the
contract's own Problem, with the pointers that REST gives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from runtime.problem import (
    BodyTooLarge,
    DeadlineExceeded,
    InputError,
    Internal,
    MalformedRequest,
    Problem,
    ProblemKind,
    RateLimited,
    Unauthenticated,
    Unavailable,
)

DETAILS = "grpc-status-details-bin"
PROBLEM = "problem-bin"
# gRPC's clients take 8 KiB of metadata unless told, and what is binary grows by a third on the way.
_MOST_BYTES = 5000
_MOST_MESSAGE = 300
_CODES: Mapping[str, grpc.StatusCode] = {code.name: code for code in grpc.StatusCode}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HEADERS = {"Idempotency-Key": "idempotency_key", "If-Match": "version"}

Trailer = tuple[str, str | bytes]


def field_path(pointer: str) -> str:
    """Where a REST pointer leads in a request message: `/lines/0/unitPrice` is
    `body.lines[0].unit_price`, `?pageSize` is `page_size`, `header:If-Match` is `version`.
    """
    if pointer.startswith("header:"):
        name = pointer.removeprefix("header:")
        return _HEADERS.get(name, name.lower().replace("-", "_"))
    if not pointer.startswith("/"):
        if not pointer:
            return "body"
        return _snake(pointer.removeprefix("path:").removeprefix("?"))
    path = "body"
    for part in pointer[1:].split("/"):
        part = part.replace("~1", "/").replace("~0", "~")
        path += f"[{part}]" if part.isdigit() else f".{_snake(part)}"
    return path


def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower()


def told(
    problem: Problem,
    problems: Mapping[str, ProblemKind],
    message: type[Message],
    request_id: str,
) -> tuple[grpc.StatusCode, str, list[Trailer]]:
    """Code, words and trailers of a refusal; `message` is the contract's Problem.

    Of many input errors those are listed that fit what clients take of metadata, the first of them.
    """
    kind = problems.get(problem.code) or problems["internal"]
    words = (problem.detail or kind.title)[:_MOST_MESSAGE]
    errors: Sequence[InputError] = problem.errors
    while True:
        own = _problem(problem, kind, errors, message, request_id)
        details = _details(problem, kind, errors, words, request_id)
        if len(own) + len(details) <= _MOST_BYTES or not errors:
            return _CODES[kind.grpc], words, [(PROBLEM, own), (DETAILS, details)]
        errors = errors[: len(errors) // 2]


def _problem(
    problem: Problem,
    kind: ProblemKind,
    errors: Sequence[InputError],
    message: type[Message],
    request_id: str,
) -> bytes:
    document: Any = message(
        type=f"/docs/problems#{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=problem.detail[:1000] or None,
        code=kind.code,
        request_id=request_id,
    )
    for error in errors:
        document.errors.add(
            pointer=error.pointer[:300], code=error.code[:50], message=error.message[:500]
        )
    packed: bytes = document.SerializeToString()
    return packed


def _details(
    problem: Problem,
    kind: ProblemKind,
    errors: Sequence[InputError],
    words: str,
    request_id: str,
) -> bytes:
    parts: list[Message] = [
        error_details_pb2.ErrorInfo(
            reason=kind.code.upper().replace("-", "_"), domain="budget-manager"
        ),
        error_details_pb2.RequestInfo(request_id=request_id),
    ]
    if errors:
        parts.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=field_path(error.pointer), description=error.message[:500]
                    )
                    for error in errors
                ]
            )
        )
    if problem.retry_after is not None or kind.status in (429, 503):
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromMilliseconds(int(max(1.0, problem.retry_after or 0.0) * 1000))
        parts.append(info)
    status = status_pb2.Status(code=_CODES[kind.grpc].value[0], message=words)
    for part in parts:
        packed = Packed()
        packed.Pack(part)
        status.details.append(packed)
    serialized: bytes = status.SerializeToString()
    return serialized


# --- as a client understands it -------------------------------------------------------------------

# What gRPC itself says, where nobody of ours has spoken.
_UNSAID: Mapping[grpc.StatusCode, type[Problem]] = {
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: Unavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: BodyTooLarge,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}


def understood(
    error: grpc.aio.AioRpcError,
    refusals: Mapping[str, type[Problem]],
    message: type[Message],
) -> Problem:
    """The Problem that another service has refused with; `refusals` are by code."""
    trailers = {key: value for key, value in error.trailing_metadata() or ()}
    raw = trailers.get(PROBLEM)
    if isinstance(raw, bytes):
        try:
            document: Any = message.FromString(raw)
        except DecodeError:
            return MalformedRequest("The refusal cannot be read.")
        kind = refusals.get(document.code, Internal)
        return kind(
            document.detail,
            errors=[InputError(e.pointer, e.code, e.message) for e in document.errors],
            retry_after=_delay(trailers.get(DETAILS)),
        )
    kind = _UNSAID.get(error.code(), Internal)
    if issubclass(kind, RateLimited | Unavailable):
        return kind("A service that is needed does not answer.", retry_after=1)
    return kind("")


def _delay(raw: str | bytes | None) -> float | None:
    """The seconds in a status's RetryInfo."""
    if not isinstance(raw, bytes):
        return None
    info = error_details_pb2.RetryInfo()
    for packed in status_pb2.Status.FromString(raw).details:
        if packed.Unpack(info):
            return float(info.retry_delay.ToMilliseconds()) / 1000
    return None
