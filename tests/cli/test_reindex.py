"""The search index built anew from the command line."""

from __future__ import annotations

import pytest

from generated.models import Role
from tests.cli.calls import answered, beside
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio


async def unindexed(world: World) -> Account:
    """Somebody with an expense that the index has lost."""
    ann = await world.account()
    budget = await world.made(ann, "/budgets", {"name": "Home", "limit": "100.00"})
    body = {
        "budgetId": budget["id"],
        "description": "Lamp",
        "amount": "9.00",
        "category": "House",
    }
    expense = await world.made(ann, "/expenses", body)
    assert await world.platform.drained()
    await world.platform.backends.index.apply([], {expense["id"]: expense["version"]})
    assert await found(world, ann) == 0
    return ann


async def found(world: World, account: Account) -> int:
    """How many expenses the search for a lamp finds."""
    answer = await world.send(account, "POST", "/search/expenses", {"text": "lamp"})
    total: int = answer.json()["total"]
    return total


async def test_beside_a_server_it_is_a_task_of_the_servers(world: World) -> None:
    ann = await unindexed(world)
    without = await beside("reindex", data=world.folder)
    assert without.returncode == 1
    assert "users set-role" in without.stderr
    admin = await world.account(Role.ADMIN)
    done = answered(await beside("reindex", "--json", data=world.folder))
    assert (done["done"], done["by"]) == (True, "the server")
    assert done["said"] == "The index holds 1 expenses."
    task = (await world.send(admin, "GET", f"/tasks/{done['taskId']}")).json()
    assert task["status"] == "succeeded"
    assert await found(world, ann) == 1


async def test_only_an_admin_can_be_told_of_the_tasks_end(world: World) -> None:
    ann = await world.account()
    done = await beside("reindex", "--as", ann.email, data=world.folder)
    assert done.returncode == 1
    assert "no admin" in done.stderr


async def test_alone_it_is_done_at_once(world: World) -> None:
    ann = await unindexed(world)
    await world.close()
    done = answered(await beside("reindex", "--json", data=world.folder))
    assert (done["by"], done["said"]) == ("this command", "The index holds 1 expenses.")
    await world.open()
    assert await found(world, await world.sign_in(ann.email)) == 1
