"""Sharing: who is invited becomes a member, once, and who is not learns nothing."""

from __future__ import annotations

import asyncio

import pytest

from generated.errors import AlreadyMember, MailedTokenInvalid, MembersFull, OwnerFixed
from generated.events import BudgetInvited
from generated.models import (
    AcceptInvitationInput,
    Budget,
    BudgetInvitation,
    BudgetMemberInput,
    BudgetMemberList,
    InvitationInput,
    MemberRole,
)
from handlers import budget_members
from runtime.call import Caller
from runtime.ports import Delivery, Query, Seen
from runtime.problem import Forbidden, NotFound, Problem
from tests.handlers.household import Household
from tests.handlers.world import somebody

pytestmark = pytest.mark.anyio


async def invited(house: Household, owner: Caller, budget: Budget, role: str = "editor") -> str:
    """The token that somebody was mailed."""
    body = InvitationInput(email="Bob@Example.com", role=MemberRole(role))
    await house.run(owner, "inviteToBudget", id=budget.id, body=body)
    await house.world.drained()
    return house.world.mailed_token()


def by_token(token: str) -> AcceptInvitationInput:
    return AcceptInvitationInput(token=token)


async def accept(house: Household, guest: Caller, token: str) -> Budget:
    shared: Budget = await house.run(guest, "acceptInvitation", body=by_token(token))
    return shared


