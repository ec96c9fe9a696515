"""What compiled REST routes are made of: the request, the response, and the way from a path to a
route.

Long because a request, an answer and the router are all that generated routes import of HTTP.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from runtime.call import Call
from runtime.faults import sentence
from runtime.operation import Operation
from runtime.problem import (
    BodyTooLarge,
    InputError,
    MalformedRequest,
    Unauthenticated,
    UnsupportedMediaType,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = (b"content-type", b"application/json")
PROBLEM_JSON = (b"content-type", b"application/problem+json")


# Beyond these nothing is meant, and decoding it would cost: 400 KB, which servers let through, take
# 70 ms of CPU.
LONGEST_QUERY = 8192
LONGEST_PATH = 2048


# The query parameter that stands in for Last-Event-ID, where a ticket may for the Authorization.
RESUMED_FROM = "lastEventId"


class Disconnected(Exception):
    """The client went away before its body was complete."""


class Request:
    """One HTTP request on its way to a route. `args` are the path's parameters, in order."""

    __slots__ = (
        "address",
        "args",
        "call_made",
        "headers",
        "protocol",
        "receive",
        "request_id",
        "scope",
        "traceparent",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        args: Sequence[str],
        *,
        request_id: str = "",
        traceparent: str = "",
        address: str = "",
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.args = args
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = request_id
        self.traceparent = traceparent
        self.address = address
        self.call_made: Call | None = None
        # As the log and the metrics name it.
        self.protocol = "rest"

    def call(self, operation: Operation) -> Call:
        """The call that this request makes: who says to be calling, and under which conditions."""
        get = self.headers.get
        authorization = get(b"authorization")
        self.call_made = call = Call(
            operation,
            "rest",
            self.request_id,
            token=None if authorization is None else bearer(authorization),
            address=self.address,
            traceparent=self.traceparent,
        )
        if operation.ticket is not None:
            self._as_a_browser(call, operation.ticket, authorization)
        if operation.write:
            call.user_agent = get(b"user-agent", b"").decode("latin-1")[:300]
        return call

    def _as_a_browser(self, call: Call, ticket: str, authorization: bytes | None) -> None:
        """An EventSource sends no header of ours, so the query stands in for two of them."""
        query = self.query()
        if authorization is None:
            call.ticket = query.get(ticket)
        last = query.get(RESUMED_FROM)
        if last is not None:
            self.headers.setdefault(b"last-event-id", last.encode("latin-1", "replace"))

    def conditions(self, call: Call, faults: list[InputError]) -> None:
        """Reads Idempotency-Key and If-Match, for the operations that declare them."""
        key = self.headers.get(b"idempotency-key")
        if key is not None and call.operation.idempotent:
            call.idempotency_key = idempotency_key(key, faults)
        match = self.headers.get(b"if-match")
        if match is not None and call.operation.conditional:
            call.if_version = version_of(match, faults)

    def header(self, name: str) -> str | None:
        """A header's text, by its name in lower case."""
        value = self.headers.get(name.encode("ascii"))
        return None if value is None else value.decode("latin-1")

    def cookie(self, name: str) -> str | None:
        """A cookie's text."""
        for part in self.headers.get(b"cookie", b"").decode("latin-1").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return None

    def query(self) -> Mapping[str, str]:
        """The query's parameters; of a repeated one the last."""
        raw = self.scope.get("query_string", b"")
        if not raw:
            return _NOTHING
        if len(raw) > LONGEST_QUERY:
            raise MalformedRequest(f"The query may have {LONGEST_QUERY} bytes.")
        try:
            return dict(
                parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
            )
        except ValueError:
            raise MalformedRequest("The query has too many parameters.") from None

    def media_type(self, allowed: Sequence[str]) -> str:
        """The body's content type, one of `allowed`; the first where the client names none."""
        raw = self.headers.get(b"content-type")
        if raw is None:
            return allowed[0]
        if raw == b"application/json" and allowed[0] == "application/json":
            return allowed[0]
        essence = raw.partition(b";")[0].strip().lower().decode("latin-1")
        if essence not in allowed:
            raise UnsupportedMediaType(f"Send {' or '.join(allowed)}.")
        return essence

    async def body(self, limit: int) -> bytes:
        """The whole body, of `limit` bytes at most."""
        declared = self.headers.get(b"content-length")
        if declared is not None:
            if not declared.isdigit():
                raise MalformedRequest("The Content-Length is not a number.")
            if len(declared) > 12 or int(declared) > limit:
                raise BodyTooLarge(f"The body may have {limit} bytes.")
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        raw: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            if len(raw) > limit:
                raise BodyTooLarge(f"The body may have {limit} bytes.")
            return raw
        parts = [raw]
        size = len(raw)
        while message.get("more_body", False):
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            raw = message.get("body", b"")
            size += len(raw)
            if size > limit:
                raise BodyTooLarge(f"The body may have {limit} bytes.")
            parts.append(raw)
        return b"".join(parts)

    async def stream(self, limit: int) -> AsyncIterator[bytes]:
        """The body's chunks, of `limit` bytes at most altogether."""
        size = 0
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge(f"The body may have {limit} bytes.")
            if chunk:
                yield chunk


_NOTHING: Mapping[str, str] = {}


def bearer(value: bytes) -> str:
    """The token of an Authorization header (RFC 6750)."""
    scheme, _, token = value.partition(b" ")
    if scheme.lower() != b"bearer" or not token:
        raise Unauthenticated("Authorization must be `Bearer` and an access token.")
    return token.strip().decode("latin-1")


# As the contract's components declare them: IdempotencyKey, IfMatch.
_KEY = "^[!-~]+$"
_MOST_KEY = 128
_MATCH = r'^(\*|(W/)?"[0-9]{1,10}")$'
_MOST_MATCH = 20

_printable = re.compile(rb"[!-~]+").fullmatch


def idempotency_key(value: bytes, faults: list[InputError]) -> str | None:
    """An Idempotency-Key header: 1 to 128 printable ASCII characters."""
    code, limit = "pattern", _KEY
    if len(value) < 1:
        code, limit = "minLength", "1"
    elif len(value) > _MOST_KEY:
        code, limit = "maxLength", str(_MOST_KEY)
    elif _printable(value):
        return value.decode("ascii")
    faults.append(InputError("header:Idempotency-Key", code, sentence(code, limit)))
    return None


# No entity has this version: what a weak ETag names, as If-Match compares strongly (RFC 9110,
# 13.1.1).
NO_VERSION = -1


def version_of(value: bytes, faults: list[InputError]) -> int | None:
    """The version that an If-Match header names: `"3"` is 3, `*` is any (None)."""
    if value == b"*":
        return None
    strong = value.removeprefix(b"W/")
    digits = strong[1:-1]
    if not (
        1 <= len(digits) <= 10 and digits.isdigit() and strong[:1] == b'"' and strong[-1:] == b'"'
    ):
        code, limit = "pattern", _MATCH
        if len(value) < 1:
            code, limit = "minLength", "1"
        elif len(value) > _MOST_MATCH:
            code, limit = "maxLength", str(_MOST_MATCH)
        faults.append(InputError("header:If-Match", code, sentence(code, limit)))
        return None
    return int(digits) if strong is value else NO_VERSION


@dataclass(slots=True)
class Response:
    """An answer. `body` is bytes, or chunks as they come."""

    status: int
    headers: list[Header] = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] = b""
    # A page for people: another content security policy than data's.
    document: bool = False


