"""Accounts, sessions and memberships that many change at once."""

from __future__ import annotations

from typing import Any

import pytest

from generated.models import Role
from tests.durability.test_races import at_once, budget_of, counted
from tests.rest.world import PASSWORD, Account, World

pytestmark = pytest.mark.anyio

ROUNDS = 8


async def test_an_address_registered_by_many_has_one_account(world: World) -> None:
    body = {"email": "Ada@example.com", "password": PASSWORD, "name": "Ada"}
    answers = await at_once(
        [world.send(None, "POST", "/auth/register", body) for _ in range(ROUNDS)]
    )
    assert counted(answers) == {201: 1, "email-taken": ROUNDS - 1}


async def test_all_who_sign_in_at_once_get_a_session_of_their_own(world: World) -> None:
    ann = await world.account()
    body = {"email": ann.email, "password": ann.password}
    answers = await at_once([world.send(None, "POST", "/auth/login", body) for _ in range(20)])
    assert counted(answers) == {200: 20}
    tokens = {answer.json()["refreshToken"] for answer in answers}
    assert len(tokens) == 20
    sessions = (await world.send(ann, "GET", "/auth/sessions?pageSize=200")).json()["items"]
    assert len(sessions) == 21


async def test_a_refresh_token_taken_by_many_is_good_once_and_ends_its_session(
    world: World,
) -> None:
    for _ in range(ROUNDS):
        ann = await world.account()
        body = {"refreshToken": ann.refresh}
        answers = await at_once(
            [world.send(None, "POST", "/auth/refresh", body) for _ in range(ROUNDS)]
        )
        assert counted(answers) == {200: 1, "refresh-token-invalid": ROUNDS - 1}
        # Whoever was first may be the thief: nobody stays signed in.
        (won,) = [answer.json() for answer in answers if answer.is_success]
        body = {"refreshToken": won["refreshToken"]}
        again = await world.send(None, "POST", "/auth/refresh", body)
        assert counted([again]) == {"refresh-token-invalid": 1}
        for token in (ann.access, won["accessToken"]):
            late = Account(ann.id, ann.email, ann.password, token, "")
            assert (await world.send(late, "GET", "/auth/me")).status_code == 401


async def test_a_refresh_and_a_logout_at_once_leave_no_session(world: World) -> None:
    for _ in range(ROUNDS):
        ann = await world.account()
        body = {"refreshToken": ann.refresh}
        refreshed, left = await at_once(
            [
                world.send(None, "POST", "/auth/refresh", body),
                world.send(ann, "POST", "/auth/logout"),
            ]
        )
        assert left.status_code == 204
        if refreshed.is_success:
            late = Account(ann.id, ann.email, "", refreshed.json()["accessToken"], "")
            assert (await world.send(late, "GET", "/auth/me")).status_code == 401


async def test_a_password_changed_by_many_is_changed_once(world: World) -> None:
    ann = await world.account()
    answers = await at_once(
        [
            world.send(
                ann,
                "POST",
                "/auth/change-password",
                {"currentPassword": PASSWORD, "newPassword": f"another password {number}"},
            )
            for number in range(ROUNDS)
        ]
    )
    told = counted(answers)
    assert told.pop(200) == 1
    # Who comes later proves the old password, or calls with a session that has ended.
    assert told.keys() <= {"password-wrong", "unauthenticated"}
    number = next(n for n, answer in enumerate(answers) if answer.is_success)
    await world.sign_in(ann.email, f"another password {number}")


async def test_an_invitation_accepted_twice_at_once_lets_one_in(world: World) -> None:
    ann = await world.account()
    for round_ in range(ROUNDS):
        budget = await budget_of(world, ann)
        guests = [await world.account() for _ in range(2)]
        body = {"email": guests[0].email, "role": "viewer"}
        await world.made(ann, f"/budgets/{budget['id']}/invitations", body)
        token = {"token": await world.mailed(guests[0].email)}
        # The secret is good for whoever has it: two accounts, or one that clicks twice.
        pair = guests if round_ % 2 else [guests[0]] * 2
        answers = await at_once(
            [world.send(who, "POST", "/invitations/accept", token) for who in pair]
        )
        told = counted(answers)
        assert told.pop(200) == 1
        assert told.keys() <= {"mailed-token-invalid", "already-member"}
        path = f"/budgets/{budget['id']}/members"
        assert len((await world.send(ann, "GET", path)).json()["items"]) == 1


async def test_members_who_join_at_once_are_all_in(world: World) -> None:
    ann = await world.account()
    budget = await budget_of(world, ann)
    guests = [await world.account() for _ in range(ROUNDS)]
    tokens: list[dict[str, Any]] = []
    for guest in guests:
        body = {"email": guest.email, "role": "editor"}
        await world.made(ann, f"/budgets/{budget['id']}/invitations", body)
        tokens.append({"token": await world.mailed(guest.email)})
    answers = await at_once(
        [
            world.send(guest, "POST", "/invitations/accept", token)
            for guest, token in zip(guests, tokens, strict=True)
        ]
    )
    assert counted(answers) == {200: ROUNDS}
    members = (await world.send(ann, "GET", f"/budgets/{budget['id']}/members")).json()["items"]
    assert {member["userId"] for member in members} == {guest.id for guest in guests}


async def test_admins_who_demote_each_other_at_once_leave_one(world: World) -> None:
    left = await world.account(Role.ADMIN)
    for _ in range(ROUNDS):
        admins = [left, await world.account(Role.ADMIN)]
        paths = [f"/users/{whom.id}/role" for whom in reversed(admins)]
        answers = await at_once(
            [
                world.send(who, "PUT", path, {"role": "user"})
                for who, path in zip(admins, paths, strict=True)
            ]
        )
        told = counted(answers)
        assert told.pop(200) == 1
        # The other had lost its role before it called, or was the last when it decided.
        assert told.keys() <= {"forbidden", "last-admin"}
        (left,) = [who for who, answer in zip(admins, answers, strict=True) if answer.is_success]
        found = (await world.send(left, "GET", "/users?role=admin")).json()["items"]
        assert [user["id"] for user in found] == [left.id]


async def test_the_last_admins_who_leave_at_once_leave_one(world: World) -> None:
    admins = [await world.account(Role.ADMIN) for _ in range(6)]
    answers = await at_once([world.send(who, "DELETE", "/auth/me") for who in admins])
    assert counted(answers) == {204: len(admins) - 1, "last-admin": 1}
    (last,) = [
        who for who, answer in zip(admins, answers, strict=True) if answer.status_code == 409
    ]
    assert (await world.send(last, "GET", "/users?role=admin")).json()["items"][0]["id"] == last.id
