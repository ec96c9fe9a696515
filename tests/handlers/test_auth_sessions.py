"""The auth service: tokens, sessions and tickets, and when each ends."""

from __future__ import annotations

import asyncio
import json

import pytest

from generated import operations as op
from generated.errors import (
    CredentialsInvalid,
    PasswordCommon,
    PasswordWrong,
    RefreshTokenInvalid,
)
from generated.models import (
    Authentication,
    ChangePasswordInput,
    Role,
    SessionRecord,
)
from handlers.live import IDENTITY
from runtime.call import Caller
from runtime.ports import Query
from runtime.problem import NotFound, PreconditionFailed, Unauthenticated
from tests.handlers.people import ANN, OTHER, PASSWORD, Auth
from tests.handlers.world import World, call

pytestmark = pytest.mark.anyio


@pytest.fixture
def auth(world: World) -> Auth:
    return Auth(world)


# --- tokens ---------------------------------------------------------------------------------------


async def test_a_refresh_token_is_traded_for_new_tokens(auth: Auth) -> None:
    signed_in = await auth.register()
    renewed = await auth.refresh(signed_in.refresh_token)
    assert renewed.refresh_token != signed_in.refresh_token
    assert await auth.is_known(renewed)
    assert (await auth.refresh(renewed.refresh_token)).user.email == ANN


async def test_a_refresh_token_used_again_ends_its_session(auth: Auth) -> None:
    signed_in = await auth.register()
    elsewhere = await auth.login()
    renewed = await auth.refresh(signed_in.refresh_token)
    await auth.caller(renewed)
    with pytest.raises(RefreshTokenInvalid):
        await auth.refresh(signed_in.refresh_token)
    assert not await auth.is_known(renewed)
    with pytest.raises(RefreshTokenInvalid):
        await auth.refresh(renewed.refresh_token)
    assert await auth.is_known(elsewhere)


async def test_of_two_that_use_a_refresh_token_at_once_none_keeps_the_session(auth: Auth) -> None:
    signed_in = await auth.register()
    answers = await asyncio.gather(
        *(auth.refresh(signed_in.refresh_token) for _ in range(2)), return_exceptions=True
    )
    assert [type(a) for a in answers].count(RefreshTokenInvalid) == 1
    assert not await auth.is_known(signed_in)


async def test_a_made_up_refresh_token_ends_nothing(auth: Auth) -> None:
    signed_in = await auth.register()
    session, secret, mark = signed_in.refresh_token.split(".")
    for token in (f"{session}.{secret[::-1]}.{mark}", f"{session}.{secret}.{mark[::-1]}", session):
        with pytest.raises(RefreshTokenInvalid):
            await auth.refresh(token)
    assert await auth.is_known(signed_in)


async def test_a_session_that_is_not_refreshed_for_a_month_expires(
    auth: Auth, world: World
) -> None:
    signed_in = await auth.register()
    await world.turn(days=29)
    renewed = await auth.refresh(signed_in.refresh_token)
    await world.turn(days=30)
    with pytest.raises(RefreshTokenInvalid):
        await auth.refresh(renewed.refresh_token)


async def test_no_session_outlives_half_a_year(auth: Auth, world: World) -> None:
    signed_in = await auth.register()
    for _ in range(9):
        await world.turn(days=20)
        if _ < 8:
            signed_in = await auth.refresh(signed_in.refresh_token)
    with pytest.raises(RefreshTokenInvalid):
        await auth.refresh(signed_in.refresh_token)


async def test_an_access_token_ends_after_fifteen_minutes(auth: Auth, world: World) -> None:
    signed_in = await auth.register()
    assert signed_in.expires_in == 900
    await world.turn(minutes=15)
    with pytest.raises(Unauthenticated):
        await auth.handlers.identify(signed_in.access_token)


# --- sessions -------------------------------------------------------------------------------------


async def test_signing_out_ends_the_access_token_at_once_and_tells_the_other_processes(
    auth: Auth, world: World
) -> None:
    signed_in, elsewhere = await auth.register(), await auth.login()
    caller = await auth.caller(signed_in)
    await auth.caller(elsewhere)
    others = world.fanout.listen(IDENTITY)
    await auth.handlers.logout(call(op.LOGOUT, caller))
    assert not await auth.is_known(signed_in)
    assert await auth.is_known(elsewhere)
    told = json.loads(await anext(others))
    assert told == {"userId": caller.user_id, "sessionId": caller.session_id}
    with pytest.raises(RefreshTokenInvalid):
        await auth.refresh(signed_in.refresh_token)


async def test_one_sees_and_ends_ones_own_sign_ins(auth: Auth) -> None:
    signed_in, elsewhere = await auth.register(), await auth.login()
    caller, other = await auth.caller(signed_in), await auth.caller(elsewhere)
    page = await auth.handlers.list_sessions(call(op.LIST_SESSIONS, caller), page_size=50)
    assert {session.id for session in page.items} == {caller.session_id, other.session_id}
    assert page.items[0].user_agent == "tests"
    assert await auth.handlers.level_on_session(caller, other.session_id) == "owner"
    await auth.handlers.revoke_session(call(op.REVOKE_SESSION, caller), id=other.session_id)
    assert not await auth.is_known(elsewhere)
    page = await auth.handlers.list_sessions(call(op.LIST_SESSIONS, caller), page_size=50)
    assert [session.id for session in page.items] == [caller.session_id]
    assert await auth.handlers.level_on_session(caller, other.session_id) is None