def json_response(status: int, body: bytes) -> Response:
    """JSON without a version."""
    return Response(status, [JSON], body)


def entity_response(status: int, body: bytes, version: int) -> Response:
    """An entity's JSON, with its version as the ETag."""
    return Response(status, [JSON, (b"etag", b'"%d"' % version)], body)


def created_response(status: int, body: bytes, version: int | None, location: str) -> Response:
    """A new entity's JSON, and where it is."""
    headers = [JSON, (b"location", location.encode("ascii"))]
    if version is not None:
        headers.append((b"etag", b'"%d"' % version))
    return Response(status, headers, body)


def empty_response(status: int) -> Response:
    """Nothing but a status."""
    return Response(status)


def stream_response(status: int, media: str, chunks: AsyncIterator[bytes]) -> Response:
    """Chunks as they come."""
    return Response(status, [(b"content-type", media.encode("ascii"))], chunks)


Route = Callable[[Request], Awaitable[Response]]


class _Node:
    __slots__ = ("literals", "methods", "mixed", "parameter")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        # Segments that hold text and parameters, as `{name}.{ext}`: pattern and what follows.
        self.mixed: dict[str, tuple[re.Pattern[str], _Node]] = {}
        self.parameter: _Node | None = None
        self.methods: dict[str, tuple[Operation, Route]] = {}


