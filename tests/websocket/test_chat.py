"""The talk with support over two sockets: heard, acknowledged, resumed, said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from generated.models import Role
from generated.operations import LIST_CHAT_MESSAGES
from tests.rest.world import PASSWORD, World
from tests.websocket.client import Line, served

pytestmark = pytest.mark.anyio


async def test_a_user_and_support_talk(world: World, line: Line) -> None:
    ann, support = await world.account(), await world.account(Role.SUPPORT)
    channel = f"chat/{ann.id}"
    hers, theirs = await line.signed_in(ann), await line.signed_in(support)
    await hers.subscribe(channel)
    await theirs.subscribe(channel)
    asked = await hers.say(ann.id, "Hello?")
    for client in (hers, theirs):
        event = await client.until(type="event")
        assert event["payload"] == asked
        assert (event["id"], event["channel"]) == (asked["id"], channel)
    answered = await theirs.say(ann.id, "Hello!")
    assert (await hers.until(type="event"))["payload"] == answered
    assert answered["authorId"] == support.id
    history = await world.send(ann, "GET", f"/chat/{ann.id}/messages?sort=createdAt")
    assert history.json()["items"] == [asked, answered]


async def test_a_message_that_is_sent_again_is_said_once(world: World, line: Line) -> None:
    ann = await world.account()
    first = await line.signed_in(ann)
    said = await first.say(ann.id, "Once", id="my-message")
    await first.close()
    # The acknowledgement may have been lost with the connection.
    again = await line.signed_in(ann)
    assert await again.say(ann.id, "Once", id="my-message") == said
    refused = await again.ask(
        "send", id="my-message", channel=f"chat/{ann.id}", payload={"text": "Other"}
    )
    assert refused["payload"]["code"] == "idempotency-key-reused"
    history = await world.send(ann, "GET", f"/chat/{ann.id}/messages")
    assert history.json()["items"] == [said]


async def test_a_dropped_client_gets_what_was_said_meanwhile(world: World, line: Line) -> None:
    ann, support = await world.account(), await world.account(Role.SUPPORT)
    channel = f"chat/{ann.id}"
    theirs = await line.signed_in(support)
    hers = await line.signed_in(ann)
    here = (await hers.subscribe(channel))["lastEventId"]
    await hers.close()
    texts = [f"number {number}" for number in range(450)]
    for text in texts[:225]:
        await theirs.say(ann.id, text)
    again = await line.signed_in(ann)
    await again.subscribe(channel, lastEventId=here)
    heard = [await again.until(type="event") for _ in range(225)]
    await again.close()
    for text in texts[225:]:
        await theirs.say(ann.id, text)
    third = await line.signed_in(ann)
    await third.subscribe(channel, lastEventId=heard[-1]["id"])
    heard += [await third.until(type="event") for _ in range(225)]
    assert [event["payload"]["text"] for event in heard] == texts
    await theirs.say(ann.id, "live")
    assert (await third.until(type="event"))["payload"]["text"] == "live"


async def test_another_users_room_is_not_there(world: World, line: Line) -> None:
    ann, bo = await world.account(), await world.account()
    client = await line.signed_in(bo)
    channel = f"chat/{ann.id}"
    for type, more in (("subscribe", {}), ("send", {"payload": {"text": "Hello?"}})):
        refused = await client.ask(type, channel=channel, **more)
        assert (refused["type"], refused["payload"]["code"]) == ("error", "not-found")


async def test_an_unverified_account_does_not_chat(world: World, line: Line) -> None:
    new = await world.account(verified=False, address="new@example.com")
    client = await line.signed_in(new)
    refused = await client.ask("send", channel=f"chat/{new.id}", payload={"text": "Hello?"})
    assert refused["payload"]["code"] == "email-unverified"


async def test_what_cannot_be_said_is_refused_with_its_place(world: World, line: Line) -> None:
    ann = await world.account()
    client = await line.signed_in(ann)
    for payload, fault in (
        ({"text": ""}, ("/payload/text", "minLength")),
        ({}, ("/payload/text", "required")),
        ({"text": "Hello", "authorId": ann.id}, ("/payload/authorId", "unknown")),
        ("Hello", ("/payload", "type")),
    ):
        refused = await client.ask("send", channel=f"chat/{ann.id}", payload=payload)
        found = refused["payload"]["errors"][0]
        assert (found["pointer"], found["code"]) == fault
    refused = await client.ask("send", channel="notifications", payload={"text": "Hello"})
    assert refused["payload"]["errors"][0]["pointer"] == "/channel"


async def test_support_that_lost_its_role_hears_no_more(world: World, line: Line) -> None:
    ann, support = await world.account(), await world.account(Role.SUPPORT)
    client = await line.signed_in(support)
    await client.subscribe(f"chat/{ann.id}")
    assert await world.platform.auth.set_role(support.email, Role.USER)
    ended = await client.until(type="error")
    assert ended["channel"] == f"chat/{ann.id}"
    assert ended["payload"]["code"] == "not-found"
    hers = await line.signed_in(ann)
    await hers.say(ann.id, "Secret")
    assert (await client.ask("ping"))["type"] == "pong"
    assert not [frame for frame in client.heard if frame["type"] == "event"]


async def test_who_has_spent_its_allowance_keeps_nothing_that_was_taken_away(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, rate_limit_factor=0.05)
    await world.open()
    async with served(world) as port:
        line = Line(port)
        role = Role.SUPPORT
        assert await world.platform.auth.make_account("s@example.com", "Su", PASSWORD, role)
        support = await world.sign_in("s@example.com")
        client = await line.signed_in(support)
        await client.subscribe("chat/usr_" + "0" * 26)
        while world.platform.limiter.take(support.id, LIST_CHAT_MESSAGES.rate).allowed:
            pass
        assert await world.platform.auth.set_role(support.email, Role.USER)
        ended = await client.until(type="error")
        assert ended["payload"]["code"] == "not-found"
        await line.hang_up()
    await world.close()
