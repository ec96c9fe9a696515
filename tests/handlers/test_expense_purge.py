"""What a deleted budget or account leaves behind: nothing of its own, and nobody's entries."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from generated.events import ExpenseCreated, UserDeleted
from generated.models import Budget, Expense, MemberRole, PurgedBudget
from handlers.access import NOBODY
from runtime.call import Caller
from runtime.ports import Emit, Insert, Query
from runtime.problem import NotFound
from tests.handlers.household import Household, account
from tests.handlers.world import somebody

pytestmark = pytest.mark.anyio


async def delete_account(house: Household, caller: Caller) -> None:
    """What the auth service publishes."""
    await house.stores["budget"].commit(Emit(UserDeleted(before=account(house.world, caller))))
    await house.world.drained()


async def test_a_deleted_budgets_expenses_go_with_it(house: Household) -> None:
    ann = somebody(house.world)
    budget, other = await house.budget_of(ann), await house.budget_of(ann)
    for _ in range(3):
        await house.spend(ann, budget, "1.00")
    kept = await house.spend(ann, other, "1.00")
    await house.run(ann, "deleteBudget", id=budget.id)
    await house.world.drained()
    assert (await house.stores["expense"].page(Expense, Query())).items == [kept]


async def test_an_expense_that_comes_after_the_purge_is_purged_too(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    market = await house.spend(ann, budget, "1.00")
    await house.run(ann, "deleteBudget", id=budget.id)
    await house.world.drained()
    # A writer in another process, that was let in before the deletion and is slow to commit.
    late = market.but(id=house.world.ids.new("exp"))
    await house.stores["expense"].commit(Insert(late), Emit(ExpenseCreated(after=late)))
    await house.world.drained()
    assert (await house.stores["expense"].page(Expense, Query())).items == []
    with pytest.raises(NotFound):
        await house.spend(ann, budget, "1.00")


async def test_no_orphan_stays_however_a_purge_and_writers_meet(house: Household) -> None:
    ann = somebody(house.world)
    for _ in range(5):
        budget = await house.budget_of(ann)
        await asyncio.gather(
            *(house.spend(ann, budget, "1.00") for _ in range(10)),
            house.run(ann, "deleteBudget", id=budget.id),
            *(house.spend(ann, budget, "1.00") for _ in range(10)),
            return_exceptions=True,
        )
    await house.world.drained()
    assert (await house.stores["expense"].page(Expense, Query())).items == []


async def test_a_purge_that_is_repeated_or_was_stopped_halfway_ends_the_same(
    house: Household,
) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    await house.spend(ann, budget, "1.00")
    now = house.world.clock.now()
    mark = PurgedBudget(id=budget.id, version=1, created_at=now, updated_at=now)
    await house.stores["expense"].commit(Insert(mark))
    await house.run(ann, "deleteBudget", id=budget.id)
    await house.world.drained()
    assert (await house.stores["expense"].page(Expense, Query())).items == []


async def test_a_deleted_account_takes_its_budgets_and_leaves_its_entries_to_nobody(
    house: Household,
) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    theirs = await house.share(ann, await house.budget_of(ann), bob, MemberRole.EDITOR)
    own = await house.budget_of(bob)
    entered = await house.spend(bob, theirs, "3.00")
    await house.spend(bob, own, "5.00")
    await delete_account(house, bob)
    kept = (await house.stores["expense"].page(Expense, Query())).items
    assert [(e.id, e.owner_id, e.version) for e in kept] == [(entered.id, NOBODY, 2)]
    budget: Budget = await house.run(ann, "getBudget", id=theirs.id)
    assert (budget.members, budget.spent) == ([], Decimal("3.00"))
    with pytest.raises(NotFound):
        await house.run(somebody(house.world, "admin"), "getBudget", id=own.id)
