"""The HTTP edge: one ASGI application around all routes.

It names the request, answers health, metrics and CORS, turns every refusal into a problem, sets the
headers that every answer carries, and writes the log line and the metrics. What the compiled router
does not know is a gateway's (GraphQL), a page, connexion's (/docs), or else a 404 or a 405. Sockets
go to the one application that is given for them.

Long because it is the one place where the order of all this is seen.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from ipaddress import IPv4Network, IPv6Network
from time import perf_counter
from typing import Any, Protocol

from runtime.call import Call
from runtime.foreign import Asgi, captured
from runtime.log import RequestLog
from runtime.metrics import Metrics
from runtime.monitor import Monitor
from runtime.operation import Operation
from runtime.problem import (
    Internal,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
    ProblemKind,
)
from runtime.proxies import client_address
from runtime.ratelimit import Limiter, limit_header, policy_header
from runtime.refusal import refusal
from runtime.rest import (
    LONGEST_PATH,
    Disconnected,
    Header,
    Receive,
    Request,
    Response,
    Router,
    Scope,
    Send,
)
from runtime.trace import continue_trace, request_id

logger = logging.getLogger("budget.edge")


# What every answer carries (OWASP's REST security cheat sheet); documents are never framed or
# sniffed.
_SECURITY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
# Swagger UI's page has a script of its own in it, and styles.
_DOCUMENT_SECURITY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data:; frame-ancestors 'none'",
    ),
)
_HSTS: Header = (b"strict-transport-security", b"max-age=31536000")
_UNMATCHED = Operation("unmatched", "", "gateway", public=True)
_EXPOSED = b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"


class Lifespan(Protocol):
    """What the application starts and stops."""

    async def start(self) -> None:
        """Begins to work; ready when it returns."""
        ...

    async def stop(self) -> None:
        """Drains and ends."""
        ...


class Interpreter(Protocol):
    """What answers by the spec alone, in the place of the compiled routes."""

    def methods(self, path: str) -> Mapping[str, Any]:
        """What the contract has at `path`, by method; empty where it has no such path."""
        ...

    async def __call__(self, request: Request) -> Response:
        """The answer. Raises the refusal as a Problem."""
        ...


Pages = Mapping[str, Callable[[], Awaitable[Response]]]
# Path → method → what answers there beside the contract's table. It may name the call it made.
Gateways = Mapping[str, Mapping[str, Callable[[Request], Awaitable[Response]]]]


class Edge:
    """The ASGI application."""

    def __init__(
        self,
        *,
        router: Router,
        problems: Mapping[str, ProblemKind],
        metrics: Metrics,
        log: RequestLog,
        monitor: Monitor | None,
        pages: Pages,
        gateways: Gateways,
        sockets: Asgi | None,
        lifespan: Lifespan,
        limiter: Limiter,
        documents: Asgi | None,
        interpreter: Interpreter | None = None,
        origins: Sequence[str] = (),
        trusted_proxies: Sequence[IPv4Network | IPv6Network] = (),
        secure: bool = False,
    ) -> None:
        self._router = router
        self._problems = problems
        self._metrics = metrics
        self._log = log
        self._monitor = monitor
        self._pages = pages
        self._gateways = gateways
        self._sockets = sockets
        self._lifespan = lifespan
        self._limiter = limiter
        self._documents = documents
        self._interpreter = interpreter
        self._origins = frozenset(origin.encode() for origin in origins)
        self._proxies = list(trusted_proxies)
        self._security = [*_SECURITY, *([_HSTS] if secure else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection's event, as ASGI has it."""
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "lifespan":
            await self._life(receive, send)
        elif kind == "websocket":
            # Behind a proxy the address that limits count by is the client's.
            address = self._address(scope, dict(scope["headers"]))
            if self._sockets is not None:
                await self._sockets({**scope, "client": (address, 0)}, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": "no sockets here"})

    async def _life(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._lifespan.start()
                except Exception as error:
                    logger.exception("start failed")
                    await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._lifespan.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        request = Request(scope, receive, ())
        headers = request.headers
        request.request_id = request_id(request.header("x-request-id"))
        request.traceparent = continue_trace(request.header("traceparent"))
        request.address = self._address(scope, headers)
        operation = _UNMATCHED
        origin = headers.get(b"origin")
        try:
            path = scope["path"]
            if len(path) > LONGEST_PATH:
                raise NotFound("There is nothing at this path.")
            found = self._router.match(path) if self._interpreter is None else None
            if found is not None:
                methods, request.args = found
                pair = methods.get(scope["method"])
                if pair is None:
                    response = self._other_method(scope, headers, methods)
                else:
                    operation, route = pair
                    response = await route(request)
            else:
                response = await self._elsewhere(path, request)
                operation = request.call_made.operation if request.call_made else operation
        except Problem as problem:
            response = refusal(self._problems, problem, request.request_id)
        except Disconnected:
            # Gone, or its chunks were none: Granian does not tell them apart, and would answer 500.
            broken = MalformedRequest("The body is not complete.")
            response = refusal(self._problems, broken, request.request_id)
        except Exception:
            logger.exception(
                "operation failed",
                extra={"requestId": request.request_id, "operation": operation.id},
            )
            response = refusal(self._problems, Internal(), request.request_id)
        call = request.call_made
        extra = [
            *(self._security if not response.document else _DOCUMENT_SECURITY),
            (b"x-request-id", request.request_id.encode("latin-1")),
        ]
        if call is not None and call.rate is not None:
            extra += self._rate_headers(call)
        if origin is not None and origin in self._origins:
            extra += [
                (b"access-control-allow-origin", origin),
                (b"access-control-expose-headers", _EXPOSED),
                (b"vary", b"Origin"),
            ]
        status = await self._send(request, response, extra, send)
        self._done(scope, request, operation, status, began)

    async def _elsewhere(self, path: str, request: Request) -> Response:
        """What is no compiled route: own pages, connexion's documents, the interpreted contract."""
        method = request.scope["method"]
        gateway = self._gateways.get(path)
        if gateway is not None:
            route = gateway.get(method)
            if route is None:
                return self._other_method(request.scope, request.headers, gateway)
            return await route(request)
        page = self._pages.get(path)
        if page is not None:
            if method != "GET":
                return self._other_method(request.scope, request.headers, {"GET": None})
            return await page()
        if self._documents is not None and path.startswith("/docs"):
            if method != "GET":
                return self._other_method(request.scope, request.headers, {"GET": None})
            response = await captured(self._documents, request.scope, request.receive)
            if response.status < 400:
                response.document = True
                return response
            raise NotFound("There is nothing at this path.")
        if self._interpreter is not None:
            methods = self._interpreter.methods(path)
            if methods and method not in methods:
                return self._other_method(request.scope, request.headers, methods)
            return await self._interpreter(request)
        raise NotFound("There is nothing at this path.")

    def _rate_headers(self, call: Call) -> tuple[Header, Header]:
        rule = call.operation.rate
        remaining, reset = call.rate or (0, 0.0)
        policy = policy_header(rule.policy, self._limiter.limit(rule), rule.window)
        return (
            (b"ratelimit-policy", policy.encode("ascii")),
            (b"ratelimit", limit_header(rule.policy, remaining, reset).encode("ascii")),
        )

    async def _send(
        self, request: Request, response: Response, extra: list[Header], send: Send
    ) -> int:
        """Sends the answer, and gives its status; a stream that breaks is cut, as its status is
        gone.
        """
        body = response.body
        if isinstance(body, bytes):
            headers = [*response.headers, *extra, (b"content-length", b"%d" % len(body))]
            await send(
                {"type": "http.response.start", "status": response.status, "headers": headers}
            )
            await send({"type": "http.response.body", "body": body})
            if self._monitor is not None and request.call_made is not None:
                self._monitor.offer(
                    request.scope["method"],
                    request.scope["path"],
                    response.status,
                    headers,
                    body,
                )
            return response.status
        headers = [*response.headers, *extra]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await self._stream(body, request, send)
        return response.status

    async def _stream(self, chunks: AsyncIterator[bytes], request: Request, send: Send) -> None:
        async with aclosing(chunks) as open_chunks:  # type: ignore[type-var] # generators close
            async for chunk in open_chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _other_method(
        self, scope: Scope, headers: Mapping[bytes, bytes], methods: Mapping[str, Any]
    ) -> Response:
        """A CORS preflight, or 405."""
        allowed = ", ".join(sorted(methods)).encode()
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            if headers.get(b"origin") not in self._origins:
                return Response(204)
            return Response(
                204,
                [
                    (b"access-control-allow-methods", allowed),
                    (
                        b"access-control-allow-headers",
                        b"Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, "
                        b"traceparent, X-Request-Id",
                    ),
                    (b"access-control-max-age", b"600"),
                ],
            )
        problem = MethodNotAllowed(f"This path takes {allowed.decode()}.")
        problem.args = (problem.detail, allowed.decode())
        raise problem

    def _address(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """The client's address; behind a trusted proxy the last hop that is not one."""
        client = scope.get("client")
        address: str = client[0] if client else ""
        if not self._proxies:
            return address
        forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
        return client_address(address, forwarded, self._proxies)

    def _done(
        self, scope: Scope, request: Request, operation: Operation, status: int, began: float
    ) -> None:
        seconds = perf_counter() - began
        self._metrics.observe(operation.id, request.protocol, status, seconds)
        call: Call | None = request.call_made
        self._log.write(
            request_id=request.request_id,
            traceparent=request.traceparent,
            protocol=request.protocol,
            operation=operation.id,
            status=status,
            seconds=seconds,
            caller=call.caller.user_id if call is not None else "",
            address=request.address,
        )
