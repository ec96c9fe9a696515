"""The auth service: registering, signing in, and what is mailed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from generated import operations as op
from generated.errors import (
    CredentialsInvalid,
    EmailTaken,
    MailedTokenInvalid,
    PasswordCommon,
    PasswordTooLong,
    RefreshTokenInvalid,
)
from generated.models import (
    EmailInput,
    Role,
)
from generated.services import AuthConsumers, AuthService
from runtime.gate import Identities
from runtime.passwords import Passwords
from runtime.ports import Change
from runtime.problem import Problem
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
    for operation, asked in (
        (auth.handlers.forgot_password, op.FORGOT_PASSWORD),
        (auth.handlers.resend_verification, op.RESEND_VERIFICATION),
    ):
        costs = []
        for email in (ANN, "nobody@example.com"):
            spent = count_costs(auth, monkeypatch)
            await operation(call(asked), body=EmailInput(email=email))
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
