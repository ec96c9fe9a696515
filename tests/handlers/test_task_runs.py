"""Running tasks: progress, cancelling, and one runner at a time whatever dies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from generated import operations as op
from generated.events import TaskFinished, TaskQueued
from generated.models import Task, TaskKind, TaskRecord, TaskStatus
from runtime.ports import Delivery, Query, Seen
from runtime.problem import Unavailable
from tests.handlers.workshop import Workshop
from tests.handlers.world import World, call, eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(world: World) -> Workshop:
    shop = Workshop(world)
    await shop.people()
    return shop


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
