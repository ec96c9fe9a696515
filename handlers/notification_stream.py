"""Notifications as they come: what was missed from the store, then live."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import timedelta

from generated.models import Notification, NotificationRecord
from handlers.access import NOBODY
from handlers.broadcasts import Broadcasts, joined, made_at
from handlers.live import pushed_notification, user_channel
from handlers.watching import Watching
from runtime.call import Call, Caller
from runtime.encode import json_writer
from runtime.ids import position
from runtime.ports import Clock, Query, Store, Where

_PAGE = 200
# What was made so shortly before may be both in the store and on its way.
_OVERLAP = timedelta(minutes=1)
# What was being written when a stream began may have been made so long before.
_BEFORE = timedelta(seconds=5)
_WRITE = json_writer(Notification)


class NotificationStream:
    """The operation streamNotifications, and the same for protocols with messages of their own."""

    def __init__(
        self, *, store: Store, clock: Clock, broadcasts: Broadcasts, watching: Watching
    ) -> None:
        self._store = store
        self._clock = clock
        self._broadcasts = broadcasts
        self._watching = watching

    async def stream_notifications(
        self, call: Call, *, last_event_id: str | None = None
    ) -> AsyncIterator[bytes]:
        """Server-sent events (WHATWG HTML, 9.2), until the session ends."""
        return self._events(call.caller, last_event_id)

    async def _events(
        self, caller: Caller, last_event_id: str | None
    ) -> AsyncGenerator[bytes, None]:
        # An id without data: a client that has seen nothing yet resumes from here.
        here = last_event_id or position(
            "ntf", int((self._clock.now() - _BEFORE).timestamp() * 1000)
        )
        yield b"retry: 2000\nid: %b\n\n" % here.encode()
        async with aclosing(self._watch(caller, last_event_id)) as notifications:
            async for notification in notifications:
                if notification is None:
                    yield b":\n\n"
                else:
                    yield b"event: notification\nid: %b\ndata: %b\n\n" % (
                        notification.id.encode(),
                        _WRITE(notification),
                    )

    async def watch_notifications(
        self, caller: Caller, last_event_id: str | None = None
    ) -> AsyncGenerator[Notification, None]:
        """What came after `last_event_id`, if one is given; then what comes, in the same way."""
        async with aclosing(self._watch(caller, last_event_id)) as notifications:
            async for notification in notifications:
                if notification is not None:
                    yield notification

    async def _watch(
        self, caller: Caller, last_event_id: str | None
    ) -> AsyncGenerator[Notification | None, None]:
        """None is a sign of life."""
        channels = user_channel(caller.user_id), user_channel(NOBODY)
        # It listens before it reads, so that nothing falls between.
        async with self._watching.open(caller, *channels) as messages:
            sent: set[str] = set()
            recent = self._clock.now() - _OVERLAP
            if last_event_id is not None:
                async with aclosing(self._missed(caller.user_id, last_event_id)) as missed:
                    async for notification in missed:
                        if notification.created_at >= recent:
                            sent.add(notification.id)
                        yield notification
            async for message in messages:
                if message is None:
                    yield None
                    continue
                notification = pushed_notification(message[1])
                if notification.id not in sent:
                    yield notification

    async def _missed(self, user_id: str, last: str) -> AsyncGenerator[Notification, None]:
        """What was made after the notification `last`, oldest first; that one may be gone."""
        known = await self._store.get(NotificationRecord, last)
        after = (known.created_at if known is not None else made_at(last), last)
        where = (Where("user_id", "in", (user_id, NOBODY)), joined(user_id))
        while True:
            query = Query(where, (("created_at", False),), _PAGE, after)
            page = await self._store.page(NotificationRecord, query)
            for item in await self._broadcasts.seen_by(user_id, page.items):
                yield item
            if not page.more:
                return
            after = (page.items[-1].created_at, page.items[-1].id)
