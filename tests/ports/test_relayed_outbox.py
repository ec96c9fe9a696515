"""The embedded database's outbox as a relay sees it."""

from __future__ import annotations

import pytest

from runtime.adapters.sqlite.relayed import SqliteOutbox
from tests.ports.consumers import Recorder, consumer, open_pots
from tests.ports.platforms import Embedded
from tests.ports.sample import CHANNEL

pytestmark = pytest.mark.anyio


async def test_the_oldest_come_again_until_they_are_cleared(embedded: Embedded) -> None:
    outbox = SqliteOutbox(embedded.database, [CHANNEL])
    ids = await open_pots(embedded.store, "usr_ann", "usr_bob", "usr_ann")
    first = await outbox.take(2)
    assert [envelope.subject for envelope in first] == ids[:2]
    assert await outbox.take(2) == first
    await outbox.clear(first[:1])
    assert [envelope.subject for envelope in await outbox.take(10)] == ids[1:]
    await outbox.clear(await outbox.take(10))
    assert await outbox.take(10) == []


async def test_it_says_when_something_was_emitted(embedded: Embedded) -> None:
    outbox = SqliteOutbox(embedded.database, [CHANNEL])
    calls: list[int] = []
    end = outbox.on_emitted(lambda: calls.append(1))
    await open_pots(embedded.store, "usr_ann")
    assert calls
    end()
    heard = len(calls)
    await open_pots(embedded.store, "usr_ann")
    assert len(calls) == heard


async def test_each_channel_is_either_the_relays_or_the_embedded_buss(embedded: Embedded) -> None:
    elsewhere = SqliteOutbox(embedded.database, ["other-events"])
    await open_pots(embedded.store, "usr_ann")
    assert await elsewhere.take(10) == []

    embedded.bus._others = frozenset([CHANNEL])
    recorder = Recorder()
    await embedded.bus.start([consumer(recorder)])
    await open_pots(embedded.store, "usr_ann")
    assert await embedded.bus.drained()
    assert recorder.applied == []
    assert len(await SqliteOutbox(embedded.database, [CHANNEL]).take(10)) == 2
