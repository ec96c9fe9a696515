"""Watching a budget: each change is told, to whom it is shown, for as long as it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from generated.models import Budget, MemberRole
from handlers.live import tell_identity
from runtime.call import Caller
from tests.handlers.household import Household, said
from tests.handlers.world import somebody

pytestmark = pytest.mark.anyio


async def watch(
    house: Household, caller: Caller, budget: Budget
) -> tuple[AsyncGenerator[Budget, None], asyncio.Future[Budget]]:
    """What the caller hears, and the first of it, which is awaited already."""
    house.accounts.sessions[caller.session_id] = caller.user_id
    changes = house.budget.watch_budget(caller, budget.id)
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    return changes, first


async def test_who_watches_hears_of_each_change(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    changes, first = await watch(house, ann, budget)
    body = said(budget, name="Flat")
    changed: Budget = await house.run(ann, "updateBudget", id=budget.id, body=body)
    heard = await first
    assert (heard.name, heard.version) == ("Flat", changed.version)
    await house.spend(ann, budget, "3.00")
    async for heard in changes:
        if heard.spent:
            break
    assert str(heard.spent) == "3.00"
    await changes.aclose()


async def test_watching_ends_with_the_membership(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.share(ann, await house.budget_of(ann), bob, MemberRole.VIEWER)
    await house.world.drained()
    _, first = await watch(house, bob, budget)
    await house.run(ann, "removeBudgetMember", id=budget.id, user_id=bob.user_id)
    with pytest.raises(StopAsyncIteration):
        await first


async def test_watching_ends_with_the_budget(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    _, first = await watch(house, ann, budget)
    await house.run(ann, "deleteBudget", id=budget.id)
    with pytest.raises(StopAsyncIteration):
        await first


async def test_watching_ends_with_the_session(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    _, first = await watch(house, ann, budget)
    house.accounts.ended.add(ann.session_id)
    await tell_identity(house.world.fanout, ann.user_id, ann.session_id)
    with pytest.raises(StopAsyncIteration):
        await first
