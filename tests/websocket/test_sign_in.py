"""Who a socket's client is: four ways to say it, and none that puts a token into a URL."""

from __future__ import annotations

import pytest

from generated.models import Role
from tests.rest.world import World
from tests.websocket.client import SUBPROTOCOL, Line

pytestmark = pytest.mark.anyio


async def test_a_first_frame_signs_in_and_notifications_come(world: World, line: Line) -> None:
    ann, admin = await world.account(), await world.account(Role.ADMIN)
    client = await line.signed_in(ann)
    sent = await world.made(
        admin, "/notifications", {"title": "News", "body": "Now", "userId": ann.id}
    )
    event = await client.until(type="event")
    assert (event["id"], event["channel"]) == (sent["id"], "notifications")
    assert event["payload"]["title"] == "News"
    await world.made(admin, "/notifications", {"title": "To all", "body": "Now"})
    assert (await client.until(type="event"))["payload"]["title"] == "To all"


async def test_a_subprotocol_signs_in_and_the_token_does_not_come_back(
    world: World, line: Line
) -> None:
    ann = await world.account()
    client = await line.connect(subprotocols=[SUBPROTOCOL, f"bearer.{ann.access}"])
    assert client.subprotocol == SUBPROTOCOL
    assert (await client.next())["id"] == "signIn"
    assert ann.access not in str(client.connection.response)
