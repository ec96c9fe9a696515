"""What a client says as it connects: who it is, and where it was cut off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from runtime.problem import InputError, InvalidInput, MalformedRequest, Problem
from runtime.rest import LONGEST_QUERY, Scope, bearer

_BEARER = "bearer."
_EVENT_ID = re.compile(r"[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}(:[0-9]{1,10})?").fullmatch


@dataclass(frozen=True, slots=True)
class Handshake:
    """`subprotocol` is what is answered: never one with a token. `problem`: what was wrong."""

    address: str
    traceparent: str | None
    subprotocol: str | None
    token: str | None = None
    ticket: str | None = None
    last_event_id: str = ""
    problem: Problem | None = None

    @property
    def signs_in(self) -> bool:
        """Whether it says who it is."""
        return self.token is not None or self.ticket is not None

    @classmethod
    def of(cls, scope: Scope, subprotocol: str) -> Handshake:
        """What `scope` says to a server that speaks `subprotocol`."""
        headers = dict(scope["headers"])
        offered = list(scope.get("subprotocols") or ())
        spoken = subprotocol if subprotocol in offered else None
        client = scope.get("client")
        trace = headers.get(b"traceparent")
        address = client[0] if client else ""
        traceparent = None if trace is None else trace.decode("latin-1")
        try:
            query = _query(scope.get("query_string", b""))
            token = _token(headers.get(b"authorization"), offered)
        except Problem as problem:
            return cls(address, traceparent, spoken, problem=problem)
        return cls(
            address,
            traceparent,
            spoken,
            token,
            None if token is not None else query.get("ticket"),
            query.get("lastEventId", ""),
        )


def _token(authorization: bytes | None, offered: list[str]) -> str | None:
    """The access token of the header or of the subprotocols; no URL ever has one."""
    if authorization is not None:
        return bearer(authorization)
    for name in offered:
        if name.startswith(_BEARER):
            return name.removeprefix(_BEARER)
    return None


def _query(raw: bytes) -> dict[str, str]:
    if len(raw) > LONGEST_QUERY:
        raise MalformedRequest(f"The query may have {LONGEST_QUERY} bytes.")
    try:
        query = dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=10))
    except ValueError:
        raise MalformedRequest("The query has too many parameters.") from None
    faults = [
        InputError(f"?{name[:100]}", "unknown", "is not a parameter here")
        for name in query
        if name not in ("ticket", "lastEventId")
    ]
    if not _EVENT_ID(query.get("lastEventId", "")) and "lastEventId" in query:
        faults.append(InputError("?lastEventId", "pattern", "must be an event's id"))
    if faults:
        raise InvalidInput(errors=faults)
    return query
