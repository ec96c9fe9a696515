"""The auth service: roles, and accounts from the first admin to the deleted one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from generated import operations as op
from generated.errors import (
    LastAdmin,
)
from generated.events import BudgetInvited, UserInvited
from generated.models import (
    MailedToken,
    MemberRole,
    ProfileInput,
    Role,
    SessionRecord,
    SocketTicket,
    User,
    UserRoleInput,
)
from generated.operations import ROLES
from runtime.call import Caller
from runtime.ports import Emit, Query
from runtime.problem import NotFound, PreconditionFailed
from tests.handlers.people import ANN, PASSWORD, Auth
from tests.handlers.world import World, call

pytestmark = pytest.mark.anyio


@pytest.fixture
def auth(world: World) -> Auth:
    return Auth(world)


async def test_a_role_holds_at_once_and_gives_its_scopes(auth: Auth) -> None:
    admin = await auth.staff(Role.ADMIN, "ad@example.com")
    signed_in = await auth.register()
    user = await auth.caller(signed_in)
    answer = await set_role(auth, admin, user.user_id, Role.SUPPORT)
    assert answer.role is Role.SUPPORT
    assert auth.known.get(signed_in.access_token) is None
    support = await auth.caller(signed_in)
    # The address is not verified: the role's own scopes are withheld.
    assert support.scopes == ROLES["user"]
    assert support.withheld == ROLES["support"] - ROLES["user"]


async def test_the_last_admin_stays(auth: Auth) -> None:
    admin = await auth.staff(Role.ADMIN, "ad@example.com")
    with pytest.raises(LastAdmin):
        await set_role(auth, admin, admin.user_id, Role.USER)
    with pytest.raises(LastAdmin):
        await auth.handlers.delete_account(call(op.DELETE_ACCOUNT, admin))
    second = await auth.staff(Role.ADMIN, "ad2@example.com")
    answers = await asyncio.gather(
        set_role(auth, admin, second.user_id, Role.USER),
        set_role(auth, second, admin.user_id, Role.USER),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers].count(LastAdmin) == 1


async def set_role(auth: Auth, admin: Caller, id: str, role: Role) -> User:
    body = UserRoleInput(role=role)
    return await auth.handlers.set_user_role(call(op.SET_USER_ROLE, admin), id=id, body=body)


async def test_the_command_line_makes_the_first_admin(auth: Auth) -> None:
    assert await auth.handlers.set_role(ANN, Role.ADMIN) is None
    signed_in = await auth.register()
    user = await auth.handlers.set_role("ANN@example.com", Role.ADMIN)
    assert user is not None
    assert (user.role, user.email_verified) == (Role.ADMIN, True)
    assert (await auth.caller(signed_in)).is_admin
    assert await auth.handlers.make_account(ANN, "Ann", PASSWORD, Role.USER) is False


async def test_accounts_are_listed_by_role_and_address_without_their_secrets(auth: Auth) -> None:
    support = await auth.staff(Role.SUPPORT, "su@example.com")
    await auth.register()
    listing = call(op.LIST_USERS, support)
    page = await auth.handlers.list_users(listing, page_size=50, email="ANN@example.com")
    assert [user.email for user in page.items] == [ANN]
    page = await auth.handlers.list_users(listing, page_size=1, sort="email")
    rest = await auth.handlers.list_users(
        listing, page_size=1, sort="email", page_token=page.next_page_token
    )
    assert [user.email for user in (*page.items, *rest.items)] == [ANN, "su@example.com"]
    assert b"$2b$" not in page.__pydantic_serializer__.to_json(page)


async def test_a_profile_is_changed_under_its_version(auth: Auth) -> None:
    caller = await auth.caller(await auth.register())
    body = ProfileInput(name="Anna")
    after = await auth.handlers.update_profile(
        call(op.UPDATE_PROFILE, caller, if_version=1), body=body
    )
    assert (after.name, after.version) == ("Anna", 2)
    assert await auth.handlers.get_profile(call(op.GET_PROFILE, caller)) == after
    with pytest.raises(PreconditionFailed):
        await auth.handlers.update_profile(call(op.UPDATE_PROFILE, caller, if_version=1), body=body)


async def test_a_deleted_account_leaves_nothing_to_sign_in_with(auth: Auth, world: World) -> None:
    signed_in = await auth.register()
    caller = await auth.caller(signed_in)
    await auth.handlers.create_socket_ticket(call(op.CREATE_SOCKET_TICKET, caller))
    await world.carry(auth=auth.handlers)
    await world.drained()
    await auth.handlers.delete_account(call(op.DELETE_ACCOUNT, caller))
    assert not await auth.is_known(signed_in)
    await world.drained()
    for kind in (SessionRecord, MailedToken, SocketTicket):
        assert (await auth.store.page(kind, Query())).items == []
    with pytest.raises(NotFound):
        await auth.handlers.get_user(call(op.GET_USER, caller), id=caller.user_id)
    await auth.register()


async def test_a_checked_session_says_who_is_behind_it(auth: Auth) -> None:
    caller = await auth.caller(await auth.register())
    state = await auth.handlers.check_session(session_id=caller.session_id)
    assert (state.user_id, state.role, state.email_verified) == (caller.user_id, Role.USER, False)
    await auth.handlers.logout(call(op.LOGOUT, caller))
    with pytest.raises(NotFound):
        await auth.handlers.check_session(session_id=caller.session_id)


async def test_an_invitation_reaches_the_account_of_a_verified_address_only(
    auth: Auth, world: World
) -> None:
    assert await auth.handlers.make_account("bo@example.com", "Bo", PASSWORD, Role.USER)
    await auth.register()
    bo = await auth.handlers.caller_of("bo@example.com")
    assert bo is not None
    heard: list[Any] = []
    await world.carry(heard, auth=auth.handlers)
    for email in (ANN, "bo@example.com", "nobody@example.com"):
        invited = BudgetInvited(
            invitation_id=world.ids.new("inv"),
            budget_id=world.ids.new("bud"),
            budget_name="Household",
            invited_by=world.ids.new("usr"),
            email=email,
            role=MemberRole.VIEWER,
        )
        await world.store("budget").commit(Emit(invited))
    await world.drained()
    assert [e.user_id for e in heard if isinstance(e, UserInvited)] == [bo.user_id]
