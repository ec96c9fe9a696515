"""The task service over a world, with runners that tests hold in their hands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from generated import operations as op
from generated.models import Role, Task, TaskInput, TaskKind, TaskParameters, TaskStatus
from handlers.task import TaskHandlers
from handlers.task_lease import Progress
from handlers.task_runs import TaskRunner
from runtime.call import Caller
from tests.handlers.people import PASSWORD, Auth
from tests.handlers.world import World, call


class Bench:
    """A runner that does as the test says: it waits at each step, fails so often, then succeeds."""

    def __init__(self, *, failures: list[Exception] | None = None, steps: int = 0) -> None:
        self.failures = failures or []
        self.steps = steps
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        # Let go of once a step; the runner says here at which it is.
        self.go = asyncio.Semaphore(0)
        self.at: asyncio.Queue[int] = asyncio.Queue()

    async def run(self, task: Task, progress: Progress) -> str:
        """One attempt."""
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            for step in range(self.steps):
                await self.at.put(step)
                await self.go.acquire()
                await progress(100 * (step + 1) // self.steps)
            if self.failures:
                raise self.failures.pop(0)
            return f"done in {self.begun}"
        finally:
            self.at_once -= 1


class Workshop:
    """The task and the auth service in a world, and an owner of tasks."""

    owner: Caller

    def __init__(self, world: World, *, renew: float = 60.0) -> None:
        self.world = world
        self.auth = Auth(world)
        self.bench = Bench()
        self.renew = renew
        self.runners: dict[TaskKind, TaskRunner] = {TaskKind.MONTHLY_REPORT: self.bench}
        self.handlers = self.opened()

    def opened(self) -> TaskHandlers:
        """The handlers of one more process."""
        handlers = TaskHandlers(
            store=self.world.store("task"),
            ids=self.world.ids,
            clock=self.world.clock,
            pager=self.world.pager,
            addresses=self.auth.handlers,
            runners=self.runners,
            renew=self.renew,
        )
        return self.world.offered("task", handlers)

    async def people(self) -> None:
        """Makes the owner's account, verified."""
        self.owner = await self.person(Role.USER, "owner@example.com")

    async def person(self, role: Role, email: str) -> Caller:
        """Makes an account."""
        assert await self.auth.handlers.make_account(email, "Somebody", PASSWORD, role)
        caller = await self.auth.handlers.caller_of(email)
        assert caller is not None
        return caller

    def works_at(self, **bench: Any) -> Bench:
        """Puts another runner in place."""
        self.bench = Bench(**bench)
        self.runners[TaskKind.MONTHLY_REPORT] = self.bench
        return self.bench

    async def create(
        self,
        kind: TaskKind = TaskKind.MONTHLY_REPORT,
        caller: Caller | None = None,
        **input: Any,
    ) -> Task:
        """Queues a task."""
        body = TaskInput(kind=kind, input=TaskParameters(**input))
        return await self.handlers.create_task(
            call(op.CREATE_TASK, caller or self.owner), body=body
        )

    async def get(self, task: Task) -> Task:
        """The task as it is now."""
        return await self.handlers.get_task(call(op.GET_TASK, self.owner), id=task.id)

    async def cancel(self, task: Task) -> Task:
        """Cancels it."""
        return await self.handlers.cancel_task(call(op.CANCEL_TASK, self.owner), id=task.id)

    async def retry(self, task: Task) -> Task:
        """Queues it again."""
        return await self.handlers.retry_task(call(op.RETRY_TASK, self.owner), id=task.id)

    async def until(self, task: Task, *statuses: TaskStatus) -> Task:
        """The task once it has one of the statuses; what is due in a while is due at once."""
        return await self.when(task, lambda now: now.status in statuses)

    async def when(self, task: Task, holds: Callable[[Task], bool]) -> Task:
        """The task once `holds`."""
        async with asyncio.timeout(10):
            while not holds(now := await self.get(task)):
                await self.world.bus.drained()
                await self.world.turn(seconds=1)
        return now
