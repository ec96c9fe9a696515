"""The notification and the auth service over a world; a user, another, and support."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from generated import operations as op
from generated.models import (
    ChatMessage,
    ChatMessageInput,
    Notification,
    NotificationInput,
    NotificationPage,
    Role,
)
from handlers.notification import NotificationHandlers
from runtime.call import Caller
from tests.handlers.people import Auth
from tests.handlers.world import World, call


class Desk:
    """The notification and the auth service in a world; a user, another and support."""

    ann: Caller
    bo: Caller
    support: Caller

    def __init__(self, world: World, heartbeat: float = 60.0) -> None:
        self.world = world
        self.auth = Auth(world)
        self.store = world.store("notification")
        self.handlers = world.offered(
            "notification",
            NotificationHandlers(
                store=self.store,
                ids=world.ids,
                clock=world.clock,
                pager=world.pager,
                fanout=world.fanout,
                accounts=self.auth.handlers,
                sessions=self.auth.handlers,
                heartbeat=heartbeat,
            ),
        )

    async def people(self) -> None:
        self.ann = await self.auth.caller(await self.auth.register())
        self.bo = await self.auth.caller(await self.auth.register("bo@example.com"))
        self.support = await self.auth.staff(Role.SUPPORT, "su@example.com")

    async def send(self, title: str, user_id: str | None = None) -> Notification:
        """One a second, so that their order is certain."""
        await self.world.turn(seconds=1)
        body = NotificationInput(user_id=user_id, title=title, body="As said.")
        return await self.handlers.send_notification(
            call(op.SEND_NOTIFICATION, self.support), body=body
        )

    async def page(self, caller: Caller, **asked: Any) -> NotificationPage:
        asked.setdefault("page_size", 50)
        return await self.handlers.list_notifications(call(op.LIST_NOTIFICATIONS, caller), **asked)

    async def titles(self, caller: Caller, **asked: Any) -> list[str]:
        return [item.title for item in (await self.page(caller, **asked)).items]

    async def read(self, caller: Caller, id: str) -> Notification:
        return await self.handlers.mark_notification_read(
            call(op.MARK_NOTIFICATION_READ, caller), id=id
        )

    async def read_all(self, caller: Caller) -> int:
        marking = call(op.MARK_ALL_NOTIFICATIONS_READ, caller)
        return (await self.handlers.mark_all_notifications_read(marking)).count

    async def delete(self, caller: Caller, id: str, **sent: Any) -> None:
        await self.handlers.delete_notification(call(op.DELETE_NOTIFICATION, caller, **sent), id=id)

    async def say(self, caller: Caller, room: str, text: str) -> ChatMessage:
        return await self.handlers.send_chat_message(
            call(op.SEND_CHAT_MESSAGE, caller), room=room, body=ChatMessageInput(text=text)
        )

    async def stream(self, caller: Caller, last: str | None = None) -> AsyncIterator[bytes]:
        """An open event stream, its beginning taken."""
        opening = call(op.STREAM_NOTIFICATIONS, caller)
        chunks = await self.handlers.stream_notifications(opening, last_event_id=last)
        assert (await anext(chunks)).startswith(b"retry: 2000\nid: ntf_")
        return chunks
