"""`reindex`: the search index anew, by the server that runs or in its place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import shell

if TYPE_CHECKING:
    from app import Platform
    from generated.models import UserRecord

_LOOK = 0.2


def reindex(
    email: Annotated[
        str | None,
        typer.Option("--as", metavar="EMAIL", help="Whose task it is beside a server: an admin."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for the server.")
    ] = 3600.0,
    data: shell.Data = None,
    as_json: shell.Json = False,
) -> None:
    """Build the search index anew from the expenses; the old one answers until then.

    Beside a running server it is a task of that server's, as reindexSearch makes it.
    """
    from app import administer

    settings = shell.existing(shell.settings_of(data))
    found = shell.run(administer(settings, lambda world: _reindex(world, email, wait)))
    if as_json:
        shell.say_json(found)
    else:
        shell.say(found["said"])
    if not found["done"]:
        raise typer.Exit(shell.FAILED)


async def _reindex(world: Platform, email: str | None, wait: float) -> dict[str, Any]:
    if world.ready:
        count = await world.search.rebuild()
        said = f"The index holds {count} expenses."
        return {"done": True, "by": "this command", "taskId": None, "said": said}
    return await _by_task(world, await _admin(world, email), wait)


async def _by_task(world: Platform, owner: UserRecord, wait: float) -> dict[str, Any]:
    """Queues the task, and follows it until it has ended or `wait` is over."""
    import asyncio

    from generated.models import TaskKind, TaskParameters, TaskRecord, TaskStatus

    task = await world.task.queue_task(owner.id, TaskKind.REINDEX_SEARCH, TaskParameters())
    shell.note(f"task {task.id} of {owner.email}: the running server builds the index")
    until = time.monotonic() + wait
    shown = ""
    while True:
        now = await world.stores["task"].get(TaskRecord, task.id)
        if now is None:
            raise shell.Refused(f"the task {task.id} was deleted")
        state = f"{now.status.value} {now.progress} %"
        if state != shown:
            shell.note(state)
            shown = state
        if now.status not in (TaskStatus.QUEUED, TaskStatus.RUNNING):
            done = now.status is TaskStatus.SUCCEEDED
            said = (now.result if done else now.error) or f"the task was {now.status.value}"
        elif time.monotonic() >= until:
            done, said = False, f"the task {task.id} is {now.status.value} still, and goes on"
        else:
            await asyncio.sleep(_LOOK)
            continue
        return {"done": done, "by": "the server", "taskId": task.id, "said": said}


async def _admin(world: Platform, email: str | None) -> UserRecord:
    """Whose the task is: its end is told to that account."""
    from generated.models import Role, UserRecord
    from runtime.ports import Query, Where

    store = world.stores["auth"]
    if email is not None:
        user = await store.find(UserRecord, email=email.lower())
        if user is None or user.role is not Role.ADMIN:
            raise shell.Refused(f"no admin has the address {email}")
        return user
    where = (Where("role", "eq", Role.ADMIN),)
    page = await store.page(UserRecord, Query(where, (("created_at", False),), 1))
    if not page.items:
        raise shell.Refused(
            "a server runs, and a task of it needs an admin to be told of its end: "
            "budget-manager users set-role EMAIL admin"
        )
    return page.items[0]
