"""Running tasks: each by one runner at a time, again after a crash, five times at most.

Whoever runs a task holds a lease on it; after a crash it runs out, and the next delivery of the
task's event takes over. An attempt that fails puts the task back into the queue and its event to
the bus, which delivers it again after a growing delay.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Protocol

from generated.errors import PROBLEMS, TaskInputInvalid
from generated.events import TaskFinished, TaskQueued
from generated.models import Task, TaskKind, TaskRecord, TaskStatus
from handlers.task_lease import RENEW, Lease, Lost, Progress, is_free, taken
from handlers.writing import Decided, decided, persist
from runtime.ports import (
    AlreadySeen,
    Batch,
    Change,
    Clock,
    Delivery,
    Emit,
    Ids,
    Seen,
    Store,
    Update,
)
from runtime.problem import (
    DeadlineExceeded,
    Internal,
    Problem,
    RateLimited,
    RequestInProgress,
    Unavailable,
    VersionConflict,
)

log = logging.getLogger("budget.task")

TRIES = 5
# Of the bus's eight deliveries some go to waiting for a lease: a late one ends the task, as after
# the last there is none that could.
_LAST_DELIVERY = 7
MOST_RESULT = 1_000_000
# Refusals that another attempt may not meet; all other problems are final.
_PASSING = (
    DeadlineExceeded,
    Internal,
    RateLimited,
    RequestInProgress,
    Unavailable,
    VersionConflict,
)


class TaskRunner(Protocol):
    """Does one kind of task. It may be run again: what it does twice must do no harm."""

    async def run(self, task: Task, progress: Progress) -> str:
        """The result, as the contract says of the kind. Raises what went wrong."""
        ...


class TaskRuns:
    """The consumer runTasks."""

    def __init__(
        self,
        *,
        store: Store,
        ids: Ids,
        clock: Clock,
        runners: Mapping[TaskKind, TaskRunner],
        renew: float = RENEW,
    ) -> None:
        self._store = store
        self._clock = clock
        self._runners = runners
        self._renew = renew
        # This process, among those that run tasks.
        self._id = ids.new("run")
        self._running: set[str] = set()

    async def run_tasks(self, batch: Batch[TaskQueued]) -> None:
        """Runs each task; raises what the first failed by, for the bus to deliver again."""
        failed: Exception | None = None
        for delivery in batch:
            try:
                await self._run(delivery)
            except AlreadySeen:
                continue
            except Exception as error:
                failed = failed or error
        if failed is not None:
            raise failed

    async def _run(self, delivery: Delivery[TaskQueued]) -> None:
        task_id = delivery.event.task_id
        if task_id in self._running:
            raise _busy()
        self._running.add(task_id)
        try:
            task = await self._claim(delivery)
            if task is not None:
                await self._attempt(task, delivery)
        finally:
            self._running.discard(task_id)

    async def _claim(self, delivery: Delivery[TaskQueued]) -> TaskRecord | None:
        """The task, now this attempt's; None where nothing is to be done for the event any more."""

        async def decide() -> Decided[TaskRecord | None]:
            task = await self._store.get(TaskRecord, delivery.event.task_id)
            if task is None or task.status not in (TaskStatus.QUEUED, TaskStatus.RUNNING):
                return decided(None, delivery.seen)
            now = self._clock.now()
            if not is_free(task, now):
                raise _busy()
            if _tries(task, delivery) >= TRIES:
                # It was begun so often and never ended: it may be what ends the process.
                text = f"internal: It was begun {TRIES} times and never ended."
                return decided(
                    None, *ended(task, now, TaskStatus.FAILED, error=text), delivery.seen
                )
            after = taken(task, self._id, now)
            return decided(after, Update(after))

        return await persist(self._store, decide)

    async def _attempt(self, task: TaskRecord, delivery: Delivery[TaskQueued]) -> None:
        lease = Lease(store=self._store, clock=self._clock, task=task)
        try:
            result = await self._work(lease)
        except Lost:
            await self._end(lease, delivery, TaskStatus.CANCELLED)
        except Exception as error:
            if not isinstance(error, Problem):
                log.exception("task %s failed", task.id)
            await self._failed(lease, delivery, error)
        else:
            await self._end(lease, delivery, TaskStatus.SUCCEEDED, result=result)

    async def _work(self, lease: Lease) -> str:
        """What the runner gives. Raises what it raises, and Lost when the task is taken away."""
        keeping = asyncio.create_task(lease.keep(self._renew))
        working = asyncio.create_task(self._runners[lease.task.kind].run(lease.task, lease))
        both = (keeping, working)
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if working not in done:
                keeping.result()
            result = working.result()
        finally:
            for each in both:
                each.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        if len(result) > MOST_RESULT:
            text = f"The result has more than {MOST_RESULT} characters: ask for less at once."
            raise TaskInputInvalid(text)
        return result

    async def _failed(self, lease: Lease, delivery: Delivery[TaskQueued], error: Exception) -> None:
        """Ends the task, or puts it back into the queue and raises, to have it delivered again."""
        final = isinstance(error, Problem) and not isinstance(error, _PASSING)
        last = _tries(lease.task, delivery) >= TRIES or delivery.attempt >= _LAST_DELIVERY
        if final or last:
            await self._end(lease, delivery, TaskStatus.FAILED, error=_said(error))
        elif await self._end(lease, delivery, TaskStatus.QUEUED, error=_said(error)):
            raise Unavailable(_said(error))

    async def _end(
        self,
        lease: Lease,
        delivery: Delivery[TaskQueued],
        status: TaskStatus,
        *,
        result: str | None = None,
        error: str | None = None,
    ) -> bool:
        """Ends the attempt; and the task, unless it was taken away: then it answers False."""

        async def decide(seen: Seen | None = delivery.seen) -> Decided[bool]:
            task = await self._store.get(TaskRecord, lease.task.id)
            if task is None or not lease.holds(task):
                # The event is whoever's who holds it now.
                return decided(False)
            if task.status is not TaskStatus.RUNNING:
                # Cancelled: all that is left is to let go, so that it can be run again.
                free = task.but(version=task.version + 1, lease_until=None)
                return decided(False, Update(free), seen)
            changes = ended(task, self._clock.now(), status, result=result, error=error)
            return decided(True, *changes, None if status is TaskStatus.QUEUED else seen)

        try:
            return await persist(self._store, decide)
        except AlreadySeen:
            # Delivered twice, and the other found the task cancelled: the end is still to be kept.
            return await persist(self._store, partial(decide, None))


