"""The notification service live: streams that resume and end, and the talk with support."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import pytest

from generated import operations as op
from generated.models import (
    Role,
)
from runtime.problem import NotFound
from tests.handlers.desk import Desk
from tests.handlers.people import ANN, PASSWORD
from tests.handlers.world import World, call

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@pytest.fixture
async def desk(world: World) -> Desk:
    desk = Desk(world)
    await desk.people()
    return desk


async def soon(chunks: AsyncIterator[T]) -> T:
    """The next one, which comes without anybody's doing."""
    return await asyncio.wait_for(anext(chunks), 5)


def told(chunk: bytes) -> tuple[str, str]:
    """The id and the title that an event of the stream has."""
    event, id, data = chunk.decode().rstrip("\n").split("\n")
    assert event == "event: notification"
    shown = json.loads(data.removeprefix("data: "))
    assert id == f"id: {shown['id']}"
    return shown["id"], shown["title"]


# --- the stream -----------------------------------------------------------------------------------


async def test_the_stream_tells_what_comes_to_one_and_to_all(desk: Desk) -> None:
    chunks = await desk.stream(desk.ann)
    waiting = asyncio.ensure_future(soon(chunks))
    await listening(desk, waiting)
    await desk.send("Bo's", desk.bo.user_id)
    mine = await desk.send("mine", desk.ann.user_id)
    assert told(await waiting) == (mine.id, "mine")
    await desk.send("all")
    assert told(await soon(chunks))[1] == "all"


async def test_a_stream_goes_on_after_the_last_that_was_seen(desk: Desk) -> None:
    sent = [
        await desk.send(f"number {place}", None if place % 2 else desk.ann.user_id)
        for place in range(5)
    ]
    await desk.send("Bo's", desk.bo.user_id)
    await desk.delete(desk.ann, sent[3].id)
    chunks = await desk.stream(desk.ann, sent[1].id)
    assert [told(await soon(chunks))[1] for _ in range(2)] == ["number 2", "number 4"]
    await desk.send("live")
    assert told(await soon(chunks))[1] == "live"


async def test_a_stream_goes_on_even_where_the_last_seen_is_deleted(desk: Desk) -> None:
    sent = [await desk.send(f"number {place}", desk.ann.user_id) for place in range(3)]
    await desk.delete(desk.ann, sent[1].id)
    chunks = await desk.stream(desk.ann, sent[1].id)
    assert told(await soon(chunks))[1] == "number 2"


async def test_what_comes_while_the_stream_catches_up_is_told_once(desk: Desk) -> None:
    first = await desk.send("first", desk.ann.user_id)
    for place in range(3):
        await desk.send(f"missed {place}", desk.ann.user_id)
    chunks = await desk.stream(desk.ann, first.id)
    seen = [told(await soon(chunks))[1]]
    await desk.send("meanwhile", desk.ann.user_id)
    await desk.send("last", desk.ann.user_id)
    while seen[-1] != "last":
        seen.append(told(await soon(chunks))[1])
    assert seen == ["missed 0", "missed 1", "missed 2", "meanwhile", "last"]


async def test_a_silent_stream_gives_signs_of_life(world: World) -> None:
    desk = Desk(world, heartbeat=0.01)
    await desk.people()
    chunks = await desk.stream(desk.ann)
    assert [await soon(chunks) for _ in range(3)] == [b":\n\n"] * 3


async def test_a_stream_ends_with_its_session_and_no_other(desk: Desk) -> None:
    signed_in = await desk.auth.login()
    here, elsewhere = await desk.auth.caller(signed_in), desk.ann
    ending, staying = await desk.stream(here), await desk.stream(elsewhere)
    ended = asyncio.ensure_future(soon(ending))
    stayed = asyncio.ensure_future(soon(staying))
    await listening(desk, ended, stayed)
    await desk.auth.handlers.logout(call(op.LOGOUT, here))
    with pytest.raises(StopAsyncIteration):
        await ended
    await desk.send("still here")
    assert told(await stayed)[1] == "still here"


async def test_a_stream_ends_with_its_session_even_where_the_hint_is_lost(world: World) -> None:
    desk = Desk(world, heartbeat=0.01)
    await desk.people()
    chunks = await desk.stream(desk.ann)
    await world.turn(days=31)
    with pytest.raises(StopAsyncIteration):
        await soon(chunks)


async def test_a_stream_survives_a_change_of_role(desk: Desk) -> None:
    chunks = await desk.stream(desk.ann)
    waiting = asyncio.ensure_future(soon(chunks))
    await listening(desk, waiting)
    assert await desk.auth.handlers.set_role(ANN, Role.MANAGER)
    await desk.send("still here")
    assert told(await waiting)[1] == "still here"


async def listening(desk: Desk, *waiting: asyncio.Future[Any]) -> None:
    """Lets the streams that are waited for begin to listen."""
    # A turn of the loop a step that they take: a stream nests three generators and a task each.
    for _ in range(10):
        await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)


# --- the chat -------------------------------------------------------------------------------------


async def test_a_room_is_its_users_and_supports(desk: Desk) -> None:
    level = desk.handlers.level_on_chat_room
    room = desk.ann.user_id
    assert await level(desk.ann, room) == await level(desk.support, room) == "member"
    assert await level(desk.bo, room) is None
    await desk.auth.handlers.make_account("m@example.com", "Max", PASSWORD, Role.MANAGER)
    manager = await desk.auth.caller(await desk.auth.login("m@example.com"))
    assert await level(manager, room) is None


async def test_what_is_said_is_listed_and_heard_by_whoever_is_in_the_room(desk: Desk) -> None:
    room = desk.ann.user_id
    heard = desk.handlers.watch_chat_messages(desk.support, room)
    waiting = asyncio.ensure_future(soon(heard))
    await listening(desk, waiting)
    await desk.say(desk.bo, desk.bo.user_id, "in another room")
    asked = await desk.say(desk.ann, room, "Hello?")
    assert await waiting == asked
    await desk.world.turn(seconds=1)
    answered = await desk.say(desk.support, room, "Hello!")
    assert await soon(heard) == answered
    page = await desk.handlers.list_chat_messages(
        call(op.LIST_CHAT_MESSAGES, desk.ann), room=room, page_size=50
    )
    assert page.items == [answered, asked]


async def test_support_cannot_talk_to_an_account_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.say(desk.support, desk.world.ids.new("usr"), "Hello?")
