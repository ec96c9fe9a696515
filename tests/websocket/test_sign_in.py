"""Who a socket's client is: four ways to say it, and none that puts a token into a URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from generated.models import Role
from tests.rest.world import ORIGIN, Account, World
from tests.websocket.client import SUBPROTOCOL, Client, Line

pytestmark = pytest.mark.anyio


async def ticket(world: World, account: Account) -> str:
    """A one-time ticket of the account's."""
    text: str = (await world.made(account, "/auth/ws-ticket"))["ticket"]
    return text


async def tell(world: World, account: Account, title: str) -> str:
    """Sends a notification to the account; its id."""
    admin = await world.account(Role.ADMIN)
    body = {"title": title, "body": "As said.", "userId": account.id}
    id: str = (await world.made(admin, "/notifications", body))["id"]
    return id


async def by_frame(world: World, line: Line, account: Account) -> Client:
    return await line.signed_in(account)


async def by_frame_with_a_ticket(world: World, line: Line, account: Account) -> Client:
    client = await line.connect()
    answer = await client.ask("signIn", payload={"ticket": await ticket(world, account)})
    assert answer["type"] == "ack"
    return client


async def by_address_with_a_ticket(world: World, line: Line, account: Account) -> Client:
    client = await line.connect(f"/ws?ticket={await ticket(world, account)}")
    assert (await client.next())["id"] == "signIn"
    return client


async def by_subprotocol(world: World, line: Line, account: Account) -> Client:
    client = await line.connect(subprotocols=[SUBPROTOCOL, f"bearer.{account.access}"])
    assert (await client.next())["id"] == "signIn"
    return client


async def by_header(world: World, line: Line, account: Account) -> Client:
    client = await line.connect(additional_headers=account.headers)
    assert (await client.next())["id"] == "signIn"
    return client


WAYS = [by_frame, by_frame_with_a_ticket, by_address_with_a_ticket, by_subprotocol, by_header]


@pytest.mark.parametrize("way", WAYS)
async def test_whoever_signs_in_gets_notifications_by_itself(
    world: World, line: Line, way: Callable[..., Any]
) -> None:
    ann = await world.account()
    client = await way(world, line, ann)
    id = await tell(world, ann, "News")
    event = await client.until(type="event")
    assert (event["id"], event["channel"]) == (id, "notifications")
    assert event["payload"]["title"] == "News"


async def test_broadcasts_reach_all_and_what_is_anothers_nobody(world: World, line: Line) -> None:
    ann, bo, admin = await world.account(), await world.account(), await world.account(Role.ADMIN)
    clients = [await line.signed_in(who) for who in (ann, bo)]
    await tell(world, ann, "Ann's")
    await world.made(admin, "/notifications", {"title": "To all", "body": "Now"})
    assert (await clients[0].until(type="event"))["payload"]["title"] == "Ann's"
    for client in clients:
        assert (await client.until(type="event"))["payload"]["title"] == "To all"


async def test_the_token_does_not_come_back_in_the_answer(world: World, line: Line) -> None:
    ann = await world.account()
    client = await line.connect(subprotocols=[SUBPROTOCOL, f"bearer.{ann.access}"])
    assert client.subprotocol == SUBPROTOCOL
    assert ann.access not in str(client.connection.response)
    alone = await line.connect(subprotocols=[f"bearer.{ann.access}"])
    assert alone.subprotocol is None
    assert ann.access not in str(alone.connection.response)


async def test_a_ticket_opens_one_socket(world: World, line: Line) -> None:
    ann = await world.account()
    text = await ticket(world, ann)
    first = await line.connect(f"/?ticket={text}")
    assert (await first.next())["type"] == "ack"
    second = await line.connect(f"/?ticket={text}")
    assert await second.ended() == 4401
    assert second.heard[0]["payload"]["code"] == "unauthenticated"


@pytest.mark.parametrize("name", ["token", "access_token", "accessToken", "authorization"])
async def test_a_token_in_the_address_is_refused(world: World, line: Line, name: str) -> None:
    ann = await world.account()
    client = await line.connect(f"/?{name}={ann.access}")
    assert await client.ended() == 4400
    (refused,) = client.heard
    assert refused["payload"]["errors"][0]["pointer"] == f"?{name}"
    assert ann.access not in str(refused)


async def test_a_stranger_may_only_sign_in(world: World, line: Line) -> None:
    for frame in (
        {"type": "ping", "id": "1"},
        {"type": "subscribe", "id": "1", "channel": "notifications"},
    ):
        client = await line.connect()
        await client.send(frame)
        assert await client.ended() == 4401
        (refused,) = client.heard
        assert (refused["id"], refused["payload"]["code"]) == ("1", "unauthenticated")
        assert refused["payload"]["requestId"]


async def test_a_sign_in_comes_once_and_names_one_secret(world: World, line: Line) -> None:
    ann = await world.account()
    client = await line.connect()
    for payload in ({}, {"accessToken": ann.access, "ticket": "x" * 43}):
        refused = await client.ask("signIn", payload=payload)
        assert refused["payload"]["errors"][0]["pointer"] == "/payload"
    assert (await client.ask("signIn", payload={"accessToken": ann.access}))["type"] == "ack"
    refused = await client.ask("signIn", payload={"accessToken": ann.access})
    assert refused["payload"]["errors"][0]["pointer"] == "/type"
    assert (await client.ask("ping"))["type"] == "pong"


async def test_pages_of_elsewhere_are_not_let_in(world: World, line: Line) -> None:
    assert (await line.connect(origin=ORIGIN)).subprotocol is None
    with pytest.raises(InvalidStatus):
        await line.connect(origin="https://evil.example.com")
