"""Notifications to everybody: one row each, and a receipt for each user who read or deleted it.

So a broadcast costs one commit, however many users there are. A user sees those that were sent
since the account was made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from generated.models import NotificationReceipt, NotificationRecord
from handlers.access import NOBODY
from handlers.writing import Decided, decided, persist
from runtime.call import Call
from runtime.ports import Change, Clock, Insert, Query, Store, Taken, Update, Where
from runtime.problem import NotFound, PreconditionFailed

# Between the clocks of the processes that make accounts and those that send.
_SKEW = timedelta(minutes=1)
_DIGITS = str.maketrans("0123456789abcdefghjkmnpqrstvwxyz", "0123456789abcdefghijklmnopqrstuv")
_LATEST = 253_402_300_799_000
# Receipts of one commit.
_SOME = 200

A = TypeVar("A")


def made_at(id: str) -> datetime:
    """When an id was made: the first 48 bits of a TypeID are milliseconds."""
    milliseconds = int(id[-26:].translate(_DIGITS), 32) >> 80
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=min(milliseconds, _LATEST))


def joined(user_id: str) -> Where:
    """What was made since the account was."""
    return Where("created_at", "gte", made_at(user_id) - _SKEW)


class Broadcasts:
    """Broadcasts as one user sees them."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def page(
        self, user_id: str, query: Query, unread: bool | None
    ) -> tuple[list[NotificationRecord], bool]:
        """Those of `query`'s page and order that the user has not deleted, and whether more are."""
        where = (Where("user_id", "eq", NOBODY), joined(user_id))
        mine = Query(where, query.sort, query.limit, query.after)
        found: list[NotificationRecord] = []
        while True:
            page = await self._store.page(NotificationRecord, mine)
            for item in await self.seen_by(user_id, page.items):
                if unread is None or item.unread is unread:
                    found.append(item)
            if not page.more or len(found) > query.limit:
                return found[: query.limit], page.more or len(found) > query.limit
            last = page.items[-1]
            mine = replace(mine, after=(last.created_at, last.id))

    async def seen_by(
        self, user_id: str, items: Sequence[NotificationRecord]
    ) -> list[NotificationRecord]:
        """The user's own as they are, broadcasts with the user's receipt; not what is deleted."""
        ids = [_receipt_id(item.id, user_id) for item in items if item.user_id == NOBODY]
        receipts = await self._store.get_many(NotificationReceipt, ids) if ids else {}
        shown: list[NotificationRecord] = []
        for item in items:
            receipt = receipts.get(_receipt_id(item.id, user_id))
            if receipt is None:
                shown.append(item)
            elif receipt.deleted_at is None:
                shown.append(_read(item, receipt))
        return shown

    async def mark_read(self, call: Call, item: NotificationRecord) -> NotificationRecord:
        """Marks it as read for the caller."""

        async def attempt() -> Decided[NotificationRecord]:
            shown = await self._shown(call, item)
            if shown.read_at is not None:
                return decided(shown, call.remember(shown))
            receipt = await self._receipt(call.caller.user_id, item, delete=False)
            after = _read(item, receipt)
            return decided(after, _kept(receipt), call.remember(after))

        return await self._settle(attempt)

    async def delete(self, call: Call, item: NotificationRecord) -> None:
        """Deletes it for the caller."""

        async def attempt() -> Decided[None]:
            shown = await self._shown(call, item)
            if call.if_version is not None and shown.version != call.if_version:
                raise PreconditionFailed(f"Its version is {shown.version} now.")
            receipt = await self._receipt(call.caller.user_id, item, delete=True)
            return decided(None, _kept(receipt), call.remember(None))

        await self._settle(attempt)

    async def read_all(self, user_id: str) -> int:
        """Marks the unread ones as read; how many there were."""
        count = 0
        query = Query(sort=(("created_at", False),), limit=_SOME)

        async def some() -> Decided[int]:
            items, _ = await self.page(user_id, query, unread=True)
            receipts = [await self._receipt(user_id, item, delete=False) for item in items]
            return decided(len(items), *map(_kept, receipts))

        while marked := await self._settle(some):
            count += marked
        return count

    async def _shown(self, call: Call, item: NotificationRecord) -> NotificationRecord:
        shown = await self.seen_by(call.caller.user_id, [item])
        if not shown:
            raise NotFound("There is no such Notification.")
        return shown[0]

    async def _settle(self, decide: Callable[[], Awaitable[Decided[A]]]) -> A:
        while True:
            try:
                return await persist(self._store, decide)
            except Taken:
                # Another of the user's clients made the receipt first: now there is one to change.
                continue

    async def _receipt(
        self, user_id: str, item: NotificationRecord, *, delete: bool
    ) -> NotificationReceipt:
        now = self._clock.now()
        id = _receipt_id(item.id, user_id)
        known = await self._store.get(NotificationReceipt, id)
        if known is not None:
            changed = {"deleted_at": now} if delete else {"read_at": now}
            return known.but(version=known.version + 1, updated_at=now, **changed)
        return NotificationReceipt(
            id=id,
            version=1,
            created_at=now,
            updated_at=now,
            notification_id=item.id,
            user_id=user_id,
            read_at=None if delete else now,
            deleted_at=now if delete else None,
        )


def _receipt_id(notification_id: str, user_id: str) -> str:
    return f"{notification_id}:{user_id}"


def _kept(receipt: NotificationReceipt) -> Change:
    return Insert(receipt) if receipt.version == 1 else Update(receipt)


def _read(item: NotificationRecord, receipt: NotificationReceipt) -> NotificationRecord:
    """The notification with what the user's receipt says of it."""
    return item.but(
        # Neither version ever falls, so each state that the user sees has its own.
        version=item.version + receipt.version,
        updated_at=receipt.updated_at,
        read_at=receipt.read_at,
        unread=receipt.read_at is None,
    )
