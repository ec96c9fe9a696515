"""One attempt's hold on a task: nobody else runs it while the lease is renewed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import NoReturn, Protocol

from generated.models import TaskRecord, TaskStatus
from handlers.writing import Decided, decided, rewrite
from runtime.ports import Clock, Store, Update
from runtime.problem import NotFound, Unavailable, VersionConflict

# A lease that has run out was a crash's: its task may be taken over.
LEASE = timedelta(seconds=15)
RENEW = 5.0
# How often progress is written at most.
_STEP = timedelta(seconds=1)


class Lost(Exception):
    """The task is no longer this attempt's: cancelled, deleted, or taken over."""


class Progress(Protocol):
    """Says how far a runner is, in percent; where it is called a task can be cancelled."""

    async def __call__(self, percent: int) -> None:
        """Raises `Lost` when the runner has to stop."""
        ...


def taken(task: TaskRecord, runner_id: str, now: datetime) -> TaskRecord:
    """The task as a new attempt's."""
    return task.but(
        version=task.version + 1,
        updated_at=now,
        status=TaskStatus.RUNNING,
        progress=0,
        attempts=task.attempts + 1,
        error=None,
        runner_id=runner_id,
        lease_until=now + LEASE,
    )


def is_free(task: TaskRecord, now: datetime) -> bool:
    """Whether nobody holds it."""
    return task.lease_until is None or task.lease_until <= now


class Lease:
    """The hold of the attempt that `task` was taken for; it is that attempt's `Progress`."""

    def __init__(self, *, store: Store, clock: Clock, task: TaskRecord) -> None:
        self._store = store
        self._clock = clock
        self.task = task
        self._written = task.updated_at
        self._percent = 0

    def holds(self, now: TaskRecord) -> bool:
        """Whether what the store has `now` still is this attempt's."""
        mine = (self.task.runner_id, self.task.attempts)
        return (now.runner_id, now.attempts) == mine

    async def __call__(self, percent: int) -> None:
        """Looks whether the task is still wanted, and writes how far it is, once a second."""
        now = await self._store.get(TaskRecord, self.task.id)
        if now is None or now.status is not TaskStatus.RUNNING or not self.holds(now):
            raise Lost
        if percent > self._percent and self._clock.now() >= self._written + _STEP:
            # A hundred is the end's.
            self._percent = min(percent, 99)
            await self._renew()

    async def keep(self, every: float) -> NoReturn:
        """Renews the lease for as long as it runs. Raises Lost."""
        until = self._clock.now() + LEASE
        while True:
            await asyncio.sleep(every)
            try:
                await self._renew()
            except (Unavailable, VersionConflict):
                if self._clock.now() >= until:
                    raise Lost from None
            else:
                until = self._clock.now() + LEASE

    async def _renew(self) -> None:
        async def change(now: TaskRecord) -> Decided[datetime]:
            if now.status is not TaskStatus.RUNNING or not self.holds(now):
                raise Lost
            moment = self._clock.now()
            after = now.but(
                version=now.version + 1,
                updated_at=moment,
                progress=self._percent,
                lease_until=moment + LEASE,
            )
            return decided(moment, Update(after))

        try:
            self._written = await rewrite(self._store, TaskRecord, self.task.id, change)
        except NotFound:
            raise Lost from None
