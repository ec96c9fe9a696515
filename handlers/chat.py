"""The talk with support: a room is one user's, and support's."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from generated.models import ChatMessage, ChatMessageInput, ChatMessagePage, User
from generated.operations import GET_USER
from handlers.asking import ask
from handlers.live import push_chat_message, pushed_chat_message, room_channel
from handlers.watching import Watching
from runtime.call import Call, Caller
from runtime.paging import Pager
from runtime.ports import Clock, Fanout, Ids, Insert, Store, Where


class AccountLookup(Protocol):
    """What the auth service tells of an account, to those who may see it."""

    async def get_user(self, call: Call, *, id: str) -> User:
        """One account. Raises NotFound."""
        ...


class Chat:
    """Operations on rooms."""

    def __init__(
        self,
        *,
        store: Store,
        ids: Ids,
        clock: Clock,
        pager: Pager,
        fanout: Fanout,
        accounts: AccountLookup,
        watching: Watching,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._pager = pager
        self._fanout = fanout
        self._accounts = accounts
        self._watching = watching

    async def level_on_chat_room(self, caller: Caller, id: str) -> str | None:
        """The caller's level on a room."""
        return level_on_room(caller, id)

    async def list_chat_messages(
        self,
        call: Call,
        *,
        room: str,
        page_size: int,
        page_token: str | None = None,
        sort: str | None = None,
    ) -> ChatMessagePage:
        """What was said in a room."""
        query = self._pager.query(
            call,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            where=(Where("room", "eq", room),),
        )
        page = await self._store.page(ChatMessage, query)
        return ChatMessagePage(
            items=page.items, next_page_token=self._pager.next(call, query, page)
        )

    async def send_chat_message(
        self, call: Call, *, room: str, body: ChatMessageInput
    ) -> ChatMessage:
        """Says something. Raises NotFound where support speaks to nobody."""
        if room != call.caller.user_id:
            await self._accounts.get_user(ask(call, GET_USER), id=room)
        now = self._clock.now()
        message = ChatMessage(
            id=self._ids.new("msg"),
            version=1,
            created_at=now,
            updated_at=now,
            room=room,
            author_id=call.caller.user_id,
            text=body.text,
        )
        await self._store.commit(Insert(message), call.remember(message))
        await push_chat_message(self._fanout, message)
        return message

    async def watch_chat_messages(
        self, caller: Caller, room: str
    ) -> AsyncGenerator[ChatMessage, None]:
        """What is said in a room from now on, while the caller's session stands."""
        async with self._watching.open(caller, room_channel(room)) as messages:
            async for message in messages:
                if message is not None:
                    yield pushed_chat_message(message[1])


def level_on_room(caller: Caller, room: str) -> str | None:
    """`member` of one's own room; support and admins of any."""
    return "member" if room == caller.user_id or "chat:support" in caller.scopes else None
