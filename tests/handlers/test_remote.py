"""Services in different processes: each question is answered as in one process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from generated.models import BudgetAccessList, MemberRole, Role
from handlers.remote import RemoteAccounts, RemoteBudgets, RemoteExpenses, RemoteIndex
from runtime.problem import NotFound, Unauthenticated
from tests.handlers.household import Household
from tests.handlers.people import Auth
from tests.handlers.world import World, somebody

pytestmark = pytest.mark.anyio


class Counting:
    """A client that counts what goes through it, and may be held up on the way back."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self.asked = 0
        self.meanwhile: Any = None

    async def resolve_budget_access(self, **arguments: Any) -> BudgetAccessList:
        self.asked += 1
        answer: BudgetAccessList = await self._service.resolve_budget_access(**arguments)
        if self.meanwhile is not None:
            self.meanwhile()
        return answer

    async def fix_budget_currency(self, *, budget_id: str) -> Any:
        return await self._service.fix_budget_currency(budget_id=budget_id)


async def test_grants_are_the_budget_services_for_every_kind_of_caller(house: Household) -> None:
    ann, bob, admin = somebody(house.world), somebody(house.world), somebody(house.world, "admin")
    unverified = somebody(house.world, "admin", verified=False)
    budget = await house.budget_of(ann)
    await house.share(ann, budget, bob, MemberRole.VIEWER)
    remote = RemoteBudgets(client=house.budget)
    for caller in (ann, bob, admin, unverified, somebody(house.world)):
        for id in (budget.id, "bud_" + 26 * "0"):
            told = await house.budget.budget_grant(caller, id)
            assert await remote.budget_grant(caller, id) == told
            level = await house.budget.level_on_budget(caller, id)
            assert await remote.level_on_budget(caller, id) == level
        assert await remote.visible_budgets(caller) == await house.budget.visible_budgets(caller)
    assert await remote.fix_currency(budget.id) == "USD"
    assert await remote.fix_currency("bud_" + 26 * "0") is None


async def test_a_grant_is_kept_until_the_budget_changes(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.budget_of(ann)
    client = Counting(house.budget)
    remote = RemoteBudgets(client=client)
    assert await remote.level_on_budget(bob, budget.id) is None
    assert await remote.level_on_budget(bob, budget.id) is None
    assert client.asked == 1
    await house.share(ann, budget, bob, MemberRole.EDITOR)
    remote.forget(budget.id)
    assert await remote.level_on_budget(bob, budget.id) == "editor"
    # What was answered before an event that came first is not kept.
    remote.forget(budget.id)
    client.meanwhile = lambda: remote.forget(budget.id)
    await remote.level_on_budget(bob, budget.id)
    client.meanwhile = None
    asked = client.asked
    await remote.level_on_budget(bob, budget.id)
    assert client.asked == asked + 1


async def test_an_account_is_who_it_is_in_its_own_process(world: World) -> None:
    auth = Auth(world)
    signed_in = await auth.register()
    here = auth.handlers
    remote = RemoteAccounts(client=here, tokens=auth.tokens, clock=world.clock)
    caller, seconds = await here.identify(signed_in.access_token)
    assert (caller, seconds) == await remote.identify(signed_in.access_token)
    # The address is not verified yet.
    assert await remote.email_of(caller.user_id) is None
    staff = await auth.staff(Role.SUPPORT, "sue@example.com")
    assert await remote.email_of(staff.user_id) == "sue@example.com"
    for id in (caller.user_id, staff.user_id, "usr_" + 26 * "1"):
        assert await remote.email_of(id) == await here.email_of(id)
        assert await remote.caller_by_id(id) == await here.caller_by_id(id)
    with pytest.raises(Unauthenticated):
        await remote.redeem("a" * 43)
    with pytest.raises(Unauthenticated):
        await remote.identify("no.such.token")


async def test_expenses_are_all_there_to_find_and_to_scan(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    ids: Sequence[str] = [(await house.spend(ann, budget, "1.00")).id for _ in range(7)]
    remote = RemoteExpenses(client=house.expense)
    assert await remote.expenses_of([*ids, "exp_" + 26 * "0"]) == await house.expense.expenses_of(
        ids
    )
    assert [expense.id async for expense in remote.scan()] == sorted(ids)
    assert await RemoteIndex(client=house.search).rebuild() == 7
    with pytest.raises(NotFound):
        await house.budget.fix_budget_currency(budget_id="bud_" + 26 * "0")
