"""One GraphQL client's WebSocket: its messages, its operations, its end."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import aclosing, suppress
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from runtime.call import Call
from runtime.graphql.asked import Answer, Asked, Asker, read_asked
from runtime.graphql.protocol import (
    BAD_MESSAGE,
    FAULT,
    FORBIDDEN,
    ID_TAKEN,
    REASONS,
    SILENT,
    SLOW,
    TOO_LARGE,
    TOO_LATE,
    TOO_MANY,
    UNAUTHORIZED,
    Invalid,
    credentials,
    id_of,
    read_message,
)
from runtime.problem import (
    Internal,
    Problem,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from runtime.rest import Receive, Scope, Send
from runtime.trace import continue_trace, request_id
from runtime.websocket.outbox import Outbox

if TYPE_CHECKING:
    from runtime.graphql.engine import Engine, Prepared
    from runtime.graphql.hub import GraphHub

logger = logging.getLogger("budget.graphql")

# Seconds: for the first message, of silence until a ping, for an answer to it or for room to send,
# and for a goodbye.
_SIGN_IN, _SILENCE, _PATIENCE, _FAREWELL = 10.0, 30.0, 20.0, 5.0
# Operations that run at once on one socket.
_MOST_RUNNING = 50


class GraphSocket:
    """What one client says and hears."""

    __slots__ = (
        "_acknowledged",
        "_began",
        "_headers",
        "_heard",
        "_hub",
        "_initialised",
        "_left",
        "_outbox",
        "_pinged",
        "_query",
        "_receive",
        "_running",
        "_send",
        "_streams",
        "_task",
        "address",
        "code",
        "session_id",
        "traceparent",
        "user_id",
    )

    def __init__(self, hub: GraphHub, scope: Scope, receive: Receive, send: Send) -> None:
        self._hub = hub
        self._receive = receive
        self._send = send
        self._outbox = Outbox(send, self._leave)
        self._left = False
        self._headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self._query: bytes = scope.get("query_string", b"")
        self._running: dict[str, asyncio.Task[None]] = {}
        self._streams: dict[str, Prepared] = {}
        self._task = asyncio.current_task()
        self._began = self._heard = monotonic()
        self._pinged = 0.0
        self._initialised = self._acknowledged = False
        client = scope.get("client")
        self.address: str = client[0] if client else ""
        trace = self._headers.get(b"traceparent")
        self.traceparent = None if trace is None else trace.decode("latin-1")
        self.user_id = self.session_id = ""
        # Why it closes; 0 while it is open.
        self.code = 0

    # --- its life ---------------------------------------------------------------------------------

    async def live(self) -> None:
        """Serves the client until one of both has closed."""
        try:
            while True:
                message = await self._receive()
                if message["type"] == "websocket.disconnect":
                    return
                if message["type"] == "websocket.receive" and not self.code:
                    await self._message(message.get("text"))
        except asyncio.CancelledError:
            # Ours, as it is over; else the server's, as it stops.
            if not self._left:
                raise
        except Exception:
            logger.exception("a socket failed")
            self.code, self._left = FAULT, True
        finally:
            running, self._running = self._running, {}
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)
            self._outbox.drop()
            if self._left:
                await self._take_leave()

    def close(self, code: int) -> None:
        """Says goodbye after what waits to be sent."""
        if not self.code:
            self.code = code
            self._heard = monotonic()
            for task in self._running.values():
                if task is not asyncio.current_task():
                    task.cancel()
            self._outbox.end()

    def _leave(self) -> None:
        """Waits for no more messages: while one is waited for, the server sends no close."""
        if self._task is not None and not self._left:
            self._left = True
            self._task.cancel()

    async def _take_leave(self) -> None:
        # Without a close the server keeps the connection, though nobody serves it any more. Of a
        # client that takes nothing it goes when the client does.
        goodbye = {"type": "websocket.close", "code": self.code, "reason": REASONS[self.code]}
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self._send(goodbye)

    def beat(self, now: float) -> None:
        """What time asks for, once a second: a sign-in, a ping, an end."""
        stuck = self._outbox.stuck(now) > (_FAREWELL if self.code else _PATIENCE)
        if stuck or (self.code and now - self._heard > 2 * _FAREWELL):
            self.code = self.code or SLOW
            self._leave()
        elif self.code:
            pass
        elif not self._acknowledged:
            if now - self._began > _SIGN_IN:
                self.close(TOO_LATE)
        elif self._pinged > self._heard:
            if now - self._pinged > _PATIENCE:
                self.close(SILENT)
        elif now - self._heard > _SILENCE:
            self._pinged = now
            self._outbox.put_now('{"type":"ping"}')

    async def identity_changed(self) -> None:
        """Who is signed in may have changed: everything that is open is asked for anew."""
        call = self._hub.call(self)
        call.session_id = self.session_id
        try:
            await self._hub.gate.admit(call)
        except Unauthenticated:
            return self.close(UNAUTHORIZED)
        except (RateLimited, Unavailable):
            return  # says nothing of the identity; every operation asks again
        for id, prepared in tuple(self._streams.items()):
            try:
                await (await prepared.execution.begin()).aclose()
            except (RateLimited, Unavailable):
                continue
            except Problem as problem:
                task = self._running.pop(id, None)
                if task is not None:
                    task.cancel()
                    await self._refuse(id, problem, request_id(None))

    # --- messages ---------------------------------------------------------------------------------

    async def _message(self, text: str | None) -> None:
        self._heard = monotonic()
        try:
            if text is None:
                raise Invalid
            if len(text) > self._hub.limits.body:
                return self.close(TOO_LARGE)
            if not self._hub.counted(self):
                return self.close(TOO_MANY)
            await self._handle(read_message(text))
        except Invalid:
            self.close(BAD_MESSAGE)

    async def _handle(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "connection_init":
                if self._initialised:
                    return self.close(TOO_MANY)
                self._initialised = True
                await self._sign_in(message.get("payload"))
            case "ping":
                await self._say({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                if not self._acknowledged:
                    return self.close(UNAUTHORIZED)
                await self._subscribe(id_of(message), message.get("payload"))
            case "complete":
                task = self._running.pop(id_of(message), None)
                if task is not None:
                    task.cancel()
            case _:
                raise Invalid
        return None

    async def _sign_in(self, payload: Any) -> None:
        if payload is not None and not isinstance(payload, dict):
            raise Invalid
        began = perf_counter()
        call = self._hub.call(self)
        problem: Problem | None = None
        try:
            call.token, call.ticket = credentials(payload or {}, self._headers, self._query)
            await self._hub.gate.admit(call)
            self._hub.signed_in(self, call.caller)
        except Problem as refused:
            problem = refused
        except Exception:
            logger.exception("operation failed", extra={"requestId": call.request_id})
            problem = Internal()
        self._hub.done(call, problem, perf_counter() - began)
        if problem is not None:
            self.close(TOO_MANY if isinstance(problem, RateLimited) else FORBIDDEN)
            return
        self.user_id, self.session_id = call.caller.user_id, call.caller.session_id
        self._acknowledged = True
        await self._say({"type": "connection_ack"})

    async def _subscribe(self, id: str, payload: Any) -> None:
        if id in self._running:
            return self.close(ID_TAKEN)
        asker = Asker(
            request_id(None),
            None,
            self.address,
            continue_trace(self.traceparent),
            self._headers.get(b"user-agent", b"").decode("latin-1")[:300],
            self.session_id,
        )
        if len(self._running) >= _MOST_RUNNING:
            problem = RateLimited(f"A socket runs {_MOST_RUNNING} operations at once.")
            return await self._refuse(id, problem, asker.request_id)
        try:
            asked = read_asked(payload)
        except Problem as problem:
            return await self._refuse(id, problem, asker.request_id)
        task = asyncio.create_task(self._operate(id, asked, asker))
        self._running[id] = task
        task.add_done_callback(lambda done: self._ended(id, done))
        return None

    def _ended(self, id: str, task: asyncio.Task[None]) -> None:
        if self._running.get(id) is task:
            del self._running[id]

    # --- operations -------------------------------------------------------------------------------

    async def _operate(self, id: str, asked: Asked, asker: Asker) -> None:
        """Runs one operation from its `subscribe` to its end."""
        engine = await self._hub.load()
        began = perf_counter()
        problem: Problem | None = None
        calls: list[Call] = []
        try:
            prepared = await engine.ready(asked, asker)
            if isinstance(prepared, Answer):
                problem, calls = prepared.problem, prepared.calls
                errors = json.loads(prepared.text)["errors"]
                await self._say({"id": id, "type": "error", "payload": errors})
                return
            calls = prepared.resolver.calls
            if prepared.streams:
                await self._stream(id, engine, prepared, asker)
            else:
                answer = await engine.execute(prepared, asker)
                await self._next(id, answer.text)
                await self._say({"id": id, "type": "complete"})
        except Problem as refused:
            problem = refused
            if isinstance(problem, Unauthenticated):
                # The close says so: an error first would end the client before it hears that.
                self.close(UNAUTHORIZED)
            else:
                await self._refuse(id, problem, asker.request_id)
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("operation failed", extra={"requestId": asker.request_id})
            problem = Internal()
            await self._refuse(id, problem, asker.request_id)
        finally:
            for call in calls:
                self._hub.done(call, problem, perf_counter() - began)

    async def _stream(self, id: str, engine: Engine, prepared: Prepared, asker: Asker) -> None:
        """Passes events on, each when there is room for it; and tells why there are no more."""
        self._streams[id] = prepared
        try:
            async with aclosing(await prepared.execution.begin()) as events:
                async for event in events:
                    await self._next(id, await engine.event(prepared, asker, event))
        finally:
            del self._streams[id]
        if not self.code and not self._hub.stopping:
            # A stream ends with the session, with the access, or because the client fell behind: to
            # begin it once more says which.
            await (await prepared.execution.begin()).aclose()
            self.close(SLOW)

    # --- what it is told --------------------------------------------------------------------------

    async def _next(self, id: str, result: str) -> None:
        await self._outbox.put(f'{{"id":{json.dumps(id)},"type":"next","payload":{result}}}')

    async def _refuse(self, id: str, problem: Problem, request_id: str) -> None:
        payload = self._hub.error(problem, request_id)
        await self._say({"id": id, "type": "error", "payload": payload})

    async def _say(self, message: Mapping[str, Any]) -> None:
        await self._outbox.put(json.dumps(message, separators=(",", ":")))
