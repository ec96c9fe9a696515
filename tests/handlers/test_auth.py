"""The auth service: who is who, and for how long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from generated import operations as op
from generated.errors import (
    CredentialsInvalid,
    EmailTaken,
    LastAdmin,
    MailedTokenInvalid,
    PasswordCommon,
    PasswordTooLong,
    PasswordWrong,
    RefreshTokenInvalid,
)
from generated.events import BudgetInvited
from generated.models import (
    Authentication,
    ChangePasswordInput,
    EmailInput,
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
from generated.services import AuthConsumers, AuthService
from handlers.live import IDENTITY
from runtime.call import Caller
from runtime.gate import Identities
from runtime.passwords import Passwords
from runtime.ports import Change, Emit, Query
from runtime.problem import NotFound, PreconditionFailed, Problem, Unauthenticated
from tests.handlers.people import ANN, OTHER, PASSWORD, Auth
from tests.handlers.world import World, call

pytestmark = pytest.mark.anyio


@pytest.fixture
def auth(world: World) -> Auth:
    return Auth(world)


async def test_the_handlers_are_what_the_contract_asks_for(auth: Auth) -> None:
    service: AuthService = auth.handlers
    consumers: AuthConsumers = auth.handlers
    identities: Identities = auth.handlers
    for each in (service, consumers, identities):
        assert each is auth.handlers


# --- registering and signing in -------------------------------------------------------------------


async def test_registering_signs_in_and_mails_a_token_that_verifies(
    auth: Auth, world: World
) -> None:
    signed_in = await auth.register("Ann@Example.com")
    assert signed_in.user.email == ANN
    assert (await auth.caller(signed_in)).verified is False
    await world.carry(auth=auth.handlers)
    await world.drained()
    [mail] = world.mails()
    assert mail["To"] == ANN
    await auth.verify(world.mailed_token())
    assert (await auth.caller(signed_in)).verified is True


async def test_an_address_has_one_account_whatever_its_case(auth: Auth) -> None:
    await auth.register(ANN)
    with pytest.raises(EmailTaken) as refused:
        await auth.register("ANN@example.com")
    assert refused.value.errors[0].pointer == "/email"


async def test_two_that_register_one_address_at_once_get_one_account(auth: Auth) -> None:
    answers = await asyncio.gather(auth.register(), auth.register(), return_exceptions=True)
    assert [type(each) for each in answers if isinstance(each, Problem)] == [EmailTaken]


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("password123", PasswordCommon),
        ("ann@example.com", PasswordCommon),
        ("éà" * 20, PasswordTooLong),
    ],
)
async def test_a_weak_password_is_refused_and_the_field_is_named(
    auth: Auth, password: str, problem: type[Problem]
) -> None:
    with pytest.raises(problem) as refused:
        await auth.register(password=password)
    assert {(e.pointer, e.code) for e in refused.value.errors} == {("/password", problem.code)}


async def test_signing_in_takes_the_right_password_only(auth: Auth) -> None:
    await auth.register()
    assert await auth.is_known(await auth.login("ANN@EXAMPLE.COM"))
    with pytest.raises(CredentialsInvalid):
        await auth.login(password="not-this-one-at-all")


async def test_a_wrong_password_and_an_unknown_address_are_one_answer_at_one_cost(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    await auth.register()
    costs, answers = [], []
    for email in (ANN, "nobody@example.com"):
        spent = count_costs(auth, monkeypatch)
        with pytest.raises(CredentialsInvalid) as refused:
            await auth.login(email, "not-this-one-at-all")
        answers.append(str(refused.value))
        costs.append(spent())
    assert answers[0] == answers[1]
    assert costs == [(1, 0), (1, 0)]


async def test_forgetting_and_resending_cost_the_same_for_an_unknown_address(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    await auth.register()
    for operation in (auth.handlers.forgot_password, auth.handlers.resend_verification):
        costs = []
        for email in (ANN, "nobody@example.com"):
            spent = count_costs(auth, monkeypatch)
            await operation(call(op.FORGOT_PASSWORD), body=EmailInput(email=email))
            costs.append(spent())
        assert costs == [(0, 1), (0, 1)]


def count_costs(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[int, int]]:
    """Counts the hashes and the commits from here on, as they are really made."""
    hashes, commits = [], []
    verify, commit = Passwords.verify, type(auth.store).commit

    async def counted_verify(self: Passwords, password: str, hash: str | None) -> bool:
        hashes.append(password)
        return await verify(self, password, hash)

    async def counted_commit(self: object, *changes: Change) -> None:
        commits.append(changes)
        await commit(auth.store, *changes)

    monkeypatch.setattr(Passwords, "verify", counted_verify)
    monkeypatch.setattr(type(auth.store), "commit", counted_commit)

    def spent() -> tuple[int, int]:
        monkeypatch.undo()
        return len(hashes), len(commits)

    return spent


async def test_a_mail_is_sent_only_where_an_account_fits(auth: Auth, world: World) -> None:
    await auth.forgot("nobody@example.com")
    assert await auth.handlers.make_account("bo@example.com", "Bo", PASSWORD, Role.USER)
    await auth.handlers.resend_verification(
        call(op.RESEND_VERIFICATION), body=EmailInput(email="bo@example.com")
    )
    await world.carry(auth=auth.handlers)
    await world.drained()
    assert world.mails() == []


# --- mailed tokens --------------------------------------------------------------------------------


async def test_a_reset_ends_every_session_and_the_old_password(auth: Auth, world: World) -> None:
    first, second = await auth.register(), await auth.login()
    await auth.caller(first)
    await world.carry(auth=auth.handlers)
    await auth.forgot()
    await world.drained()
    await auth.reset(world.mailed_token())
    assert not await auth.is_known(first)
    assert not await auth.is_known(second)
    with pytest.raises(RefreshTokenInvalid):
        await auth.refresh(first.refresh_token)
    with pytest.raises(CredentialsInvalid):
        await auth.login()
    assert await auth.is_known(await auth.login(password=OTHER))


async def test_a_mailed_token_works_once(auth: Auth, world: World) -> None:
    await auth.register()
    await world.carry(auth=auth.handlers)
    await auth.forgot()
    await world.drained()
    token = world.mailed_token()
    answers = await asyncio.gather(
        auth.reset(token, OTHER), auth.reset(token, OTHER + "2"), return_exceptions=True
    )
    assert sorted(type(a).__name__ for a in answers) == ["MailedTokenInvalid", "NoneType"]


@pytest.mark.parametrize(("minutes", "good"), [(9, True), (10, False)])
async def test_a_reset_token_is_good_for_ten_minutes(
    auth: Auth, world: World, minutes: int, good: bool
) -> None:
    await auth.register()
    await world.carry(auth=auth.handlers)
    await auth.forgot()
    await world.drained()
    await world.turn(minutes=minutes)
    if good:
        await auth.reset(world.mailed_token())
    else:
        with pytest.raises(MailedTokenInvalid):
            await auth.reset(world.mailed_token())


async def test_a_verification_is_good_for_a_day(auth: Auth, world: World) -> None:
    await auth.register()
    await world.carry(auth=auth.handlers)
    await world.drained()
    await world.turn(hours=24)
    with pytest.raises(MailedTokenInvalid):
        await auth.verify(world.mailed_token())


async def test_a_token_is_for_what_it_was_mailed_for(auth: Auth, world: World) -> None:
    await auth.register()
    await world.carry(auth=auth.handlers)
    await world.drained()
    with pytest.raises(MailedTokenInvalid):
        await auth.reset(world.mailed_token())


async def test_a_new_password_ends_the_reset_tokens_that_wait(auth: Auth, world: World) -> None:
    await auth.register()
    await world.carry(auth=auth.handlers)
    tokens = []
    for _ in range(2):
        await auth.forgot()
        await world.drained()
        tokens.append(world.mailed_token())
    await world.turn(seconds=1)
    await auth.reset(tokens[1])
    with pytest.raises(MailedTokenInvalid):
        await auth.reset(tokens[0])


async def test_no_mailed_token_and_no_password_is_stored(auth: Auth, world: World) -> None:
    await auth.register()
    await world.carry(auth=auth.handlers)
    await world.drained()
    token = world.mailed_token()
    stored = b"".join(p.read_bytes() for p in (world.folder / "data").iterdir() if p.is_file())
    assert token.encode() not in stored
    assert PASSWORD.encode() not in stored


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


# --- roles and accounts ---------------------------------------------------------------------------


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
    told: list[str] = []

    class Listening:
        async def notify_invitation(self, batch: object) -> None:
            told.extend(each.event.user_id for each in batch)  # type: ignore[attr-defined]

        async def nothing(self, batch: object) -> None: ...

        def __getattr__(self, name: str) -> object:
            return self.nothing

    await world.carry(auth=auth.handlers, notification=Listening())
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
    assert told == [bo.user_id]
