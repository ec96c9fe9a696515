"""Budgets over the socket: as they change, to whoever may see them, and no longer than that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.world import Account, World
from tests.websocket.client import Line

pytestmark = pytest.mark.anyio


async def budget(world: World, owner: Account) -> dict[str, Any]:
    return await world.made(owner, "/budgets", {"name": "Household", "limit": "500.00"})


async def share(world: World, owner: Account, id: str, member: Account, role: str) -> None:
    """Makes `member` a member of the budget."""
    invited = {"email": member.email, "role": role}
    await world.made(owner, f"/budgets/{id}/invitations", invited)
    token = await world.mailed(member.email)
    await world.made(member, "/invitations/accept", {"token": token})


async def rename(world: World, owner: Account, id: str, name: str) -> dict[str, Any]:
    answer = await world.send(owner, "PUT", f"/budgets/{id}", {"name": name, "limit": "500.00"})
    assert answer.is_success, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


async def test_a_change_is_told_with_the_state_and_its_version(world: World, line: Line) -> None:
    ann = await world.account()
    made = await budget(world, ann)
    client = await line.signed_in(ann)
    answer = await client.subscribe(f"budgets/{made['id']}")
    assert answer["lastEventId"] == f"{made['id']}:{made['version']}"
    changed = await rename(world, ann, made["id"], "Home")
    event = await client.until(channel=f"budgets/{made['id']}")
    assert event["payload"] == changed
    assert event["id"] == f"{made['id']}:{changed['version']}"


async def test_what_an_expense_does_to_a_budget_is_told(world: World, line: Line) -> None:
    ann = await world.account()
    made = await budget(world, ann)
    client = await line.signed_in(ann)
    await client.subscribe(f"budgets/{made['id']}")
    spent = {"budgetId": made["id"], "description": "Market", "amount": "12.50", "category": "Food"}
    await world.made(ann, "/expenses", spent)
    event = await client.until(channel=f"budgets/{made['id']}")
    assert event["payload"]["spent"] == "12.50"


async def test_a_dropped_client_gets_the_state_that_it_missed(world: World, line: Line) -> None:
    ann = await world.account()
    made = await budget(world, ann)
    channel = f"budgets/{made['id']}"
    first = await line.signed_in(ann)
    seen = (await first.subscribe(channel))["lastEventId"]
    await first.close()
    for name in ("One", "Two", "Three"):
        changed = await rename(world, ann, made["id"], name)
    again = await line.signed_in(ann)
    await again.subscribe(channel, lastEventId=seen)
    event = await again.until(channel=channel)
    assert event["payload"]["name"] == "Three"
    # Nothing twice: who has seen that is told nothing until the next change.
    third = await line.signed_in(ann)
    await third.subscribe(channel, lastEventId=event["id"])
    changed = await rename(world, ann, made["id"], "Four")
    for client in (again, third):
        assert (await client.until(type="event"))["payload"] == changed


async def test_what_one_may_not_see_is_not_there(world: World, line: Line) -> None:
    ann, bo = await world.account(), await world.account()
    made = await budget(world, ann)
    client = await line.signed_in(bo)
    refused = await client.ask("subscribe", channel=f"budgets/{made['id']}")
    assert (refused["type"], refused["payload"]["code"]) == ("error", "not-found")
    assert (await client.ask("ping"))["type"] == "pong"


async def test_a_removed_member_hears_no_more(world: World, line: Line) -> None:
    ann, bo = await world.account(), await world.account()
    made = await budget(world, ann)
    await share(world, ann, made["id"], bo, "viewer")
    client = await line.signed_in(bo)
    channel = f"budgets/{made['id']}"
    asked = await client.subscribe(channel)
    assert (await world.send(ann, "DELETE", f"/budgets/{made['id']}/members/{bo.id}")).is_success
    ended = await client.until(type="error")
    assert (ended["id"], ended["channel"]) == (asked["id"], channel)
    assert ended["payload"]["code"] == "not-found"
    await rename(world, ann, made["id"], "Secret")
    assert (await client.ask("ping"))["type"] == "pong"
    assert not [frame for frame in client.heard if frame["type"] == "event"]


async def test_a_deleted_budget_ends_its_subscriptions(world: World, line: Line) -> None:
    ann = await world.account()
    made = await budget(world, ann)
    client = await line.signed_in(ann)
    await client.subscribe(f"budgets/{made['id']}")
    assert (await world.send(ann, "DELETE", f"/budgets/{made['id']}")).is_success
    ended = await client.until(type="error")
    assert ended["payload"]["code"] == "not-found"
    assert (await client.ask("ping"))["type"] == "pong"


async def test_an_unsubscribed_channel_is_silent(world: World, line: Line) -> None:
    ann = await world.account()
    made = await budget(world, ann)
    channel = f"budgets/{made['id']}"
    client = await line.signed_in(ann)
    await client.subscribe(channel)
    assert (await client.ask("unsubscribe", channel=channel))["type"] == "ack"
    await rename(world, ann, made["id"], "Unheard")
    assert await world.platform.drained()
    assert (await client.ask("ping"))["type"] == "pong"
    assert not [frame for frame in client.heard if frame["type"] == "event"]
