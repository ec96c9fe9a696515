"""What is said on a socket: graphql-transport-ws, its messages and its close codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import from_json

from runtime.rest import LONGEST_QUERY, bearer

# The protocol's codes, and RFC 6455's where it has none.
AWAY, TOO_LARGE, FAULT, SLOW = 1001, 1009, 1011, 1013
BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN, WRONG_PROTOCOL = 4400, 4401, 4403, 4406
TOO_LATE, ID_TAKEN, TOO_MANY, SILENT = 4408, 4409, 4429, 4499
REASONS = {
    AWAY: "The server stops",
    TOO_LARGE: "The message is too large",
    FAULT: "Something failed inside",
    SLOW: "The client fell behind",
    BAD_MESSAGE: "Invalid message",
    UNAUTHORIZED: "Unauthorized",
    FORBIDDEN: "Forbidden",
    WRONG_PROTOCOL: "Subprotocol not acceptable",
    TOO_LATE: "Connection initialisation timeout",
    ID_TAKEN: "Subscriber already exists",
    TOO_MANY: "Too many requests",
    SILENT: "Terminated",
}
_LONGEST_ID = 128


class Invalid(Exception):
    """A message that the protocol does not have."""


def read_message(text: str) -> Mapping[str, Any]:
    """A message as a client sent it. Raises Invalid."""
    try:
        message = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise Invalid from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Invalid
    return message


def id_of(message: Mapping[str, Any]) -> str:
    """The id of the operation that a message is about. Raises Invalid."""
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= _LONGEST_ID:
        raise Invalid
    return id


def credentials(
    payload: Mapping[str, Any], headers: Mapping[bytes, bytes], query: bytes
) -> tuple[str | None, str | None]:
    """The access token of the payload or the handshake, or a ticket; no URL has a token.

    Raises Unauthenticated where it is no bearer's.
    """
    given = payload.get("authorization", payload.get("Authorization"))
    if isinstance(given, str):
        return bearer(given.encode("utf-8", "replace")), None
    for name in ("accessToken", "token"):
        if isinstance(payload.get(name), str):
            return payload[name], None
    ticket = payload.get("ticket")
    if isinstance(ticket, str):
        return None, ticket
    header = headers.get(b"authorization")
    if header is not None:
        return bearer(header), None
    if 0 < len(query) <= LONGEST_QUERY:
        pairs = parse_qsl(query.decode("latin-1"), max_num_fields=100)
        return None, dict(pairs).get("ticket")
    return None, None
