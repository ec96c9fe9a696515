"""What is read back and what comes meanwhile, put together: the order of it, to the step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from generated.inputs import INPUTS
from generated.models import ChatMessage, ChatMessagePage
from generated.operations import LIST_CHAT_MESSAGES
from generated.websocket import TOPICS
from runtime.call import Call
from runtime.ids import TypeIds
from runtime.problem import InvalidInput
from runtime.websocket.subscription import Subscription

pytestmark = pytest.mark.anyio

IDS = TypeIds()
ROOM = IDS.new("usr")


def message(text: str) -> ChatMessage:
    """One that is said now."""
    now = datetime.now(UTC)
    return ChatMessage(
        id=IDS.new("msg"),
        version=1,
        created_at=now,
        updated_at=now,
        room=ROOM,
        author_id=ROOM,
        text=text,
    )


class Ear:
    """Whom the subscription tells."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.ended = asyncio.Event()

    async def event(self, subscription: Subscription, id: str, payload: bytes) -> None:
        self.heard.append(id)

    async def over(self, subscription: Subscription) -> None:
        self.ended.set()


async def told(seen: ChatMessage, listed: list[ChatMessage], live: list[ChatMessage]) -> list[str]:
    """What a client hears that has seen one; `listed` stands in the list, `live` comes."""
    ear = Ear()
    call = Call(LIST_CHAT_MESSAGES, "websocket", "a-request")

    async def stream() -> AsyncGenerator[Any, None]:
        for each in live:
            yield each

    async def opens(call: Call, arguments: Any) -> AsyncGenerator[Any, None]:
        return stream()

    async def chain(call: Call, arguments: Any) -> ChatMessagePage:
        start = int(arguments["page_token"] or 0)
        end = start + arguments["page_size"]
        newest = listed[::-1]
        more = str(end) if end < len(newest) else None
        return ChatMessagePage(items=newest[start:end], next_page_token=more)

    subscription = Subscription(
        ear, opens, TOPICS["chat"], f"chat/{ROOM}", {"room": ROOM}, "1", seen.id
    )
    await subscription.open(call)
    inputs = INPUTS[LIST_CHAT_MESSAGES.id]
    try:
        _, missed = await subscription.missed(call, chain, inputs, seen.id)
        await subscription.go_on(missed)
        async with asyncio.timeout(5):
            await ear.ended.wait()
    finally:
        await subscription.close()
    return ear.heard


async def test_what_is_read_back_and_comes_as_well_is_told_once() -> None:
    said = [message(str(number)) for number in range(6)]
    heard = await told(said[0], said[:5], said[3:])
    assert heard == [each.id for each in said[1:]]


async def test_it_reads_back_over_pages_and_no_further_than_stated() -> None:
    said = [message(str(number)) for number in range(2_100)]
    assert await told(said[150], said, []) == [each.id for each in said[151:]]
    with pytest.raises(InvalidInput) as refused:
        await told(said[0], said, [])
    assert refused.value.errors[0].pointer == "/lastEventId"


async def test_what_was_seen_may_be_gone() -> None:
    said = [message(str(number)) for number in range(4)]
    assert await told(said[1], [said[0], *said[2:]], []) == [each.id for each in said[2:]]
