"""GraphQL over WebSocket: the sockets that are open, and what concerns all of them.

The protocol is graphql-transport-ws (https://github.com/enisdenjo/graphql-ws, PROTOCOL.md).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from time import monotonic

from runtime.call import Call, Caller
from runtime.gate import Gate
from runtime.graphql.gateway import Loader
from runtime.graphql.limits import Limits
from runtime.graphql.protocol import AWAY, TOO_MANY, WRONG_PROTOCOL
from runtime.graphql.socket import GraphSocket
from runtime.log import RequestLog
from runtime.metrics import Metrics
from runtime.operation import Operation, RateRule
from runtime.ports import Fanout
from runtime.problem import Problem, ProblemKind, RateLimited
from runtime.ratelimit import Limiter, address_key
from runtime.refusal import document
from runtime.rest import Receive, Scope, Send
from runtime.trace import continue_trace, request_id

logger = logging.getLogger("budget.graphql")

SUBPROTOCOL = "graphql-transport-ws"
# What signing in counts as: by caller once it is known, and failures by address as anywhere.
CONNECT = Operation("connect", "", "gateway", rate=RateRule("graphql-connections", 120, 60))
# A socket's messages in a minute; and how many sockets an account, or an address that has not
# signed in, may have open.
_MESSAGES = RateRule("graphql-messages", 1200, 60)
_SOCKETS = RateRule("graphql-sockets", 50, 60)
_STRANGERS = RateRule("graphql-strangers", 100, 60)
# Seconds between looks at the clock, and for a goodbye.
_BEAT = 1.0
_FAREWELL = 5.0


class GraphHub:
    """An ASGI application of sockets."""

    def __init__(
        self,
        *,
        load: Loader,
        gate: Gate,
        problems: Mapping[str, ProblemKind],
        limits: Limits,
        limiter: Limiter,
        metrics: Metrics,
        log: RequestLog,
        fanout: Fanout,
        identity: str,
    ) -> None:
        """`identity` is the fan-out's channel that tells who signed out or changed."""
        self.load = load
        self.gate = gate
        self.limits = limits
        self._problems = problems
        self._limiter = limiter
        self._metrics = metrics
        self._log = log
        self._fanout = fanout
        self._identity = identity
        self._sockets: set[GraphSocket] = set()
        self._strangers: dict[str, int] = {}
        self._accounts: dict[str, set[GraphSocket]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._nobody_here = asyncio.Event()
        self.stopping = False
        metrics.gauge(
            "open_graphql_sockets", "Sockets of GraphQL that are open.", lambda: len(self._sockets)
        )

    # --- their life -------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        offered = scope.get("subprotocols") or ()
        spoken = SUBPROTOCOL if SUBPROTOCOL in offered else None
        await receive()
        await send({"type": "websocket.accept", "subprotocol": spoken})
        socket = GraphSocket(self, scope, receive, send)
        stranger = address_key(socket.address)
        self._sockets.add(socket)
        self._strangers[stranger] = self._strangers.get(stranger, 0) + 1
        try:
            if spoken is None:
                socket.close(WRONG_PROTOCOL)
            elif self.stopping:
                socket.close(AWAY)
            elif self._strangers[stranger] > self._limiter.limit(_STRANGERS):
                socket.close(TOO_MANY)
            await socket.live()
        finally:
            self._left(socket)

    def _left(self, socket: GraphSocket) -> None:
        self._sockets.discard(socket)
        if not socket.user_id:
            self._known(socket.address)
        mine = self._accounts.get(socket.user_id)
        if mine is not None:
            mine.discard(socket)
            if not mine:
                del self._accounts[socket.user_id]
        if not self._sockets:
            self._nobody_here.set()

    def _known(self, address: str) -> None:
        """One stranger less."""
        key = address_key(address)
        self._strangers[key] -= 1
        if not self._strangers[key]:
            del self._strangers[key]

    async def start(self) -> None:
        """Begins to watch the clock, and who signs out."""
        for work in (self._beat(), self._hear()):
            self._spawn(work)

    def close(self) -> None:
        """Tells every client that the server stops."""
        self.stopping = True
        for socket in tuple(self._sockets):
            socket.close(AWAY)

    async def stop(self) -> None:
        """Waits until the clients are gone, for a while."""
        self.close()
        if self._sockets:
            self._nobody_here.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await self._nobody_here.wait()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            now = monotonic()
            for socket in tuple(self._sockets):
                socket.beat(now)

    async def _hear(self) -> None:
        """Has the sockets of whoever signed out or changed ask anew; after a gap, all of them."""
        while not self.stopping:
            try:
                async for message in self._fanout.listen(self._identity):
                    self._told(json.loads(message))
            except Exception:
                logger.exception("identities are not heard of")
            if not self.stopping:
                # What was missed meanwhile, the sockets find out by asking.
                await asyncio.sleep(_BEAT)
            for socket in tuple(self._sockets):
                self._spawn(socket.identity_changed())

    def _told(self, identity: Mapping[str, str]) -> None:
        session_id = identity.get("sessionId")
        for socket in tuple(self._accounts.get(identity["userId"], ())):
            if session_id is None or session_id == socket.session_id:
                self._spawn(socket.identity_changed())

    # --- what sockets ask of it -------------------------------------------------------------------

    def signed_in(self, socket: GraphSocket, caller: Caller) -> None:
        """Counts a socket as its account's. Raises RateLimited where it has too many."""
        mine = self._accounts.setdefault(caller.user_id, set())
        if len(mine) >= self._limiter.limit(_SOCKETS):
            raise RateLimited("Close some of your sockets first.")
        mine.add(socket)
        self._known(socket.address)

    def counted(self, socket: GraphSocket) -> bool:
        """Counts a message; False where there were too many."""
        key = socket.user_id or address_key(socket.address)
        return self._limiter.take(key, _MESSAGES).allowed

    def call(self, socket: GraphSocket) -> Call:
        """The call that signing in is."""
        return Call(
            CONNECT,
            "graphql",
            request_id(None),
            address=socket.address,
            traceparent=continue_trace(socket.traceparent),
        )

    def done(self, call: Call, problem: Problem | None, seconds: float) -> None:
        """Counts and logs an operation that is over."""
        status = 200
        if problem is not None:
            status = (self._problems.get(problem.code) or self._problems["internal"]).status
        self._metrics.observe(call.operation.id, "graphql", status, seconds)
        self._log.write(
            request_id=call.request_id,
            traceparent=call.traceparent,
            protocol="graphql",
            operation=call.operation.id,
            status=status,
            seconds=seconds,
            caller=call.caller.user_id,
            address=call.address,
        )

    def error(self, problem: Problem, request_id: str) -> list[dict[str, object]]:
        """The payload of an `error` message."""
        kind = self._problems.get(problem.code) or self._problems["internal"]
        told = json.loads(document(self._problems, problem, request_id))
        extensions = {"code": kind.graphql, "problem": told}
        return [{"message": problem.detail or kind.title, "extensions": extensions}]
