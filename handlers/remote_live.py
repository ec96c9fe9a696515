"""What can be watched of services elsewhere: hints come by fan-out, what is true by asking.

The same promises as handlers/budget_live.py, notification_stream.py and chat.py give of a service
that runs here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from generated import operations
from generated.models import Budget, ChatMessage, Notification
from generated.services import BudgetService, NotificationService
from handlers.access import NOBODY
from handlers.asking import ask_for
from handlers.budget_live import budget_channel
from handlers.chat import level_on_room
from handlers.live import (
    pushed_chat_message,
    pushed_notification,
    room_channel,
    user_channel,
)
from handlers.watching import Watching
from runtime.call import Caller
from runtime.problem import Forbidden, NotFound
from runtime.trace import CURRENT, request_id

_PAGE = 200


class RemoteBudgetWatch:
    """The Watches of the budget service."""

    def __init__(self, *, budgets: BudgetService, watching: Watching) -> None:
        self._budgets = budgets
        self._watching = watching

    async def watch_budget(self, caller: Caller, id: str) -> AsyncGenerator[Budget, None]:
        """The budget after each change from now on, while session and membership stand."""
        async with self._watching.open(caller, budget_channel(id)) as messages:
            version = 0
            try:
                version = (await self._budget(caller, id)).version
                async for _ in messages:
                    budget = await self._budget(caller, id)
                    if budget.version > version:
                        version = budget.version
                        yield budget
            except (NotFound, Forbidden):
                return

    async def _budget(self, caller: Caller, id: str) -> Budget:
        call = ask_for(caller, operations.GET_BUDGET, request_id(None), CURRENT.get())
        # Membership may have ended: it is judged there, each time.
        call.forwarded = True
        return await self._budgets.get_budget(call, id=id)


class RemoteNotificationWatch:
    """The Watches of the notification service."""

    def __init__(self, *, notifications: NotificationService, watching: Watching) -> None:
        self._notifications = notifications
        self._watching = watching

    async def watch_notifications(
        self, caller: Caller, last_event_id: str | None = None
    ) -> AsyncGenerator[Notification, None]:
        """What came after `last_event_id`, if one is given; then what comes."""
        channels = user_channel(caller.user_id), user_channel(NOBODY)
        # It listens before it reads, so that nothing falls between.
        async with self._watching.open(caller, *channels) as messages:
            sent: set[str] = set()
            if last_event_id is not None:
                for notification in await self._missed(caller, last_event_id):
                    sent.add(notification.id)
                    yield notification
            async for message in messages:
                if message is not None:
                    notification = pushed_notification(message[1])
                    if notification.id not in sent:
                        yield notification

    async def _missed(self, caller: Caller, last: str) -> list[Notification]:
        """What is newer than `last`, oldest first. Ids of later ones sort behind it."""
        missed: list[Notification] = []
        token: str | None = None
        while True:
            call = ask_for(caller, operations.LIST_NOTIFICATIONS, request_id(None), CURRENT.get())
            call.forwarded = True
            page = await self._notifications.list_notifications(
                call, page_size=_PAGE, page_token=token, sort="-createdAt"
            )
            newer = [item for item in page.items if item.id > last]
            missed += newer
            token = page.next_page_token
            if token is None or len(newer) < len(page.items):
                return missed[::-1]

    async def level_on_chat_room(self, caller: Caller, id: str) -> str | None:
        """The caller's level on a room: it needs nobody's word."""
        return level_on_room(caller, id)

    async def watch_chat_messages(
        self, caller: Caller, room: str
    ) -> AsyncGenerator[ChatMessage, None]:
        """What is said in a room from now on, while the caller's session stands."""
        async with self._watching.open(caller, room_channel(room)) as messages:
            async for message in messages:
                if message is not None:
                    yield pushed_chat_message(message[1])