_PARAMETER = re.compile(r"\{[^{}]*\}")


def _mixed(part: str) -> re.Pattern[str]:
    """A segment of text and parameters as a pattern, a group each."""
    return re.compile("(.+?)".join(map(re.escape, _PARAMETER.split(part))))


class Router:
    """From a path to a route: literal segments before parameters, as OpenAPI has it."""

    def __init__(self, routes: Sequence[tuple[str, str, Operation, Route]]) -> None:
        self._root = _Node()
        self._exact: dict[str, dict[str, tuple[Operation, Route]]] = {}
        # Where the only parameter ends the path, as it mostly does: by what is before it.
        self._ending: dict[str, dict[str, tuple[Operation, Route]]] = {}
        for method, path, operation, route in routes:
            node = self._root
            for part in path.split("/"):
                if _PARAMETER.fullmatch(part):
                    node.parameter = node.parameter or _Node()
                    node = node.parameter
                elif "{" in part:
                    shape = _PARAMETER.sub("{}", part)
                    node = node.mixed.setdefault(shape, (_mixed(part), _Node()))[1]
                else:
                    node = node.literals.setdefault(part, _Node())
            node.methods[method.upper()] = (operation, route)
            if "{" not in path:
                self._exact[path] = node.methods
            elif "{" not in (ends := path.rpartition("/"))[0] and _PARAMETER.fullmatch(ends[2]):
                self._ending[ends[0]] = node.methods

    def match(self, path: str) -> tuple[dict[str, tuple[Operation, Route]], Sequence[str]] | None:
        """The methods at `path` and its parameters' values; None when there is no such path."""
        methods = self._exact.get(path)
        if methods is not None:
            return methods, ()
        before, _, last = path.rpartition("/")
        methods = self._ending.get(before)
        if methods is not None and last:
            return methods, (last,)
        args: list[str] = []
        found = _walk(self._root, path.split("/"), 0, args)
        return None if found is None else (found, args)


def _walk(
    node: _Node, parts: list[str], at: int, args: list[str]
) -> dict[str, tuple[Operation, Route]] | None:
    """The most literal way first, and back to a freer one when it leads nowhere."""
    if at == len(parts):
        return node.methods or None
    part = parts[at]
    literal = node.literals.get(part)
    if literal is not None:
        found = _walk(literal, parts, at + 1, args)
        if found is not None:
            return found
    mark = len(args)
    for pattern, following in node.mixed.values():
        fits = pattern.fullmatch(part)
        if fits is not None:
            args += fits.groups()
            found = _walk(following, parts, at + 1, args)
            if found is not None:
                return found
            del args[mark:]
    if node.parameter is not None and part:
        args.append(part)
        found = _walk(node.parameter, parts, at + 1, args)
        if found is not None:
            return found
        del args[mark:]
    return None