async def test_anothers_session_does_not_exist(auth: Auth) -> None:
    ann = await auth.caller(await auth.register())
    bo = await auth.caller(await auth.register("bo@example.com"))
    admin = await auth.staff(Role.ADMIN, "ad@example.com")
    assert await auth.handlers.level_on_session(bo, ann.session_id) is None
    assert await auth.handlers.level_on_session(admin, ann.session_id) == "owner"


async def test_a_stale_version_ends_no_session(auth: Auth) -> None:
    signed_in = await auth.register()
    caller = await auth.caller(signed_in)
    await auth.refresh(signed_in.refresh_token)
    with pytest.raises(PreconditionFailed):
        await auth.handlers.revoke_session(
            call(op.REVOKE_SESSION, caller, if_version=1), id=caller.session_id
        )


async def test_changing_the_password_ends_every_session_and_opens_a_new_one(auth: Auth) -> None:
    signed_in, elsewhere = await auth.register(), await auth.login()
    caller = await auth.caller(signed_in)
    await auth.caller(elsewhere)
    renewed = await change(auth, caller, PASSWORD, OTHER)
    assert not await auth.is_known(signed_in)
    assert not await auth.is_known(elsewhere)
    assert await auth.is_known(renewed)
    page = await auth.handlers.list_sessions(call(op.LIST_SESSIONS, caller), page_size=50)
    assert len(page.items) == 1


async def test_changing_takes_the_current_password_and_a_good_new_one(auth: Auth) -> None:
    caller = await auth.caller(await auth.register())
    with pytest.raises(PasswordWrong):
        await change(auth, caller, "not-this-one-at-all", OTHER)
    with pytest.raises(PasswordCommon) as refused:
        await change(auth, caller, PASSWORD, "password123")
    assert refused.value.errors[0].pointer == "/newPassword"


async def test_a_sign_in_under_way_while_the_password_changes_gives_no_session(auth: Auth) -> None:
    caller = await auth.caller(await auth.register())
    entered: list[Authentication] = []

    async def keep_signing_in() -> None:
        while True:
            entered.append(await auth.login())

    knocking = asyncio.ensure_future(keep_signing_in())
    await change(auth, caller, PASSWORD, OTHER)
    with pytest.raises(CredentialsInvalid):
        await knocking
    assert not any([await auth.is_known(each) for each in entered])


async def change(auth: Auth, caller: Caller, current: str, new: str) -> Authentication:
    body = ChangePasswordInput(current_password=current, new_password=new)
    return await auth.handlers.change_password(call(op.CHANGE_PASSWORD, caller), body=body)


async def test_dead_sessions_are_swept_up_by_the_next_sign_in(auth: Auth, world: World) -> None:
    await auth.register()
    for _ in range(5):
        await auth.login()
    await world.turn(days=31)
    await auth.login()
    page = await auth.store.page(SessionRecord, Query())
    assert len(page.items) == 1


# --- tickets --------------------------------------------------------------------------------------


async def test_a_ticket_signs_in_once(auth: Auth) -> None:
    caller = await auth.caller(await auth.register())
    grant = await auth.handlers.create_socket_ticket(call(op.CREATE_SOCKET_TICKET, caller))
    answers = await asyncio.gather(
        *(auth.handlers.redeem(grant.ticket) for _ in range(2)), return_exceptions=True
    )
    assert [answer for answer in answers if isinstance(answer, Caller)] == [caller]


async def test_another_process_redeems_a_ticket_once(auth: Auth) -> None:
    caller = await auth.caller(await auth.register())
    grant = await auth.handlers.create_socket_ticket(call(op.CREATE_SOCKET_TICKET, caller))
    state = await auth.handlers.redeem_socket_ticket(ticket=grant.ticket)
    assert (state.user_id, state.session_id) == (caller.user_id, caller.session_id)
    with pytest.raises(NotFound):
        await auth.handlers.redeem_socket_ticket(ticket=grant.ticket)


async def test_a_ticket_is_good_for_thirty_seconds_and_while_its_session_stands(
    auth: Auth, world: World
) -> None:
    caller = await auth.caller(await auth.register())
    late = await auth.handlers.create_socket_ticket(call(op.CREATE_SOCKET_TICKET, caller))
    await world.turn(seconds=30)
    with pytest.raises(Unauthenticated):
        await auth.handlers.redeem(late.ticket)
    void = await auth.handlers.create_socket_ticket(call(op.CREATE_SOCKET_TICKET, caller))
    await auth.handlers.logout(call(op.LOGOUT, caller))
    with pytest.raises(Unauthenticated):
        await auth.handlers.redeem(void.ticket)
