"""The task service: what is queued, run, failed, cancelled and run again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from generated import operations as op
from generated.errors import TaskInputInvalid, TaskState
from generated.events import TaskFinished, TaskQueued
from generated.models import Role, Task, TaskKind, TaskRecord, TaskStatus
from generated.services import TaskConsumers, TaskService
from runtime.ports import Delivery, Query, Seen
from runtime.problem import EmailUnverified, Forbidden, NotFound, Unavailable
from tests.handlers.workshop import Workshop
from tests.handlers.world import World, call, eventually, somebody

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(world: World) -> Workshop:
    shop = Workshop(world)
    await shop.people()
    return shop


async def test_the_handlers_are_what_the_contract_asks_for(shop: Workshop) -> None:
    service: TaskService = shop.handlers
    consumers: TaskConsumers = shop.handlers
    for each in (service, consumers):
        assert each is shop.handlers


# --- queueing -------------------------------------------------------------------------------------


async def test_a_task_is_queued_run_and_keeps_its_result(shop: Workshop) -> None:
    heard: list[Any] = []
    task = await shop.create()
    assert (task.status, task.progress, task.attempts) == (TaskStatus.QUEUED, 0, 0)
    await shop.world.carry(heard, task=shop.handlers)
    await shop.world.drained()
    done = await shop.get(task)
    assert (done.status, done.progress, done.attempts) == (TaskStatus.SUCCEEDED, 100, 1)
    assert done.result == "done in 1"
    [ended] = [event for event in heard if isinstance(event, TaskFinished)]
    assert (ended.task_id, ended.owner_id) == (task.id, shop.owner.user_id)
    assert (ended.status, ended.error) == (TaskStatus.SUCCEEDED, None)


@pytest.mark.parametrize(
    ("kind", "input", "pointers"),
    [
        (TaskKind.SEND_EMAIL, {}, ["/input/recipient", "/input/subject", "/input/text"]),
        (TaskKind.EXPORT_EXPENSES, {"subject": "x", "month": "2026-01"}, ["month", "subject"]),
        (TaskKind.REINDEX_SEARCH, {"month": "2026-01"}, ["month"]),
        (TaskKind.MONTHLY_REPORT, {"text": "x"}, ["text"]),
    ],
)
async def test_an_input_that_does_not_fit_the_kind_is_refused_with_every_fault(
    shop: Workshop, kind: TaskKind, input: dict[str, str], pointers: list[str]
) -> None:
    admin = await shop.person(Role.ADMIN, "ad@example.com")
    with pytest.raises(TaskInputInvalid) as refused:
        await shop.create(kind, admin, **input)
    found = [error.pointer for error in refused.value.errors]
    assert found == [p if p.startswith("/") else f"/input/{p}" for p in pointers]


async def test_days_in_the_wrong_order_are_refused(shop: Workshop) -> None:
    today = shop.world.clock.today()
    with pytest.raises(TaskInputInvalid) as refused:
        await shop.create(TaskKind.EXPORT_EXPENSES, from_=today, to=today.replace(day=1))
    assert refused.value.errors[0].pointer == "/input/to"


async def test_mail_goes_to_ones_own_verified_address_only(shop: Workshop) -> None:
    support = await shop.person(Role.SUPPORT, "su@example.com")
    mail = {"subject": "Note", "text": "To self."}
    with pytest.raises(TaskInputInvalid) as refused:
        await shop.create(TaskKind.SEND_EMAIL, support, recipient="owner@example.com", **mail)
    assert refused.value.errors[0].pointer == "/input/recipient"
    await shop.create(TaskKind.SEND_EMAIL, support, recipient="SU@example.com", **mail)


async def test_some_kinds_are_for_the_staff(shop: Workshop) -> None:
    for kind in (TaskKind.SEND_EMAIL, TaskKind.REINDEX_SEARCH):
        with pytest.raises(Forbidden):
            await shop.create(kind)
    with pytest.raises(EmailUnverified):
        await shop.create(TaskKind.REINDEX_SEARCH, somebody(shop.world, "admin", verified=False))
    with pytest.raises(Forbidden):
        await shop.create(TaskKind.REINDEX_SEARCH, await shop.person(Role.SUPPORT, "s@x.example"))


async def test_one_sees_ones_own_tasks(shop: Workshop) -> None:
    task = await shop.create()
    other = await shop.person(Role.USER, "other@example.com")
    admin = await shop.person(Role.ADMIN, "ad@example.com")
    level = shop.handlers.level_on_task
    assert await level(shop.owner, task.id) == await level(admin, task.id) == "owner"
    assert await level(other, task.id) is None
    assert await level(admin, shop.world.ids.new("tsk")) is None
    for caller, ids in ((shop.owner, [task.id]), (other, [])):
        page = await shop.handlers.list_tasks(
            call(op.LIST_TASKS, caller), page_size=50, status=TaskStatus.QUEUED
        )
        assert [each.id for each in page.items] == ids


async def test_another_service_queues_a_task_that_runs_like_any(shop: Workshop) -> None:
    task = await shop.handlers.queue_task(
        shop.owner.user_id, TaskKind.MONTHLY_REPORT, (await shop.create()).input
    )
    await shop.world.carry(task=shop.handlers)
    await shop.world.drained()
    assert (await shop.get(task)).status is TaskStatus.SUCCEEDED


# --- failing --------------------------------------------------------------------------------------


async def test_a_failed_attempt_is_followed_by_another_after_a_growing_delay(
    shop: Workshop,
) -> None:
    bench = shop.works_at(failures=[Unavailable("Not now."), ValueError("a defect")])
    task = await shop.create()
    await shop.world.carry(task=shop.handlers)
    await shop.world.bus.drained()
    waiting = await shop.get(task)
    assert (waiting.status, waiting.attempts) == (TaskStatus.QUEUED, 1)
    assert waiting.error == "unavailable: Not now."
    done = await shop.until(task, TaskStatus.SUCCEEDED)
    assert (done.attempts, bench.begun, done.error) == (3, 3, None)


async def test_the_fifth_failure_is_the_last_and_no_defect_is_shown(shop: Workshop) -> None:
    bench = shop.works_at(failures=[ValueError("a secret of ours")] * 9)
    task = await shop.create()
    heard: list[Any] = []
    await shop.world.carry(heard, task=shop.handlers)
    failed = await shop.until(task, TaskStatus.FAILED)
    assert (failed.attempts, bench.begun) == (5, 5)
    assert failed.error == "internal: Something failed inside."
    await shop.world.drained()
    assert [e.status for e in heard if isinstance(e, TaskFinished)] == [TaskStatus.FAILED]


async def test_a_refusal_that_would_come_again_ends_the_task_at_once(shop: Workshop) -> None:
    shop.works_at(failures=[NotFound("There is no such Budget.")])
    task = await shop.create()
    await shop.world.carry(task=shop.handlers)
    await shop.world.drained()
    failed = await shop.get(task)
    assert (failed.status, failed.attempts) == (TaskStatus.FAILED, 1)
    assert failed.error == "not-found: There is no such Budget."


async def test_a_failed_task_can_be_tried_again_with_tries_of_its_own(shop: Workshop) -> None:
    bench = shop.works_at(failures=[ValueError()] * 5)
    task = await shop.create()
    await shop.world.carry(task=shop.handlers)
    await shop.until(task, TaskStatus.FAILED)
    bench.failures = [ValueError()] * 4
    again = await shop.retry(task)
    assert (again.status, again.error, again.result) == (TaskStatus.QUEUED, None, None)
    done = await shop.until(task, TaskStatus.SUCCEEDED)
    assert done.attempts == 10


@pytest.mark.parametrize("status", [TaskStatus.QUEUED, TaskStatus.SUCCEEDED])
async def test_only_what_failed_or_was_cancelled_is_tried_again(
    shop: Workshop, status: TaskStatus
) -> None:
    task = await shop.create()
    if status is TaskStatus.SUCCEEDED:
        await shop.world.carry(task=shop.handlers)
        await shop.world.drained()
        with pytest.raises(TaskState):
            await shop.cancel(task)
    with pytest.raises(TaskState):
        await shop.retry(task)


# --- running --------------------------------------------------------------------------------------


async def test_progress_is_shown_once_a_second_and_only_ever_rises(shop: Workshop) -> None:
    bench = shop.works_at(steps=4)
    task = await shop.create()
    await shop.world.carry(task=shop.handlers)
    shown = []
    for step in range(4):
        assert await bench.at.get() == step
        shown.append((await shop.get(task)).progress)
        if step != 1:
            await shop.world.turn(seconds=1)
        bench.go.release()
    assert shown == [0, 25, 25, 75]
    assert (await shop.until(task, TaskStatus.SUCCEEDED)).progress == 100


async def test_a_cancelled_task_stops_at_its_next_step(shop: Workshop) -> None:
    bench = shop.works_at(steps=2)
    task = await shop.create()
    heard: list[Any] = []
    await shop.world.carry(heard, task=shop.handlers)
    await bench.at.get()
    assert (await shop.cancel(task)).status is TaskStatus.CANCELLED
    bench.go.release()
    await shop.world.drained()
    assert bench.at.empty()
    assert (await shop.get(task)).status is TaskStatus.CANCELLED
    assert [e.status for e in heard if isinstance(e, TaskFinished)] == [TaskStatus.CANCELLED]


async def test_a_task_is_cancelled_before_it_was_begun(shop: Workshop) -> None:
    task = await shop.create()
    await shop.cancel(task)
    await shop.world.carry(task=shop.handlers)
    await shop.world.drained()
    assert shop.bench.begun == 0


async def test_a_retried_task_does_not_run_beside_its_cancelled_run(shop: Workshop) -> None:
    bench = shop.works_at(steps=1)
    task = await shop.create()
    await shop.world.carry(task=shop.handlers)
    await bench.at.get()
    await shop.cancel(task)
    await shop.retry(task)
    bench.go.release()
    bench.go.release()
    await shop.until(task, TaskStatus.SUCCEEDED)
    assert bench.most_at_once == 1


async def test_two_processes_do_not_run_a_task_at_once(shop: Workshop) -> None:
    bench = shop.works_at(steps=1)
    task = await shop.create()
    await shop.world.carry(task=shop.handlers)
    await bench.at.get()
    other = shop.opened()
    delivery = _delivered(task.id, shop.owner.user_id)
    with pytest.raises(Unavailable):
        await other.run_tasks([delivery])
    bench.go.release()
    await shop.until(task, TaskStatus.SUCCEEDED)
    await other.run_tasks([delivery])
    assert bench.begun == 1


async def test_an_event_that_comes_twice_runs_its_task_once(shop: Workshop) -> None:
    task = await shop.create()
    event = TaskQueued(task_id=task.id, owner_id=task.owner_id, kind=task.kind, attempt=1).envelope(
        "evt_again", "2026-11-22T09:30:00.000Z"
    )
    await shop.world.bus.publish([event, event])
    await shop.world.carry(task=shop.handlers)
    await shop.world.drained()
    assert shop.bench.begun == 1


async def test_a_task_whose_process_died_is_run_again(shop: Workshop) -> None:
    world = shop.world
    bench = shop.works_at(steps=1)
    task = await shop.create()
    dying = asyncio.ensure_future(shop.handlers.run_tasks([_delivered(task.id, task.owner_id)]))
    await bench.at.get()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert (await shop.get(task)).status is TaskStatus.RUNNING
    await world.restart()
    bench = shop.works_at()
    shop.handlers = shop.opened()
    await world.carry(task=shop.handlers)
    await world.bus.drained()
    # Nobody knows yet that the other has died.
    assert bench.begun == 0
    done = await shop.until(task, TaskStatus.SUCCEEDED)
    assert (done.attempts, bench.begun) == (2, 1)


async def test_a_lease_is_renewed_while_the_task_runs(world: World) -> None:
    shop = Workshop(world, renew=0.001)
    await shop.people()
    bench = shop.works_at(steps=1)
    task = await shop.create()
    await world.carry(task=shop.handlers)
    await bench.at.get()
    other = shop.opened()
    for _ in range(3):
        await world.turn(seconds=14)
        await eventually(lambda: _is_renewed(shop, task))
        with pytest.raises(Unavailable):
            await other.run_tasks([_delivered(task.id, task.owner_id)])
    bench.go.release()
    await shop.until(task, TaskStatus.SUCCEEDED)


async def test_a_run_that_lost_its_lease_ends_and_writes_nothing(shop: Workshop) -> None:
    """Its process was stopped for longer than the lease, and another took over."""
    bench = shop.works_at(steps=1)
    task = await shop.create()
    delivery = _delivered(task.id, task.owner_id)
    stale = asyncio.ensure_future(shop.handlers.run_tasks([delivery]))
    await bench.at.get()
    await shop.world.turn(seconds=16)
    other = asyncio.ensure_future(shop.opened().run_tasks([delivery]))
    await bench.at.get()
    bench.go.release()
    bench.go.release()
    await asyncio.gather(stale, other)
    done = await shop.get(task)
    assert (done.status, done.attempts, done.result) == (TaskStatus.SUCCEEDED, 2, "done in 2")


async def test_a_task_that_never_ends_is_given_up(shop: Workshop) -> None:
    """One that brings its process down each time must not do so for ever."""
    task = await shop.create()
    for _ in range(5):
        bench = shop.works_at(steps=1)
        run = asyncio.ensure_future(shop.opened().run_tasks([_delivered(task.id, task.owner_id)]))
        await bench.at.get()
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await shop.world.turn(seconds=16)
    await shop.world.carry(task=shop.handlers)
    await shop.world.drained()
    failed = await shop.get(task)
    assert failed.status is TaskStatus.FAILED
    assert failed.error == "internal: It was begun 5 times and never ended."


async def test_a_deleted_accounts_tasks_go_and_the_one_that_runs_stops(shop: Workshop) -> None:
    bench = shop.works_at(steps=2)
    await shop.create()
    await shop.world.carry(auth=shop.auth.handlers, task=shop.handlers)
    await bench.at.get()
    await shop.auth.handlers.delete_account(call(op.DELETE_ACCOUNT, shop.owner))
    await eventually(lambda: _is_empty(shop))
    bench.go.release()
    await shop.world.drained()
    assert bench.at.empty()
    assert await _is_empty(shop)


async def _is_renewed(shop: Workshop, task: Task) -> bool:
    return (await shop.get(task)).updated_at == shop.world.clock.now()


async def _is_empty(shop: Workshop) -> bool:
    return not (await shop.world.store("task").page(TaskRecord, Query())).items


def _delivered(task_id: str, owner_id: str) -> Delivery[TaskQueued]:
    """The event of the task as a bus would hand it over."""
    event = TaskQueued(task_id=task_id, owner_id=owner_id, kind=TaskKind.MONTHLY_REPORT, attempt=1)
    return Delivery(event, Seen("runTasks", "evt_test"))
