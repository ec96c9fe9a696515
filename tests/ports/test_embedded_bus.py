"""What the embedded bus promises beyond the port: bounded memory, clean tables, idle quiet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.sqlite import database
from runtime.adapters.sqlite.outbox import Backlog
from runtime.ports import Emit, Seen
from runtime.trace import CURRENT
from tests.ports.consumers import Batch, Recorder, consumer, drained, open_pots
from tests.ports.platforms import Embedded, until
from tests.ports.sample import PotOpened

pytestmark = pytest.mark.anyio


def rows(embedded: Embedded, table: str) -> int:
    return len(embedded.database.read(f'SELECT 1 FROM "{table}"'))  # noqa: S608 # ours


async def test_a_delivered_event_leaves_nothing_behind(embedded: Embedded) -> None:
    ids = await open_pots(embedded.store, *["usr_ann"] * 5)
    await embedded.bus.start([consumer(Recorder({ids[1]: 2}))])
    await drained(embedded)
    assert rows(embedded, "outbox") == rows(embedded, "parked") == 0


async def test_the_backlog_tells_how_much_waits_and_how_long(embedded: Embedded) -> None:
    assert embedded.bus.backlog() == Backlog(0, 0.0, 0, 0)
    ids = await open_pots(embedded.store, "usr_ann", "usr_bob")
    embedded.clock.turn(timedelta(seconds=90))
    assert embedded.bus.backlog() == Backlog(2, 90.0, 0, 0)
    await embedded.bus.start([consumer(Recorder({ids[0]: 99, ids[1]: 99}), attempts=2)])
    assert await embedded.bus.drained()
    assert embedded.bus.backlog() == Backlog(0, 0.0, 2, 0)
    await drained(embedded)
    assert embedded.bus.backlog() == Backlog(0, 0.0, 0, 2)


async def test_no_more_events_than_it_may_hold_are_in_memory(embedded: Embedded) -> None:
    bus = EmbeddedBus(embedded.database, hold=20, most_lanes=2)
    go_on = asyncio.Event()
    recorder = Recorder()

    async def slow(batch: Batch) -> None:
        await go_on.wait()
        await recorder(batch)

    ids = await open_pots(embedded.store, *[f"usr_{number}" for number in range(50)])
    await bus.start([consumer(slow, most=1)])
    await until(lambda: len(bus._left) == 20)
    assert not await bus.drained(0.02)
    assert len(bus._left) == 20
    assert bus.backlog().waiting == 50
    go_on.set()
    assert await bus.drained()
    assert sorted(recorder.applied) == sorted(ids)
    await bus.stop()


class Stamp:
    """The guests' stamp, which counts how often it is looked at."""

    looks = 0

    def __getitem__(self, place: int) -> int:
        self.looks += 1
        return 0


async def test_an_idle_bus_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_LOOK_EVERY", 0.001)
    embedded = Embedded(tmp_path)
    await embedded.open()
    await embedded.bus.start([consumer(Recorder())])
    await open_pots(embedded.store, "usr_ann")
    assert await embedded.bus.drained()
    reads: list[str] = []

    def read(sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        reads.append(sql)
        return []

    monkeypatch.setattr(embedded.database, "read", read)
    stamp = Stamp()
    monkeypatch.setattr(embedded.database, "stamp", stamp)
    # The database has looked for guests' writes again and again, in memory.
    await until(lambda: stamp.looks > 20)
    assert reads == []
    await embedded.close()


async def test_what_is_not_keyed_comes_in_the_order_of_the_commits(embedded: Embedded) -> None:
    ids = await open_pots(embedded.store, *["usr_ann", "usr_bob"] * 10)
    recorder = Recorder()
    sizes: list[int] = []

    async def measure(batch: Batch) -> None:
        sizes.append(len(batch))
        await recorder(batch)

    await embedded.bus.start([consumer(measure, keyed=False, most=15)])
    assert await embedded.bus.drained()
    assert recorder.applied == ids
    assert sizes == [15, 5]


async def test_a_start_does_not_hand_out_what_was_applied_before_the_crash(
    embedded: Embedded,
) -> None:
    first, second, third = await open_pots(embedded.store, *["usr_ann"] * 3)
    [envelope, *_] = [envelope for _, envelope in embedded.bus._outbox.after(0, 10)]
    assert envelope.subject == first
    # Its effect was committed; the outbox row was not cleared any more.
    await embedded.store.commit(Seen("counter", envelope.id))
    counter, other = Recorder(), Recorder()
    seen = partial(embedded.store.seen, "counter")
    await embedded.bus.start([consumer(counter, seen=seen), consumer(other, "other")])
    assert await embedded.bus.drained()
    assert counter.applied == [second, third]
    assert other.applied == [first, second, third]


async def test_events_of_another_outbox_are_carried_too(embedded: Embedded) -> None:
    envelope = PotOpened("pot_1", "usr_ann").envelope("evt_1", "2026-11-22T09:30:00.000Z")
    recorder = Recorder()
    await embedded.bus.start([consumer(recorder)])
    await embedded.bus.publish([envelope, replace(envelope, id="evt_2", subject="pot_2")])
    assert await embedded.bus.drained()
    assert len(recorder.applied) == 2


async def test_many_failing_events_do_not_keep_another_consumers_retries(
    embedded: Embedded,
) -> None:
    ids = await open_pots(embedded.store, *["usr_ann"] * 100)
    hopeless = Recorder(dict.fromkeys(ids, 99))
    once = Recorder({ids[0]: 1})
    await embedded.bus.start(
        [consumer(hopeless, "hopeless", attempts=3), consumer(once, "once", keyed=False)]
    )
    await drained(embedded)
    assert sorted(once.applied) == sorted(ids)
    assert len(await embedded.bus.dead_letters()) == 100


async def test_two_consumers_of_one_name_are_refused(embedded: Embedded) -> None:
    with pytest.raises(ValueError, match="two consumers are called counter"):
        await embedded.bus.start([consumer(Recorder()), consumer(Recorder())])


async def test_an_event_carries_its_trace(embedded: Embedded) -> None:
    traces: list[str] = []

    async def note(batch: Batch) -> None:
        traces.extend(delivery.traceparent for delivery in batch)

    await embedded.bus.start([consumer(note)])
    token = CURRENT.set("00-1-2-01")
    await embedded.store.commit(Emit(PotOpened("pot_1", "usr_ann")))
    CURRENT.reset(token)
    assert await embedded.bus.drained()
    assert traces == ["00-1-2-01"]
