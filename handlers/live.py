"""What processes tell each other live, by fan-out: hints, whose truth is in the stores.

The channels' names and the messages' shapes are AsyncAPI's (SessionRevocation, Push).
"""

from __future__ import annotations

import json
from functools import lru_cache

from generated.models import ChatMessage, Notification
from runtime.ports import Fanout

# Who is signed in has changed: forget what is known of it, ask again.
IDENTITY = "identity"


def identity_channel(user_id: str) -> str:
    """The same for one user: for what listens on behalf of that one only."""
    return f"{IDENTITY}:{user_id}"


def user_channel(user_id: str) -> str:
    """Where a user's notifications are pushed; NOBODY's is everybody's."""
    return f"user:{user_id}"


def room_channel(room: str) -> str:
    """Where what is said in a chat room is pushed."""
    return f"chat:{room}"


async def tell_identity(fanout: Fanout, user_id: str, session_id: str | None) -> None:
    """A session has ended or changed, or all of a user's."""
    message = {"userId": user_id} | ({"sessionId": session_id} if session_id else {})
    told = json.dumps(message, separators=(",", ":")).encode()
    await fanout.publish(IDENTITY, told)
    await fanout.publish(identity_channel(user_id), told)


def concerns(message: bytes, user_id: str, session_id: str) -> bool:
    """Whether a message on IDENTITY is about the caller's session."""
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


# A broadcast reaches thousands of listeners: they share one entity, which is written once.
@lru_cache(maxsize=32)
def pushed_notification(push: bytes) -> Notification:
    """The notification in a push."""
    return Notification.model_validate_json(_payload(push), by_name=False, by_alias=True)


@lru_cache(maxsize=32)
def pushed_chat_message(push: bytes) -> ChatMessage:
    """The chat message in a push."""
    return ChatMessage.model_validate_json(_payload(push), by_name=False, by_alias=True)


def _json(kind: type[Notification] | type[ChatMessage], entity: object) -> bytes:
    # By the public class: a record's private fields are not written.
    return kind.__pydantic_serializer__.to_json(entity, by_alias=True)


def _payload(push: bytes) -> bytes:
    return json.dumps(json.loads(push)["payload"]).encode()