def ended(
    task: TaskRecord,
    now: datetime,
    status: TaskStatus,
    *,
    result: str | None = None,
    error: str | None = None,
) -> tuple[Change, ...]:
    """What ends a task, or an attempt at it, and lets go of it."""
    after = task.but(
        version=task.version + 1,
        updated_at=now,
        status=status,
        progress=100 if status is TaskStatus.SUCCEEDED else task.progress,
        result=result,
        error=error,
        lease_until=None,
    )
    if status is TaskStatus.QUEUED:
        return (Update(after),)
    return (Update(after), Emit(finished(after)))


def finished(task: Task) -> TaskFinished:
    """The event that says how a task ended."""
    return TaskFinished(
        task_id=task.id,
        owner_id=task.owner_id,
        kind=task.kind,
        status=task.status,
        error=task.error,
    )


def _tries(task: TaskRecord, delivery: Delivery[TaskQueued]) -> int:
    """How often it was begun since it was queued."""
    return task.attempts - delivery.event.attempt + 1


def _busy() -> Unavailable:
    return Unavailable("The task is being run.", retry_after=1)


def _said(error: Exception) -> str:
    """A problem code and what happened, for the owner: never the text of a defect."""
    if isinstance(error, Problem) and error.code in PROBLEMS:
        words = error.detail or "; ".join(fault.message for fault in error.errors)
        return f"{error.code}: {words or PROBLEMS[error.code].title}"[:500]
    return "internal: Something failed inside."
