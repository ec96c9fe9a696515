"""One client: it signs in, subscribes, says something, and is told what happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from runtime.call import Call
from runtime.operation import Operation
from runtime.problem import (
    InputError,
    InvalidInput,
    Problem,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from runtime.rest import Receive, Send
from runtime.websocket.closing import FAULT, NO_FRAME, NOBODY, SILENT, SLOW, TOO_LARGE, TOO_MANY
from runtime.websocket.frames import NoFrame, Refused, Topic
from runtime.websocket.handshake import Handshake
from runtime.websocket.outbox import Outbox
from runtime.websocket.pulse import Pulse, Sign
from runtime.websocket.subscription import Subscription

if TYPE_CHECKING:
    from runtime.websocket.hub import Hub

logger = logging.getLogger("budget.websocket")

# Bytes of a frame, and seconds (contract).
_LARGEST = 64 * 1024
_SIGN_IN = 10.0
# Seconds that a client has to take a frame, and a close; and subscriptions that one may have.
_STUCK = 30.0
_FAREWELL = 5.0
_MOST_SUBSCRIPTIONS = 100
# An acknowledgement's id where the client signed in as it connected (contract).
_AS_IT_CONNECTED = "signIn"


class Socket:
    """Reads frames in one task, in order; each is answered before the next is read."""

    def __init__(self, hub: Hub, handshake: Handshake, receive: Receive, send: Send) -> None:
        self._hub = hub
        self._handshake = handshake
        self._receive = receive
        self._send = send
        self._outbox = Outbox(send, self._leave)
        self._subscriptions: dict[str, Subscription] = {}
        self._task = asyncio.current_task()
        self._pulse = Pulse()
        self.since = monotonic()
        self.user_id = self.session_id = ""
        # Why it closes; 0 while it is open.
        self.code = 0
        self._left = False

    # --- its life ---------------------------------------------------------------------------------

    async def live(self) -> None:
        """Serves the client until one of both has closed."""
        try:
            if self._handshake.problem is not None:
                problem = self._handshake.problem
                await self._refuse(problem, "")
                self.close(NOBODY if isinstance(problem, Unauthenticated) else NO_FRAME)
            elif self._handshake.signs_in:
                await self._sign_in(
                    _AS_IT_CONNECTED,
                    self._handshake.token,
                    self._handshake.ticket,
                    self._handshake.last_event_id,
                )
            while True:
                message = await self._receive()
                if message["type"] == "websocket.disconnect":
                    self.code = self.code or message.get("code") or 1005
                    return
                if message["type"] == "websocket.receive" and not self.code:
                    await self._frame(message.get("text"))
        except asyncio.CancelledError:
            # Ours, as it is over; else the server's, as it stops.
            if not self._left:
                raise
        except Exception:
            logger.exception("a socket failed")
            self.code, self._left = FAULT, True
        finally:
            subscriptions, self._subscriptions = self._subscriptions, {}
            for subscription in subscriptions.values():
                await subscription.close()
            self._outbox.drop()
            if self._left:
                await self._take_leave()

    def close(self, code: int) -> None:
        """Says goodbye after what waits to be sent."""
        if not self.code:
            self.code = code
            self._pulse.beat()
            self._outbox.end()

    def _leave(self) -> None:
        """Waits for no more frames: while one is waited for, the server sends no close."""
        if self._task is not None and not self._left:
            self._left = True
            self._task.cancel()

    async def _take_leave(self) -> None:
        # Without a close the server keeps the connection, though nobody serves it any more. Of a
        # client that takes nothing it goes when the client does.
        reason = self._hub.frames.close_codes.get(self.code, "")
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self._send({"type": "websocket.close", "code": self.code, "reason": reason})

    def beat(self, now: float) -> None:
        """What time asks for, once a second: a sign-in, a ping, an end."""
        if self._outbox.stuck(now) > (_FAREWELL if self.code else _STUCK) or (
            self.code and now - self._pulse.heard > 2 * _FAREWELL
        ):
            self.code = self.code or SLOW
            self._leave()
        elif self.code:
            pass
        elif not self.user_id:
            if now - self.since > _SIGN_IN:
                problem = Unauthenticated(f"Sign in within {_SIGN_IN:.0f} seconds.")
                self._outbox.put_now(self._hub.error(problem, self._hub.request_id()))
                self.close(NOBODY)
        else:
            sign = self._pulse.feel(now)
            if sign is Sign.DEAD:
                self.close(SILENT)
            elif sign is Sign.ASK:
                self._outbox.put_now(self._hub.frames.ping(f"{now:.0f}"))

    async def identity_changed(self) -> None:
        """Who is signed in may have changed: everything that is open is asked for anew."""
        for subscription in list(self._subscriptions.values()):
            call = self._call(subscription.topic.watches)
            try:
                await self._hub.gate.recheck(call)
                await subscription.check(call)
            except Unavailable:
                continue  # says nothing of the access; the stream itself looks again
            except Problem as problem:
                await self._end(subscription, problem, call)
                if self.code:
                    return

    # --- frames -----------------------------------------------------------------------------------

    async def _frame(self, text: str | None) -> None:
        self._pulse.beat()
        try:
            if text is None:
                raise NoFrame("A frame is a text, not bytes.")
            if len(text) > _LARGEST or len(text.encode("utf-8", "replace")) > _LARGEST:
                await self._refuse(NoFrame(f"A frame may have {_LARGEST} bytes."), "")
                return self.close(TOO_LARGE)
            frame = self._hub.frames.read(text)
        except NoFrame as problem:
            await self._refuse(problem, "")
            return self.close(NO_FRAME)
        except Refused as refused:
            if self._counted():
                await self._refuse(refused.problem, refused.id)
            return None
        if frame.type == "signIn":
            await self._sign_in_by_frame(frame)
        elif not self.user_id:
            await self._refuse(Unauthenticated("Sign in first."), frame.id)
            self.close(NOBODY)
        elif self._counted():
            await self._handle(frame)

    def _counted(self) -> bool:
        """Counts a frame; False where there were too many, and the socket closes."""
        problem = self._hub.counted(self.user_id, self._handshake.address)
        if problem is not None:
            self._outbox.put_now(self._hub.error(problem, self._hub.request_id()))
            self.close(TOO_MANY)
        return problem is None

    async def _handle(self, frame: Any) -> None:
        match frame.type:
            case "ping":
                await self._outbox.put(self._hub.frames.pong(frame.id))
            case "pong":
                self._pulse.answers = True
            case "subscribe":
                await self._subscribe(frame.id, frame.channel, frame.last_event_id)
            case "unsubscribe":
                subscription = self._subscriptions.pop(frame.channel, None)
                if subscription is not None:
                    await subscription.close()
                await self._outbox.put(self._hub.frames.ack(frame.id))
            case _:
                await self._say(frame)

    async def _sign_in_by_frame(self, frame: Any) -> None:
        payload = frame.payload
        if self.user_id:
            text = "comes first, and once"
            await self._refuse(
                InvalidInput(errors=[InputError("/type", "invalid", text)]), frame.id
            )
        elif bool(payload.access_token) == bool(payload.ticket):
            text = "is an accessToken, or a ticket"
            fault = InputError("/payload", "invalid", text)
            await self._refuse(InvalidInput(errors=[fault]), frame.id)
        else:
            token, ticket = payload.access_token or None, payload.ticket or None
            await self._sign_in(frame.id, token, ticket, frame.last_event_id)

    async def _sign_in(self, id: str, token: str | None, ticket: str | None, last: str) -> None:
        channel, topic = self._hub.own

        async def sign_in(call: Call) -> None:
            call.token, call.ticket = token, ticket
            await self._hub.gate.admit(call)
            self._hub.signed_in(self, call.caller, self._handshake.address)
            self.user_id, self.session_id = call.caller.user_id, call.caller.session_id
            await self._open(call, id, channel, topic, {}, last)

        problem = await self._perform(topic.watches, id, sign_in)
        if problem is not None:
            self.close(TOO_MANY if isinstance(problem, RateLimited) else NOBODY)

    async def _subscribe(self, id: str, channel: str, last: str) -> None:
        try:
            topic, given = self._hub.frames.topic(channel)
        except InvalidInput as problem:
            return await self._refuse(problem, id)

        async def subscribe(call: Call) -> None:
            await self._hub.gate.admit(call)
            open_already = self._subscriptions.pop(channel, None)
            if open_already is not None:
                await open_already.close()
            elif len(self._subscriptions) >= _MOST_SUBSCRIPTIONS:
                raise RateLimited(f"A socket has {_MOST_SUBSCRIPTIONS} subscriptions at most.")
            await self._open(call, id, channel, topic, given, last)

        await self._perform(topic.watches, id, subscribe)

    async def _open(
        self, call: Call, id: str, channel: str, topic: Topic, given: dict[str, str], last: str
    ) -> None:
        hub = self._hub
        operation = topic.watches.id
        made = Subscription(self, hub.opens[operation], topic, channel, given, id, last)
        await made.open(call)
        try:
            here, missed = await made.missed(
                call, hub.chains[operation], hub.inputs[operation], last
            )
            self._subscriptions[channel] = made
            await self._outbox.put(hub.frames.ack(id, last_event_id=here))
            await made.go_on(missed)
        except BaseException:
            self._subscriptions.pop(channel, None)
            await made.close()
            raise

    async def _say(self, frame: Any) -> None:
        try:
            topic, given = self._hub.frames.topic(frame.channel)
            if topic.sends is None or topic.answer is None:
                text = "is not one where clients say something"
                raise InvalidInput(errors=[InputError("/channel", "invalid", text)])
        except InvalidInput as problem:
            return await self._refuse(problem, frame.id)
        sends, write = topic.sends, topic.answer

        async def say(call: Call) -> None:
            call.idempotency_key = frame.id
            await self._hub.gate.admit(call)
            answer = await self._hub.chains[sends.id](call, {**given, "body": frame.payload})
            await self._outbox.put(self._hub.frames.ack(frame.id, payload=write(answer)))

        await self._perform(sends, frame.id, say)

    # --- what it is told --------------------------------------------------------------------------

    async def event(self, subscription: Subscription, id: str, payload: bytes) -> None:
        """Something happened on a channel."""
        await self._outbox.put(self._hub.frames.event(subscription.channel, id, payload))

    async def over(self, subscription: Subscription) -> None:
        """A stream has ended: the session, the access, or the client that fell behind."""
        if self.code or self._hub.stopping:
            return
        call = self._call(subscription.topic.watches)
        try:
            await self._hub.gate.recheck(call)
            await subscription.check(call)
        except Unavailable:
            self.close(SLOW)
        except Problem as problem:
            await self._end(subscription, problem, call)
        else:
            self.close(SLOW)

    async def _end(self, subscription: Subscription, problem: Problem, call: Call) -> None:
        """Tells that a channel is closed to this client; without an identity, everything is."""
        if self._subscriptions.get(subscription.channel) is subscription:
            del self._subscriptions[subscription.channel]
            text = self._hub.error(problem, call.request_id, subscription.id, subscription.channel)
            await self._outbox.put(text)
        if isinstance(problem, Unauthenticated):
            self.close(NOBODY)
        await subscription.close()

    async def _refuse(self, problem: Problem, id: str) -> None:
        await self._outbox.put(self._hub.error(problem, self._hub.request_id(), id))

    async def _perform(
        self, operation: Operation, id: str, work: Callable[[Call], Awaitable[None]]
    ) -> Problem | None:
        """Does what a frame asks for, and answers with the refusal that it has told."""
        call = self._call(operation)
        problem = await self._hub.performed(call, work)
        if problem is not None:
            await self._outbox.put(self._hub.error(problem, call.request_id, id))
            if isinstance(problem, Unauthenticated):
                self.close(NOBODY)
        return problem

    def _call(self, operation: Operation) -> Call:
        call = self._hub.call(operation, self._handshake)
        call.session_id = self.session_id or None
        return call
