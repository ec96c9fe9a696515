"""The promises of the port Fanout."""

from __future__ import annotations

import asyncio
import gc

import pytest

from runtime.adapters.fanout import LocalFanout

pytestmark = pytest.mark.anyio


async def test_a_message_reaches_all_that_listen_there_from_then_on(fanout: LocalFanout) -> None:
    await fanout.publish("usr_ann", b"too early")
    first, second = fanout.listen("usr_ann"), fanout.listen("usr_ann")
    elsewhere = fanout.listen("usr_bob")
    for number in range(3):
        await fanout.publish("usr_ann", b"%d" % number)
    await fanout.publish("usr_bob", b"hello")
    for listener in (first, second):
        assert [await anext(listener) for _ in range(3)] == [b"0", b"1", b"2"]
    assert await anext(elsewhere) == b"hello"


async def test_a_listener_waits_for_the_next_message(fanout: LocalFanout) -> None:
    listener = fanout.listen("usr_ann")
    waiting = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    assert not waiting.done()
    await fanout.publish("usr_ann", b"now")
    assert await waiting == b"now"


async def test_a_listener_that_falls_behind_is_ended_and_harms_nobody(fanout: LocalFanout) -> None:
    slow, fast = fanout.listen("usr_ann", size=3), fanout.listen("usr_ann", size=3)
    heard = []
    for number in range(10):
        await fanout.publish("usr_ann", b"%d" % number)
        heard.append(await anext(fast))
    assert len(heard) == 10
    # It gets what it had room for, in order, and then its end: nothing is left out in between.
    assert [message async for message in slow] == [b"0", b"1", b"2"]


async def test_a_closed_listener_ends_at_once(fanout: LocalFanout) -> None:
    listener = fanout.listen("usr_ann")
    await fanout.publish("usr_ann", b"unread")
    await listener.aclose()
    await fanout.publish("usr_ann", b"unheard")
    assert [message async for message in listener] == []


async def test_a_closed_fanout_ends_all_listeners_after_what_they_were_handed(
    fanout: LocalFanout,
) -> None:
    listener = fanout.listen("usr_ann")
    waiting = fanout.listen("usr_bob")
    end = asyncio.ensure_future(anext(waiting, None))
    await asyncio.sleep(0)
    await fanout.publish("usr_ann", b"last")
    fanout.close()
    assert [message async for message in listener] == [b"last"]
    assert await end is None


async def test_a_forgotten_listener_keeps_nothing(fanout: LocalFanout) -> None:
    listeners = [fanout.listen(f"usr_{number}") for number in range(100)]
    assert len(fanout._channels) == 100
    del listeners
    gc.collect()
    assert len(fanout._channels) == 0