async def test_the_mailed_token_makes_its_bearer_a_member(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.budget_of(ann)
    token = await invited(house, ann, budget)
    shared = await accept(house, bob, token)
    assert [(m.user_id, m.role) for m in shared.members] == [(bob.user_id, MemberRole.EDITOR)]
    assert shared.version == budget.version + 1
    await house.spend(bob, budget, "1.00")
    mail = house.world.mails()[-1]
    assert (mail["To"], "“Household” as editor" in mail.get_content()) == ("bob@example.com", True)


async def test_a_token_is_kept_as_a_hash_and_is_in_no_event(house: Household) -> None:
    ann = somebody(house.world)
    token = await invited(house, ann, await house.budget_of(ann))
    page = await house.stores["budget"].page(BudgetInvitation, Query())
    assert page.items[0].token_hash not in (None, token)
    for file in (house.world.folder / "data").iterdir():
        if file.is_file():
            assert token.encode() not in file.read_bytes()


async def test_an_invitation_is_good_once(house: Household) -> None:
    ann, bob, eve = (somebody(house.world) for _ in range(3))
    token = await invited(house, ann, await house.budget_of(ann))
    await accept(house, bob, token)
    with pytest.raises(MailedTokenInvalid):
        await accept(house, eve, token)


async def test_an_invitation_is_good_for_seven_days(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    token = await invited(house, ann, await house.budget_of(ann))
    await house.world.turn(days=7)
    with pytest.raises(MailedTokenInvalid):
        await accept(house, bob, token)


async def test_the_notifications_id_is_good_for_the_invited_address_only(house: Household) -> None:
    ann, bob, eve = (somebody(house.world) for _ in range(3))
    await invited(house, ann, await house.budget_of(ann))
    page = await house.stores["budget"].page(BudgetInvitation, Query())
    body = AcceptInvitationInput(invitation_id=page.items[0].id)
    house.accounts.emails |= {bob.user_id: "bob@example.com", eve.user_id: "eve@example.com"}
    with pytest.raises(MailedTokenInvalid):
        await house.run(eve, "acceptInvitation", body=body)
    shared: Budget = await house.run(bob, "acceptInvitation", body=body)
    assert [member.user_id for member in shared.members] == [bob.user_id]


async def test_an_acceptance_names_exactly_one_of_the_two(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    token = await invited(house, ann, await house.budget_of(ann))
    page = await house.stores["budget"].page(BudgetInvitation, Query())
    both = AcceptInvitationInput(token=token, invitation_id=page.items[0].id)
    for body in (both, AcceptInvitationInput()):
        with pytest.raises(MailedTokenInvalid):
            await house.run(bob, "acceptInvitation", body=body)


async def test_one_invitation_accepted_at_once_by_many_lets_one_in(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    token = await invited(house, ann, budget)
    guests = [somebody(house.world) for _ in range(8)]
    results = await asyncio.gather(
        *(accept(house, guest, token) for guest in guests), return_exceptions=True
    )
    assert sum(isinstance(result, Budget) for result in results) == 1
    assert sum(isinstance(result, MailedTokenInvalid) for result in results) == 7
    listed: BudgetMemberList = await house.run(ann, "listBudgetMembers", id=budget.id)
    assert len(listed.items) == 1


async def test_no_second_invitation_lets_a_removed_member_back_in(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.budget_of(ann)
    first = await invited(house, ann, budget)
    second = await invited(house, ann, budget)
    await accept(house, bob, first)
    await house.run(ann, "removeBudgetMember", id=budget.id, user_id=bob.user_id)
    with pytest.raises(MailedTokenInvalid):
        await accept(house, bob, second)


async def test_members_and_the_owner_do_not_join_again(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.share(ann, await house.budget_of(ann), bob, MemberRole.VIEWER)
    token = await invited(house, ann, budget)
    for caller in (ann, bob):
        with pytest.raises(AlreadyMember):
            await accept(house, caller, token)


async def test_a_budget_has_so_many_members_at_most(
    house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget_members, "MOST_MEMBERS", 1)
    ann, bob, eve = (somebody(house.world) for _ in range(3))
    budget = await house.share(ann, await house.budget_of(ann), bob, MemberRole.VIEWER)
    token = await invited(house, ann, budget)
    with pytest.raises(MembersFull):
        await accept(house, eve, token)


async def test_an_invitation_to_a_deleted_budget_is_none(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.budget_of(ann)
    token = await invited(house, ann, budget)
    await house.run(ann, "deleteBudget", id=budget.id)
    with pytest.raises(MailedTokenInvalid):
        await accept(house, bob, token)


async def test_a_role_is_changed_by_the_owner_alone(house: Household) -> None:
    ann, bob, eve = (somebody(house.world) for _ in range(3))
    budget = await house.share(ann, await house.budget_of(ann), bob, MemberRole.VIEWER)
    body = BudgetMemberInput(role=MemberRole.EDITOR)

    async def change(caller: Caller, user: Caller) -> Budget:
        changed: Budget = await house.run(
            caller, "setBudgetMember", id=budget.id, user_id=user.user_id, body=body
        )
        return changed

    refusals: list[tuple[Caller, Caller, type[Problem]]] = [
        (bob, bob, Forbidden),
        (eve, bob, NotFound),
        (ann, eve, NotFound),
        (ann, ann, OwnerFixed),
    ]
    for caller, user, problem in refusals:
        with pytest.raises(problem):
            await change(caller, user)
    changed = await change(ann, bob)
    assert (changed.members[0].role, changed.version) == (MemberRole.EDITOR, budget.version + 1)
    assert (await change(ann, bob)).version == changed.version


async def test_a_member_leaves_and_the_owner_ends_anybodys_membership(house: Household) -> None:
    ann, bob, eve = (somebody(house.world) for _ in range(3))
    budget = await house.budget_of(ann)
    for guest in (bob, eve):
        await house.share(ann, budget, guest, MemberRole.VIEWER)

    async def remove(caller: Caller, user: Caller) -> None:
        await house.run(caller, "removeBudgetMember", id=budget.id, user_id=user.user_id)

    with pytest.raises(Forbidden):
        await remove(bob, eve)
    with pytest.raises(OwnerFixed):
        await remove(ann, ann)
    await remove(bob, bob)
    await remove(ann, eve)
    with pytest.raises(NotFound):
        await remove(ann, eve)
    with pytest.raises(NotFound):
        await house.run(bob, "getBudget", id=budget.id)


async def test_a_mail_that_is_sent_again_has_the_same_token(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.budget_of(ann)
    token = await invited(house, ann, budget)
    invitation = (await house.stores["budget"].page(BudgetInvitation, Query())).items[0]
    event = BudgetInvited(
        invitation_id=invitation.id,
        budget_id=budget.id,
        budget_name=budget.name,
        invited_by=ann.user_id,
        email=invitation.email,
        role=invitation.role,
    )
    await house.budget.mail_invitation([Delivery(event, Seen("mailInvitation", "evt_1"))])
    assert (len(house.world.mails()), house.world.mailed_token()) == (2, token)
    assert (await accept(house, bob, token)).members
