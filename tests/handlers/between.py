"""A gRPC client and server between a test and its handlers: what must not make a difference."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc

from generated.errors import PROBLEMS
from generated.grpc import clients
from generated.grpc.budget_pb2 import Problem
from generated.grpc.methods import METHODS, SERVICES
from generated.inputs import INPUTS
from generated.operations import (
    INTERNAL_OPERATIONS,
    LEVEL_METHODS,
    LEVELS,
    OPERATIONS,
    WATCH_METHODS,
)
from generated.values import RESULTS
from runtime.adapters.clock import SystemClock
from runtime.call import Caller
from runtime.gate import Gate, KnownTokens
from runtime.grpc.binding import Methods
from runtime.grpc.client import Remote
from runtime.grpc.server import GrpcServer, Listening
from runtime.grpc.trust import Vouchers
from runtime.grpc.turn import Desk
from runtime.log import LogWriter, RequestLog
from runtime.metrics import Metrics
from runtime.problem import Unauthenticated
from runtime.ratelimit import Limiter

if TYPE_CHECKING:
    from tests.handlers.world import World

T = TypeVar("T")
_SECRET = b"what our services know each other by"


class Wire:
    """Serves the handlers that a world's tests make, and gives what reaches them by gRPC."""

    def __init__(self, world: World) -> None:
        self._offered: dict[str, Any] = {}
        self._log = LogWriter(io.BytesIO())
        limiter = Limiter()
        # Its own time: tests turn the world's.
        vouchers = Vouchers(_SECRET, SystemClock())
        desk = Desk(
            problems=PROBLEMS,
            problem=Problem,
            vouchers=vouchers,
            metrics=Metrics(),
            log=RequestLog(self._log, "error"),
            limiter=limiter,
        )
        gate = Gate(
            handlers={o.id: self._late(o.service, o.method) for o in OPERATIONS.values()},
            levels={
                resource: self._level(resource, service, method)
                for resource, (service, method) in LEVEL_METHODS.items()
            },
            ranks=LEVELS,
            watches={id: self._late(*where) for id, where in WATCH_METHODS.items()},
            stores={o.service: world.store(o.service) for o in OPERATIONS.values()},
            results=RESULTS,
            identities=Nobody(),
            known=KnownTokens(),
            limiter=limiter,
        )
        answering = {o.id: self._late(o.service, o.method) for o in INTERNAL_OPERATIONS.values()}
        methods = Methods(METHODS, gate=gate, inputs=INPUTS, answering=answering, desk=desk)
        self._server = GrpcServer(methods, SERVICES, Listening("127.0.0.1", 0))
        self._vouchers = vouchers
        self._channel: grpc.aio.Channel | None = None

    async def open(self) -> None:
        """Listens."""
        await self._server.start()
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{self._server.port}")

    async def close(self) -> None:
        """Ends both sides."""
        if self._channel is not None:
            await self._channel.close()
        await self._server.stop(0)
        self._log.close()

    def between(self, service: str, handlers: T) -> T:
        """The handlers, whose operations are reached by the generated client."""
        assert self._channel is not None
        self._offered[service] = handlers
        remote = Remote(
            self._channel, vouchers=self._vouchers, refusals=clients.REFUSALS, problem=Problem
        )
        client = getattr(clients, f"{service.title()}Client")(remote)
        return cast("T", _Between(service, handlers, client))

    def _late(self, service: str, method: str) -> Callable[..., Any]:
        """The handler's method, once there is a handler."""
        return lambda *args, **named: getattr(self._offered[service], method)(*args, **named)

    def _level(
        self, resource: str, service: str, method: str
    ) -> Callable[[Caller, str], Awaitable[str | None]]:
        async def level(caller: Caller, id: str) -> str | None:
            # What a test has no handlers for, it does not ask about.
            if service not in self._offered:
                return LEVELS[resource][-1]
            told: str | None = await getattr(self._offered[service], method)(caller, id)
            return told

        return level


class _Between:
    """Operations go by the client; what only one process knows goes straight."""

    def __init__(self, service: str, handlers: Any, client: Any) -> None:
        self._handlers = handlers
        self._by_wire: dict[str, Any] = {
            o.method: getattr(client, o.method) for o in OPERATIONS.values() if o.service == service
        } | {
            o.method: _named(getattr(handlers, o.method), getattr(client, o.method))
            for o in INTERNAL_OPERATIONS.values()
            if o.service == service and hasattr(handlers, o.method)
        }

    def __getattr__(self, name: str) -> Any:
        return self._by_wire.get(name) or getattr(self._handlers, name)


def _named(here: Any, there: Any) -> Callable[..., Any]:
    """`there`, whose arguments may come in the order of those of `here`."""
    names = list(signature(here).parameters)

    def asked(*args: Any, **more: Any) -> Any:
        return there(**dict(zip(names, args, strict=False)), **more)

    return asked


class Nobody:
    """Callers are named by vouchers: no token is known."""

    async def identify(self, token: str) -> tuple[Caller, float]:
        """None of them."""
        raise Unauthenticated(token)

    async def redeem(self, ticket: str) -> Caller:
        """The same."""
        raise Unauthenticated(ticket)

    async def resume(self, session_id: str) -> Caller:
        """The same."""
        raise Unauthenticated(session_id)
