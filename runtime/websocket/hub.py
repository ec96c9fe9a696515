"""All sockets of a process: the ASGI application that opens them, and what happens to all."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic, perf_counter

from runtime.call import Call, Caller
from runtime.gate import Gate
from runtime.idempotency import Chain
from runtime.inputs import Inputs
from runtime.log import RequestLog
from runtime.metrics import Metrics
from runtime.operation import Operation, RateRule
from runtime.ports import Fanout
from runtime.problem import Internal, Problem, ProblemKind, RateLimited
from runtime.ratelimit import Limiter, address_key
from runtime.refusal import document
from runtime.rest import Receive, Scope, Send
from runtime.trace import continue_trace, request_id
from runtime.websocket.closing import AWAY, TOO_MANY
from runtime.websocket.frames import Frames, Topic
from runtime.websocket.handshake import Handshake
from runtime.websocket.socket import Socket
from runtime.websocket.subscription import Opens

logger = logging.getLogger("budget.websocket")

# Frames of an account, beside what each operation allows; its open sockets; and those of an address
# that have not signed in yet.
_FRAMES = RateRule("frames", 1200, 60)
_SOCKETS = RateRule("sockets", 20, 60)
_STRANGERS = RateRule("strangers", 200, 60)
# Seconds between looks at the clock, and those that closing may take.
_BEAT = 1.0
_FAREWELL = 10.0


class Hub:
    """The ASGI application of the socket's paths. `identity` is the fan-out's channel on which
    is told who has signed out or changed.
    """

    def __init__(
        self,
        *,
        frames: Frames,
        gate: Gate,
        inputs: Mapping[str, Inputs],
        problems: Mapping[str, ProblemKind],
        limiter: Limiter,
        metrics: Metrics,
        log: RequestLog,
        fanout: Fanout,
        identity: str,
    ) -> None:
        self.frames = frames
        self.gate = gate
        self.inputs = inputs
        self._problems = problems
        self._limiter = limiter
        self._metrics = metrics
        self._log = log
        self._fanout = fanout
        self._identity = identity
        topics = frames.topics
        # What comes by itself to whoever signs in.
        self.own: tuple[str, Topic] = next(
            (name, topic) for name, topic in topics.items() if topic.argument is None
        )
        self.opens: dict[str, Opens] = {
            topic.watches.id: gate.watching(topic.watches) for topic in topics.values()
        }
        asked = [topic.watches for topic in topics.values()]
        asked += [topic.sends for topic in topics.values() if topic.sends is not None]
        self.chains: dict[str, Chain] = {each.id: gate.chain(each) for each in asked}
        self._sockets: set[Socket] = set()
        self._strangers: dict[str, int] = {}
        self._accounts: dict[str, set[Socket]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._nobody_here = asyncio.Event()
        self.stopping = False
        metrics.gauge("open_sockets", "Sockets that are open.", lambda: len(self._sockets))

    # --- their life -------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        handshake = Handshake.of(scope, self.frames.subprotocol)
        del scope
        await receive()
        await send({"type": "websocket.accept", "subprotocol": handshake.subprotocol})
        socket = Socket(self, handshake, receive, send)
        stranger = address_key(handshake.address)
        self._sockets.add(socket)
        self._strangers[stranger] = self._strangers.get(stranger, 0) + 1
        try:
            if self.stopping:
                socket.close(AWAY)
            elif self._strangers[stranger] > self._limiter.limit(_STRANGERS):
                socket.close(TOO_MANY)
            await socket.live()
        finally:
            self._left(socket, handshake)

    def _left(self, socket: Socket, handshake: Handshake) -> None:
        self._sockets.discard(socket)
        if not socket.user_id:
            self._known(handshake.address)
        mine = self._accounts.get(socket.user_id)
        if mine is not None:
            mine.discard(socket)
            if not mine:
                del self._accounts[socket.user_id]
        if not self._sockets:
            self._nobody_here.set()
        self._log.write(
            request_id=request_id(None),
            traceparent=continue_trace(handshake.traceparent),
            protocol="websocket",
            operation="connection",
            status=str(socket.code),
            seconds=monotonic() - socket.since,
            caller=socket.user_id,
            address=handshake.address,
        )

    def _known(self, address: str) -> None:
        """One stranger less."""
        key = address_key(address)
        self._strangers[key] -= 1
        if not self._strangers[key]:
            del self._strangers[key]

    async def start(self) -> None:
        """Begins to watch the clock, and who signs out."""
        for work in (self._watch_the_clock(), self._hear()):
            self._spawn(work)

    def close(self) -> None:
        """Tells every client that the server stops."""
        self.stopping = True
        for socket in tuple(self._sockets):
            socket.close(AWAY)

    async def part(self) -> None:
        """Tells every client that the server stops, and waits until they are gone, for a while."""
        self.close()
        if self._sockets:
            self._nobody_here.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await self._nobody_here.wait()

    async def stop(self) -> None:
        """Parts with whoever is left, and ends."""
        await self.part()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch_the_clock(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            self.beat(monotonic())

    def beat(self, now: float) -> None:
        """Does what time asks for, as of `now` (of the monotonic clock)."""
        for socket in tuple(self._sockets):
            socket.beat(now)

    async def _hear(self) -> None:
        """Has the sockets of whoever signed out or changed ask anew; after a gap, all of them."""
        listener = self._fanout.listen(self._identity)
        while not self.stopping:
            async for message in listener:
                told = json.loads(message)
                session_id = told.get("sessionId")
                for socket in tuple(self._accounts.get(told["userId"], ())):
                    if session_id is None or session_id == socket.session_id:
                        self._spawn(socket.identity_changed())
            listener = self._fanout.listen(self._identity)
            for socket in tuple(self._sockets):
                await socket.identity_changed()

    # --- what sockets ask of it -------------------------------------------------------------------

    def signed_in(self, socket: Socket, caller: Caller, address: str) -> None:
        """Counts a socket as its account's. Raises RateLimited where it has too many."""
        mine = self._accounts.setdefault(caller.user_id, set())
        if len(mine) >= self._limiter.limit(_SOCKETS):
            raise RateLimited("Close some of your sockets first.")
        mine.add(socket)
        self._known(address)

    def counted(self, user_id: str, address: str) -> Problem | None:
        """Counts a frame; the refusal where there were too many."""
        verdict = self._limiter.take(user_id or address_key(address), _FRAMES)
        return None if verdict.allowed else RateLimited("Too many frames.")

    def call(self, operation: Operation, handshake: Handshake) -> Call:
        """A call by a frame of the socket that `handshake` opened."""
        return Call(
            operation,
            "websocket",
            request_id(None),
            address=handshake.address,
            traceparent=continue_trace(handshake.traceparent),
        )

    async def performed(
        self, call: Call, work: Callable[[Call], Awaitable[None]]
    ) -> Problem | None:
        """Does `work`, logs and counts it; the refusal if there was one."""
        began = perf_counter()
        found: Problem | None = None
        try:
            await work(call)
        except Problem as problem:
            found = problem
        except Exception:
            facts = {"requestId": call.request_id, "operation": call.operation.id}
            logger.exception("operation failed", extra=facts)
            found = Internal()
        seconds = perf_counter() - began
        status = 200 if found is None else self._problems[found.code].status
        self._metrics.observe(call.operation.id, "websocket", status, seconds)
        self._log.write(
            request_id=call.request_id,
            traceparent=call.traceparent,
            protocol="websocket",
            operation=call.operation.id,
            status=status,
            seconds=seconds,
            caller=call.caller.user_id,
            address=call.address,
        )
        return found

    def error(self, problem: Problem, request_id: str, id: str = "", channel: str = "") -> str:
        """The frame that tells a refusal."""
        payload = document(self._problems, problem, request_id)
        return self.frames.error(payload, id=id, channel=channel)

    @staticmethod
    def request_id() -> str:
        """A name for what a refusal is about, where there was no call."""
        return request_id(None)
