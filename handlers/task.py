"""The task service: work that is done in the background. How it is run has its own files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from generated.errors import TaskState
from generated.events import TaskQueued, UserDeleted
from generated.models import (
    Task,
    TaskInput,
    TaskKind,
    TaskPage,
    TaskParameters,
    TaskRecord,
    TaskStatus,
)
from handlers.purging import purge
from handlers.task_inputs import check_input, need_scope
from handlers.task_lease import RENEW
from handlers.task_runs import TaskRunner, TaskRuns, finished
from handlers.writing import Decided, decided, rewrite
from runtime.call import Call, Caller
from runtime.paging import Pager
from runtime.ports import Batch, Clock, Emit, Ids, Insert, Store, Update, Where
from runtime.problem import NotFound


class Addresses(Protocol):
    """What the auth service knows of an account's address."""

    async def email_of(self, user_id: str) -> str | None:
        """The account's verified address in lower case; None where there is none."""
        ...


class TaskHandlers:
    """Satisfies the generated `TaskService` and its consumers."""

    def __init__(
        self,
        *,
        store: Store,
        ids: Ids,
        clock: Clock,
        pager: Pager,
        addresses: Addresses,
        runners: Mapping[TaskKind, TaskRunner],
        renew: float = RENEW,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._pager = pager
        self._addresses = addresses
        runs = TaskRuns(store=store, ids=ids, clock=clock, runners=runners, renew=renew)
        self.run_tasks = runs.run_tasks

    async def create_task(self, call: Call, *, body: TaskInput) -> Task:
        """Queues a task. Raises TaskInputInvalid; Forbidden for kinds that are the staff's."""
        need_scope(call.caller, body.kind)
        own = await self._addresses.email_of(call.caller.user_id)
        check_input(body.kind, body.input, own)
        task = self._new(call.caller.user_id, body.kind, body.input)
        await self._store.commit(Insert(task), _queued(task), call.remember(task))
        return task

    async def queue_task(self, owner_id: str, kind: TaskKind, input: TaskParameters) -> Task:
        """Queues a task for another service, which has checked who asks."""
        task = self._new(owner_id, kind, input)
        await self._store.commit(Insert(task), _queued(task))
        return task

    async def list_tasks(
        self,
        call: Call,
        *,
        kind: TaskKind | None = None,
        page_size: int,
        page_token: str | None = None,
        sort: str | None = None,
        status: TaskStatus | None = None,
    ) -> TaskPage:
        """The caller's tasks."""
        query = self._pager.query(
            call,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            filters={"kind": kind, "status": status},
            where=(Where("owner_id", "eq", call.caller.user_id),),
        )
        page = await self._store.page(TaskRecord, query)
        items: list[Task] = [*page.items]
        return TaskPage(items=items, next_page_token=self._pager.next(call, query, page))

    async def get_task(self, call: Call, *, id: str) -> Task:
        """One task."""
        task = await self._store.get(TaskRecord, id)
        if task is None:
            raise NotFound("There is no such Task.")
        return task

    async def cancel_task(self, call: Call, *, id: str) -> Task:
        """Cancels a task that waits or runs; its runner stops at its next step. Raises TaskState.

        The lease stays until the runner lets go, so that a retry does not run beside it.
        """

        async def change(task: TaskRecord) -> Decided[Task]:
            if task.status not in (TaskStatus.QUEUED, TaskStatus.RUNNING):
                raise TaskState(f"The task is {task.status}.")
            after = self._changed(task).but(status=TaskStatus.CANCELLED)
            return decided(after, Update(after), Emit(finished(after)), call.remember(after))

        return await rewrite(self._store, TaskRecord, id, change)

    async def retry_task(self, call: Call, *, id: str) -> Task:
        """Queues a failed or cancelled task again. Raises TaskState."""

        async def change(task: TaskRecord) -> Decided[Task]:
            if task.status not in (TaskStatus.FAILED, TaskStatus.CANCELLED):
                raise TaskState(f"The task is {task.status}.")
            after = self._changed(task).but(
                status=TaskStatus.QUEUED, progress=0, result=None, error=None
            )
            return decided(after, Update(after), _queued(after), call.remember(after))

        return await rewrite(self._store, TaskRecord, id, change)

    async def level_on_task(self, caller: Caller, id: str) -> str | None:
        """`owner` of one's own; admins are of any."""
        task = await self._store.get(TaskRecord, id)
        if task is None:
            return None
        return "owner" if task.owner_id == caller.user_id or caller.is_admin else None

    async def purge_tasks(self, batch: Batch[UserDeleted]) -> None:
        """Deletes a deleted account's tasks; one that runs is stopped by that."""
        for delivery in batch:
            owner_id = delivery.event.before.id
            await purge(self._store, TaskRecord, Where("owner_id", "eq", owner_id))

    def _new(self, owner_id: str, kind: TaskKind, input: TaskParameters) -> TaskRecord:
        now = self._clock.now()
        return TaskRecord(
            id=self._ids.new("tsk"),
            version=1,
            created_at=now,
            updated_at=now,
            owner_id=owner_id,
            kind=kind,
            input=input,
            status=TaskStatus.QUEUED,
            progress=0,
            attempts=0,
        )

    def _changed(self, task: TaskRecord) -> TaskRecord:
        return task.but(version=task.version + 1, updated_at=self._clock.now())


def _queued(task: Task) -> Emit:
    return Emit(
        TaskQueued(
            task_id=task.id, owner_id=task.owner_id, kind=task.kind, attempt=task.attempts + 1
        )
    )
