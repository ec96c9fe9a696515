"""A client that is cut off again and again, while others write: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from generated.models import Role
from tests.rest.world import World
from tests.websocket.client import Line

pytestmark = pytest.mark.anyio


async def test_who_was_cut_off_gets_each_notification_once_and_in_order(
    world: World, line: Line
) -> None:
    ann, admin = await world.account(), await world.account(Role.ADMIN)
    sent: list[str] = []
    writing = True

    async def write() -> None:
        for number in itertools.count():
            body = {"title": str(number), "body": "As said."}
            if number % 3:
                body["userId"] = ann.id
            made = await world.made(admin, "/notifications", body)
            sent.append(made["id"])
            if not writing:
                return

    dice = random.Random(7)
    client = await line.signed_in(ann)
    last = client.heard.pop()["lastEventId"]
    writers = [asyncio.create_task(write()) for _ in range(3)]
    seen: list[str] = []
    for _ in range(25):
        for _ in range(dice.randrange(6)):
            event = await client.until(type="event")
            seen.append(event["id"])
            last = event["id"]
        if dice.random() < 0.5:
            client.connection.transport.abort()
        else:
            await client.close()
        client = await line.signed_in(ann, lastEventId=last)
    writing = False
    await asyncio.gather(*writers)
    while set(seen) != set(sent):
        seen.append((await client.until(type="event"))["id"])
    assert len(sent) > 50
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)
    answer = await client.ask("ping")
    assert answer["type"] == "pong"
    assert not [frame for frame in client.heard if frame["type"] == "event"]


async def test_a_talk_goes_on_where_it_was_cut_off_while_others_speak(
    world: World, line: Line
) -> None:
    ann, support = await world.account(), await world.account(Role.SUPPORT)
    channel = f"chat/{ann.id}"
    said: list[str] = []
    speaking = True

    async def speak() -> None:
        # No more than can be resumed over: the machine may be fast here and slow there.
        while speaking and len(said) < 1500:
            made = await world.made(support, f"/chat/{ann.id}/messages", {"text": "Hello?"})
            said.append(made["id"])

    client = await line.signed_in(ann)
    last = (await client.subscribe(channel))["lastEventId"]
    speakers = [asyncio.create_task(speak()) for _ in range(4)]
    seen: list[str] = []
    for _ in range(40):
        for _ in range(3):
            seen.append((await client.until(channel=channel))["id"])
        last = seen[-1]
        # Anew on the same socket, and on another one: what is read back may also be on its way.
        if len(seen) % 2:
            client.connection.transport.abort()
            client = await line.signed_in(ann)
        else:
            await client.ask("unsubscribe", channel=channel)
            client.heard = [each for each in client.heard if each.get("channel") != channel]
        await client.subscribe(channel, lastEventId=last)
    speaking = False
    await asyncio.gather(*speakers)
    while set(seen) != set(said):
        seen.append((await client.until(channel=channel))["id"])
    assert len(said) > 50
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)


async def test_who_saw_nothing_yet_resumes_from_the_acknowledgement(
    world: World, line: Line
) -> None:
    ann, admin = await world.account(), await world.account(Role.ADMIN)
    first = await line.signed_in(ann)
    here = first.heard[0]["lastEventId"]
    await first.close()
    body = {"title": "Meanwhile", "body": "As said.", "userId": ann.id}
    missed = await world.made(admin, "/notifications", body)
    by_frame = await line.signed_in(ann, lastEventId=here)
    by_address = await line.connect(f"/?lastEventId={here}", additional_headers=ann.headers)
    resubscribed = await line.signed_in(ann)
    await resubscribed.subscribe("notifications", lastEventId=here)
    for client in (by_frame, by_address, resubscribed):
        assert (await client.until(type="event"))["id"] == missed["id"]


async def test_an_id_of_another_channel_is_refused(world: World, line: Line) -> None:
    ann = await world.account()
    client = await line.signed_in(ann)
    message = "msg_" + "0" * 26
    for channel, last in (
        ("notifications", message),
        (f"chat/{ann.id}", "ntf_" + "0" * 26),
        (f"chat/{ann.id}", message + ":1"),
    ):
        refused = await client.ask("subscribe", channel=channel, lastEventId=last)
        assert refused["payload"]["errors"][0]["pointer"] == "/lastEventId"
    refused = await client.ask("subscribe", channel=f"chat/{ann.id}", lastEventId="x")
    assert refused["payload"]["errors"][0]["code"] == "minLength"


async def test_thousands_that_were_missed_come_as_fast_as_they_are_read(
    world: World, line: Line
) -> None:
    """More than a queue holds: what is missed waits in the store, not in memory."""
    ann, admin = await world.account(), await world.account(Role.ADMIN)
    first = await line.signed_in(ann)
    here = first.heard[0]["lastEventId"]
    await first.close()
    body = {"title": "Missed", "body": "x" * 2000, "userId": ann.id}
    for _ in range(20):
        await asyncio.gather(*(world.made(admin, "/notifications", body) for _ in range(50)))
    client = await line.signed_in(ann, lastEventId=here)
    seen = [(await client.until(type="event"))["id"] for _ in range(1000)]
    assert len(set(seen)) == 1000
    assert seen == sorted(seen)
