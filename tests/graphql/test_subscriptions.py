"""Subscriptions over graphql-transport-ws: what they give, whom, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from generated.models import Role
from tests.graphql.asking import ask
from tests.graphql.client import Client, connected
from tests.rest.world import Account, World
from tests.websocket.client import served

pytestmark = pytest.mark.anyio

Place = tuple[World, int]

BUDGET = "subscription ($id: ID!) { budgetChanged(id: $id) { name spent expenses { amount } } }"
CHAT = "subscription ($room: ID!) { chatMessage(room: $room) { text authorId } }"
NOTES = "subscription ($last: ID) { notificationReceived(lastEventId: $last) { id title } }"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """The platform behind its server, and the port."""
    world = World(tmp_path)
    await world.open()
    async with served(world) as port:
        yield world, port
    await world.close()


async def budget_of(world: World, account: Account) -> str:
    made = await world.made(account, "/budgets", {"name": "Household", "limit": "500.00"})
    return str(made["id"])


async def heard(world: World, channel: str, wanted: bool = True) -> None:
    """Waits until somebody listens on a channel of the fan-out, or nobody does any more."""
    fanout: Any = world.platform.fanout
    async with asyncio.timeout(5):
        while bool(getattr(fanout._channels.get(channel), "listeners", ())) != wanted:  # noqa: ASYNC110 # it tells nobody
            await asyncio.sleep(0.002)


async def subscribed(
    client: Client, query: str, named: dict[str, Any] | None = None, id: str = "1"
) -> None:
    """Begins an operation."""
    payload = {"query": query, "variables": named}
    await client.send({"id": id, "type": "subscribe", "payload": payload})


async def test_a_budget_is_told_as_it_changes_with_what_is_nested(place: Place) -> None:
    world, port = place
    account = await world.account()
    budget = await budget_of(world, account)
    async with connected(port) as client:
        assert await client.sign_in(account.access) == {"type": "connection_ack"}
        await subscribed(client, BUDGET, {"id": budget})
        await heard(world, f"budget:{budget}")
        expense = {"description": "Tea", "amount": "4.00", "category": "Food", "budgetId": budget}
        await world.made(account, "/expenses", expense)
        message = await client.next()
        assert (message["id"], message["type"]) == ("1", "next")
        assert message["payload"]["data"]["budgetChanged"]["expenses"] == [{"amount": "4.00"}]
        while message["payload"]["data"]["budgetChanged"]["spent"] != "4.00":
            message = await client.next()
        await client.send({"id": "1", "type": "complete"})
        await heard(world, f"budget:{budget}", False)
        await client.send({"type": "ping"})
        assert await client.next() == {"type": "pong"}


async def test_a_room_is_heard_and_notifications_resume(place: Place) -> None:
    world, port = place
    account, staff = await world.account(), await world.account(Role.SUPPORT)
    notes = []
    for title in ("One", "Two"):
        body = {"title": title, "body": "Something", "userId": account.id}
        notes.append(await world.made(staff, "/notifications", body))
    async with connected(port) as client:
        await client.sign_in(account.access)
        await subscribed(client, NOTES, {"last": notes[0]["id"]}, "n")
        missed = await client.next()
        assert missed["payload"]["data"]["notificationReceived"]["title"] == "Two"
        await subscribed(client, CHAT, {"room": account.id}, "c")
        await heard(world, f"chat:{account.id}")
        await world.made(staff, f"/chat/{account.id}/messages", {"text": "Hello"})
        said = await client.next()
        assert said["id"] == "c"
        assert said["payload"] == {"data": {"chatMessage": {"text": "Hello", "authorId": staff.id}}}


async def test_queries_and_mutations_are_answered_and_complete(place: Place) -> None:
    world, port = place
    account = await world.account()
    async with connected(port) as client:
        await client.sign_in(account.access)
        query = 'mutation { createBudget(input: {name: "A", limit: "1.00"}) { name } }'
        await subscribed(client, query, id="m")
        message = await client.next()
        assert message["payload"] == {"data": {"createBudget": {"name": "A"}}}
        assert await client.next() == {"id": "m", "type": "complete"}
        await subscribed(client, "{ nope }", id="q")
        message = await client.next()
        assert (message["id"], message["type"]) == ("q", "error")
        assert message["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        await subscribed(client, "{ me { id } }", id="q")
        assert (await client.next())["payload"]["data"]["me"]["id"] == account.id


async def test_a_ticket_signs_in_once_and_its_session_stands_for_a_token(place: Place) -> None:
    world, port = place
    account = await world.account()
    ticket = (await world.made(account, "/auth/ws-ticket"))["ticket"]
    async with connected(port) as client:
        await client.send({"type": "connection_init", "payload": {"ticket": ticket}})
        assert (await client.next())["type"] == "connection_ack"
        await subscribed(client, "{ me { id } }")
        assert (await client.next())["payload"]["data"]["me"]["id"] == account.id
    async with connected(port, path=f"/api/graphql?ticket={ticket}") as client:
        await client.send({"type": "connection_init"})
        assert await client.closed() == (4403, "Forbidden")


@pytest.mark.parametrize(
    "payload", [None, {}, {"authorization": "Bearer x"}, {"accessToken": ""}, {"ticket": "x"}]
)
async def test_nobody_is_let_in_without_an_identity(place: Place, payload: Any) -> None:
    async with connected(place[1]) as client:
        await client.send({"type": "connection_init", "payload": payload})
        assert await client.closed() == (4403, "Forbidden")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 4400),
        (b"{}", 4400),
        ("[]", 4400),
        ({"type": "shout"}, 4400),
        ({"type": 1}, 4400),
        ({"type": "connection_init", "payload": 1}, 4400),
        ({"type": "subscribe", "id": "1", "payload": {"query": "{ me { id } }"}}, 4401),
        ("x" * ((1 << 20) + 1), 1009),
    ],
)
async def test_what_is_no_message_closes_the_socket(place: Place, message: Any, code: int) -> None:
    async with connected(place[1], max_size=None) as client:
        await client.send(message)
        assert (await client.closed())[0] == code


async def test_the_protocols_own_faults_have_its_own_codes(place: Place) -> None:
    world, port = place
    account = await world.account()
    async with connected(port, subprotocols=None) as client:
        assert (await client.closed())[0] == 4406
    async with connected(port) as client:
        await client.sign_in(account.access)
        await client.send({"type": "connection_init"})
        assert (await client.closed())[0] == 4429
    async with connected(port) as client:
        await client.sign_in(account.access)
        budget = await budget_of(world, account)
        await subscribed(client, BUDGET, {"id": budget}, "same")
        await subscribed(client, BUDGET, {"id": budget}, "same")
        assert (await client.closed())[0] == 4409


async def test_what_a_stranger_may_not_watch_is_not_there(place: Place) -> None:
    world, port = place
    account, stranger = await world.account(), await world.account()
    budget = await budget_of(world, account)
    async with connected(port) as client:
        await client.sign_in(stranger.access)
        for id, query, named in (
            ("b", BUDGET, {"id": budget}),
            ("c", CHAT, {"room": account.id}),
            ("x", BUDGET, {"id": "bud_x"}),
        ):
            await subscribed(client, query, named, id)
            message = await client.next()
            assert (message["id"], message["type"]) == (id, "error")
            wanted = "invalid-input" if id == "x" else "not-found"
            assert message["payload"][0]["extensions"]["problem"]["code"] == wanted


async def test_a_revoked_session_loses_its_sockets_within_a_second(place: Place) -> None:
    world, port = place
    account = await world.account()
    budget = await budget_of(world, account)
    async with connected(port) as idle, connected(port) as watching:
        await idle.sign_in(account.access)
        await watching.sign_in(account.access)
        await subscribed(watching, BUDGET, {"id": budget})
        await heard(world, f"budget:{budget}")
        await world.send(account, "POST", "/auth/logout")
        async with asyncio.timeout(1):
            assert await idle.closed() == (4401, "Unauthorized")
            assert await watching.closed() == (4401, "Unauthorized")
    await heard(world, f"budget:{budget}", False)


async def test_lost_access_ends_the_subscription_and_not_the_socket(place: Place) -> None:
    world, port = place
    owner, member = await world.account(), await world.account()
    budget = await budget_of(world, owner)
    invited = {"email": member.email, "role": "viewer"}
    await world.made(owner, f"/budgets/{budget}/invitations", invited)
    await world.made(member, "/invitations/accept", {"token": await world.mailed(member.email)})
    async with connected(port) as client:
        await client.sign_in(member.access)
        await subscribed(client, BUDGET, {"id": budget})
        await heard(world, f"budget:{budget}")
        gone = await world.send(owner, "DELETE", f"/budgets/{budget}/members/{member.id}")
        assert gone.status_code == 204
        async with asyncio.timeout(1):
            message = await client.next()
            while message["type"] == "next":
                message = await client.next()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["problem"]["code"] == "not-found"
        await subscribed(client, "{ me { id } }", id="still")
        assert (await client.next())["payload"]["data"]["me"]["id"] == member.id


async def test_a_lost_role_ends_what_it_allowed(place: Place) -> None:
    world, port = place
    admin, staff, user = (
        await world.account(Role.ADMIN),
        await world.account(Role.SUPPORT),
        await world.account(),
    )
    async with connected(port) as client:
        await client.sign_in(staff.access)
        await subscribed(client, CHAT, {"room": user.id})
        await heard(world, f"chat:{user.id}")
        await world.send(admin, "PUT", f"/users/{staff.id}/role", {"role": "user"})
        async with asyncio.timeout(1):
            message = await client.next()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["problem"]["code"] in ("not-found", "forbidden")


async def test_a_server_that_stops_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.open()
    async with served(world) as port, connected(port) as client:
        account = await world.account()
        await client.sign_in(account.access)
        await subscribed(client, NOTES)
        await heard(world, f"user:{account.id}")
        world.platform.drain()
        assert await client.closed() == (1001, "The server stops")
    await world.close()


async def test_a_subscription_over_http_is_refused(world: World) -> None:
    answer = await ask(world, await world.account(), NOTES)
    assert answer.status_code == 400
    assert "graphql-transport-ws" in answer.json()["errors"][0]["message"]
