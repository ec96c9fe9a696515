"""Who may see what: answered the same in process and for other processes."""

from __future__ import annotations

import pytest

from generated.models import AccessLevel, BudgetAccessList, Currency, MemberRole, Role
from runtime.problem import NotFound
from tests.handlers.household import Household
from tests.handlers.world import somebody

pytestmark = pytest.mark.anyio


def levels(found: BudgetAccessList) -> dict[str, AccessLevel]:
    return {access.budget_id: access.level for access in found.items}


async def test_other_processes_learn_what_this_one_knows(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    mine, shared = await house.budget_of(ann), await house.budget_of(bob)
    hidden = await house.budget_of(bob)
    await house.share(bob, shared, ann, MemberRole.EDITOR)
    resolve = house.budget.resolve_budget_access
    all_of_anns = {mine.id: AccessLevel.OWNER, shared.id: AccessLevel.EDITOR}
    assert levels(await resolve(user_id=ann.user_id)) == all_of_anns
    grants = {g.budget_id: g.level for g in await house.budget.visible_budgets(ann)}
    assert grants == {id: level.value for id, level in all_of_anns.items()}
    assert levels(await resolve(user_id=ann.user_id, budget_id=hidden.id)) == {}
    found = await resolve(user_id=ann.user_id, budget_id=shared.id)
    access = found.items[0]
    assert (access.owner_id, access.name, access.currency_fixed) == (
        bob.user_id,
        "Household",
        False,
    )


async def test_an_admin_owns_what_it_asks_for_by_id_and_lists_its_own(house: Household) -> None:
    ann, admin = somebody(house.world), somebody(house.world, "admin")
    budget = await house.budget_of(ann)
    resolve = house.budget.resolve_budget_access
    one = await resolve(user_id=admin.user_id, budget_id=budget.id, role=Role.ADMIN)
    assert levels(one) == {budget.id: AccessLevel.OWNER}
    assert levels(await resolve(user_id=admin.user_id, role=Role.ADMIN)) == {}
    unverified = somebody(house.world, "admin", verified=False)
    assert await house.budget.level_on_budget(unverified, budget.id) is None


async def test_a_currency_is_fixed_once_and_for_good(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, currency=Currency.EUR)
    for _ in range(2):
        fixed = await house.budget.fix_budget_currency(budget_id=budget.id)
        assert fixed.currency is Currency.EUR
    await house.run(ann, "deleteBudget", id=budget.id)
    with pytest.raises(NotFound):
        await house.budget.fix_budget_currency(budget_id=budget.id)
