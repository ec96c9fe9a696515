"""Events that become notifications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from generated.events import BudgetThresholdReached, TaskFinished, UserDeleted, UserInvited
from generated.models import (
    ChatMessage,
    NotificationKind,
    NotificationReceipt,
    NotificationRecord,
    TaskStatus,
)
from handlers.inbox import apply_once
from handlers.live import push_notification
from handlers.purging import purge
from runtime.ports import Batch, Change, Clock, Delivery, Fanout, Ids, Insert, Store, Where

M = TypeVar("M")


class Notices:
    """Makes notifications, and the consumers that do so."""

    def __init__(self, *, store: Store, ids: Ids, clock: Clock, fanout: Fanout) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._fanout = fanout

    def new(
        self,
        user_id: str,
        kind: NotificationKind,
        title: str,
        body: str,
        subject_id: str | None = None,
    ) -> NotificationRecord:
        """A notification, to be committed; then `push` it."""
        now = self._clock.now()
        return NotificationRecord(
            id=self._ids.new("ntf"),
            version=1,
            created_at=now,
            updated_at=now,
            user_id=user_id,
            kind=kind,
            title=title[:120],
            body=body[:2000],
            subject_id=subject_id,
            read_at=None,
            unread=True,
        )

    async def push(self, notification: NotificationRecord) -> None:
        """Shows a committed notification to whoever it is for and is there."""
        await push_notification(self._fanout, notification)

    async def notify_thresholds(self, batch: Batch[BudgetThresholdReached]) -> None:
        """Tells a budget's owner and members how much of its limit is spent."""

        def notices(event: BudgetThresholdReached) -> Iterable[NotificationRecord]:
            title = f"{event.name}: {event.percent} % spent"
            body = (
                f"{event.spent} of {event.limit} {event.currency} are spent "
                f"in the period that began on {event.period_start}."
            )
            kind = NotificationKind.THRESHOLD
            for user_id in dict.fromkeys((event.owner_id, *event.member_ids)):
                yield self.new(user_id, kind, title, body, event.budget_id)

        await self._notify(batch, notices)

    async def notify_invitation(self, batch: Batch[UserInvited]) -> None:
        """Tells an account of its invitation."""

        def notices(event: UserInvited) -> Iterable[NotificationRecord]:
            title = f"Invitation to {event.budget_name}"
            body = f"You may share the budget “{event.budget_name}” as {event.role}."
            kind = NotificationKind.INVITATION
            yield self.new(event.user_id, kind, title, body, event.invitation_id)

        await self._notify(batch, notices)

    async def notify_task(self, batch: Batch[TaskFinished]) -> None:
        """Tells an owner how its task ended, unless it was cancelled: the owner did that."""

        def notices(event: TaskFinished) -> Iterable[NotificationRecord]:
            if event.status is not TaskStatus.CANCELLED:
                body = event.error or "The result is with the task."
                title = f"Task {event.kind} {event.status}"
                yield self.new(event.owner_id, NotificationKind.TASK, title, body, event.task_id)

        await self._notify(batch, notices)

    async def _notify(
        self, batch: Batch[M], notices: Callable[[M], Iterable[NotificationRecord]]
    ) -> None:
        made: list[str] = []

        async def decide(some: Sequence[Delivery[M]]) -> Sequence[Change]:
            new = [notice for delivery in some for notice in notices(delivery.event)]
            made.extend(notice.id for notice in new)
            return [Insert(notice) for notice in new]

        await apply_once(self._store, batch, decide)
        # Of what an attempt made and another made again, that which was kept.
        for notice in (await self._store.get_many(NotificationRecord, made)).values():
            await self.push(notice)

    async def purge_notifications(self, batch: Batch[UserDeleted]) -> None:
        """Deletes a deleted account's notifications, receipts and talk."""
        for delivery in batch:
            user_id = delivery.event.before.id
            await purge(self._store, NotificationRecord, Where("user_id", "eq", user_id))
            await purge(self._store, NotificationReceipt, Where("user_id", "eq", user_id))
            await purge(self._store, ChatMessage, Where("room", "eq", user_id))
