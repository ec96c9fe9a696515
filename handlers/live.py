"""What processes tell each other live, by fan-out: hints, whose truth is in the stores.

The channels' names and the messages' shapes are AsyncAPI's (SessionRevocation, Push).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from generated.models import ChatMessage, Notification, SessionState
from runtime.ports import Fanout

# Who is signed in has changed: forget what is known of it, ask again.
IDENTITY = "identity"


def user_channel(user_id: str) -> str:
    """Where a user's notifications are pushed; NOBODY's is everybody's."""
    return f"user:{user_id}"


def room_channel(room: str) -> str:
    """Where what is said in a chat room is pushed."""
    return f"chat:{room}"


class SessionChecks(Protocol):
    """What only the auth service knows of a session."""

    async def check_session(self, *, session_id: str) -> SessionState:
        """Who is behind it. Raises NotFound when it is revoked or expired."""
        ...


async def tell_identity(fanout: Fanout, user_id: str, session_id: str | None) -> None:
    """A session has ended or changed, or all of a user's."""
    message = {"userId": user_id} | ({"sessionId": session_id} if session_id else {})
    await fanout.publish(IDENTITY, json.dumps(message, separators=(",", ":")).encode())


def concerns(message: bytes, user_id: str, session_id: str) -> bool:
    """Whether a message on IDENTITY is about this session."""
    told = json.loads(message)
    return bool(told["userId"] == user_id and told.get("sessionId", session_id) == session_id)


async def push_notification(fanout: Fanout, notification: Notification) -> None:
    """To the user's sockets and streams, or to everybody's."""
    push = b'{"channel":"notifications","userId":"%b","payload":%b}' % (
        notification.user_id.encode(),
        _json(Notification, notification),
    )
    await fanout.publish(user_channel(notification.user_id), push)


async def push_chat_message(fanout: Fanout, message: ChatMessage) -> None:
    """To whoever has the room open."""
    push = b'{"channel":"chat/%b","payload":%b}' % (
        message.room.encode(),
        _json(ChatMessage, message),
    )
    await fanout.publish(room_channel(message.room), push)


def pushed_notification(push: bytes) -> Notification:
    """The notification in a push."""
    return Notification.model_validate_json(_payload(push), by_name=False, by_alias=True)


def pushed_chat_message(push: bytes) -> ChatMessage:
    """The chat message in a push."""
    return ChatMessage.model_validate_json(_payload(push), by_name=False, by_alias=True)


async def merged(
    listeners: Mapping[str, AsyncIterator[bytes]], every: float
) -> AsyncIterator[tuple[str, bytes] | None]:
    """What any of them gives, with its name; None after `every` seconds of silence.

    Ends with the first that ends: it fell behind, so its reader has missed something. Closes them
    all in the end.
    """
    waiting: dict[asyncio.Future[bytes], str] = {}
    try:
        for name, listener in listeners.items():
            waiting[asyncio.ensure_future(anext(listener))] = name
        while True:
            done, _ = await asyncio.wait(
                waiting, timeout=every, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                yield None
            for future in done:
                try:
                    message = future.result()
                except StopAsyncIteration:
                    return
                name = waiting.pop(future)
                waiting[asyncio.ensure_future(anext(listeners[name]))] = name
                yield name, message
    finally:
        for future in waiting:
            future.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for listener in listeners.values():
            close = getattr(listener, "aclose", None)
            if close is not None:
                with contextlib.suppress(Exception):
                    await close()


def _json(kind: type[Notification] | type[ChatMessage], entity: object) -> bytes:
    # By the public class: a record's private fields are not written.
    return kind.__pydantic_serializer__.to_json(entity, by_alias=True, exclude_none=True)


def _payload(push: bytes) -> bytes:
    return json.dumps(json.loads(push)["payload"]).encode()
