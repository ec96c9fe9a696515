"""The task service: what is queued, run, failed, cancelled and run again."""

from __future__ import annotations

from typing import Any

import pytest

from generated import operations as op
from generated.errors import TaskInputInvalid, TaskState
from generated.events import TaskFinished
from generated.models import Role, TaskKind, TaskStatus
from generated.services import TaskConsumers, TaskService
from runtime.problem import EmailUnverified, Forbidden, NotFound, Unavailable
from tests.handlers.workshop import Workshop
from tests.handlers.world import World, call, somebody

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
