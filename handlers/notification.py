"""The notification service. Broadcasts, streams, chat and notices have their own files."""

from __future__ import annotations

from generated.models import (
    Notification,
    NotificationInput,
    NotificationKind,
    NotificationPage,
    NotificationRecord,
    ReadAllResult,
)
from generated.operations import GET_USER
from handlers.access import NOBODY
from handlers.asking import ask
from handlers.broadcasts import Broadcasts
from handlers.chat import AccountLookup, Chat
from handlers.notices import Notices
from handlers.notification_stream import NotificationStream
from handlers.watching import HEARTBEAT, SessionChecks, Watching
from handlers.writing import Decided, decided, persist, rewrite
from runtime.call import Call, Caller
from runtime.paging import Pager
from runtime.ports import Clock, Delete, Fanout, Ids, Insert, Page, Query, Store, Update, Where
from runtime.problem import NotFound

# Rows of one commit.
_SOME = 200


class NotificationHandlers:
    """Satisfies the generated `NotificationService` and its consumers."""

    def __init__(
        self,
        *,
        store: Store,
        ids: Ids,
        clock: Clock,
        pager: Pager,
        fanout: Fanout,
        accounts: AccountLookup,
        sessions: SessionChecks,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._store = store
        self._clock = clock
        self._pager = pager
        self._accounts = accounts
        self._broadcasts = broadcasts = Broadcasts(store=store, clock=clock)
        watching = Watching(fanout=fanout, sessions=sessions, heartbeat=heartbeat)

        self._notices = notices = Notices(store=store, ids=ids, clock=clock, fanout=fanout)
        self.notify_thresholds = notices.notify_thresholds
        self.notify_invitation = notices.notify_invitation
        self.notify_task = notices.notify_task
        self.purge_notifications = notices.purge_notifications

        stream = NotificationStream(
            store=store, clock=clock, broadcasts=broadcasts, watching=watching
        )
        self.stream_notifications = stream.stream_notifications
        self.watch_notifications = stream.watch_notifications

        chat = Chat(
            store=store,
            ids=ids,
            clock=clock,
            pager=pager,
            fanout=fanout,
            accounts=accounts,
            watching=watching,
        )
        self.level_on_chat_room = chat.level_on_chat_room
        self.list_chat_messages = chat.list_chat_messages
        self.send_chat_message = chat.send_chat_message
        self.watch_chat_messages = chat.watch_chat_messages

    async def list_notifications(
        self,
        call: Call,
        *,
        kind: NotificationKind | None = None,
        page_size: int,
        page_token: str | None = None,
        sort: str | None = None,
        unread: bool | None = None,
    ) -> NotificationPage:
        """The caller's own and those to everybody, as one list."""
        user_id = call.caller.user_id
        where = [Where("user_id", "eq", user_id)]
        if unread is not None:
            # The contract's filter is the absence of readAt; this field says it, in an index.
            where.append(Where("unread", "eq", unread))
        query = self._pager.query(
            call,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            filters={"kind": kind},
            where=where,
        )
        own = await self._store.page(NotificationRecord, query)
        items, more = own.items, own.more
        if kind in (None, NotificationKind.ANNOUNCEMENT):
            casts, more_casts = await self._broadcasts.page(user_id, query, unread)
            # Each holds the first of its kind, so the first of both are among them.
            _, descending = query.sort[0]
            items = sorted(
                (*items, *casts), key=lambda item: (item.created_at, item.id), reverse=descending
            )
            more = more or more_casts or len(items) > query.limit
        page = Page(items[: query.limit], more)
        shown: list[Notification] = [*page.items]
        return NotificationPage(items=shown, next_page_token=self._pager.next(call, query, page))

    async def send_notification(self, call: Call, *, body: NotificationInput) -> Notification:
        """Notifies one user, or everybody. Raises NotFound for an account that is not there."""
        if body.user_id is not None:
            await self._accounts.get_user(ask(call, GET_USER), id=body.user_id)
        notification = self._notices.new(
            body.user_id or NOBODY, NotificationKind.ANNOUNCEMENT, body.title, body.body
        )
        await self._store.commit(Insert(notification), call.remember(notification))
        await self._notices.push(notification)
        return notification

    async def mark_all_notifications_read(self, call: Call) -> ReadAllResult:
        """Marks all that the caller has now as read."""
        user_id = call.caller.user_id
        where = (
            Where("user_id", "eq", user_id),
            Where("unread", "eq", True),
            Where("created_at", "lte", self._clock.now()),
        )
        count = 0

        async def some() -> Decided[int]:
            page = await self._store.page(NotificationRecord, Query(where, limit=_SOME))
            return decided(len(page.items), *(Update(self._read(item)) for item in page.items))

        while marked := await persist(self._store, some):
            count += marked
        count += await self._broadcasts.read_all(user_id)
        return ReadAllResult(count=count)

    async def mark_notification_read(self, call: Call, *, id: str) -> Notification:
        """Marks one as read; once read it stays as it is."""
        found = await self._get(id)
        if found.user_id == NOBODY:
            return await self._broadcasts.mark_read(call, found)

        async def change(item: NotificationRecord) -> Decided[Notification]:
            if item.read_at is not None:
                return decided(item, call.remember(item))
            after = self._read(item)
            return decided(after, Update(after), call.remember(after))

        return await rewrite(self._store, NotificationRecord, id, change)

    async def delete_notification(self, call: Call, *, id: str) -> None:
        """Deletes one: for the caller only, where it went to everybody."""
        found = await self._get(id)
        if found.user_id == NOBODY:
            await self._broadcasts.delete(call, found)
            return

        async def change(item: NotificationRecord) -> Decided[None]:
            return decided(None, Delete(item), call.remember(None))

        await rewrite(self._store, NotificationRecord, id, change, if_version=call.if_version)

    async def level_on_notification(self, caller: Caller, id: str) -> str | None:
        """`owner` of one's own, and of one's view of those to everybody; admins are of any."""
        found = await self._store.get(NotificationRecord, id)
        if found is None:
            return None
        if found.user_id != NOBODY:
            return "owner" if found.user_id == caller.user_id or caller.is_admin else None
        return "owner" if await self._broadcasts.seen_by(caller.user_id, [found]) else None

    async def _get(self, id: str) -> NotificationRecord:
        found = await self._store.get(NotificationRecord, id)
        if found is None:
            raise NotFound("There is no such Notification.")
        return found

    def _read(self, item: NotificationRecord) -> NotificationRecord:
        now = self._clock.now()
        return item.but(version=item.version + 1, updated_at=now, read_at=now, unread=False)
