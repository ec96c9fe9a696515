"""What nobody can read ends among the dead letters, with a reason, and blocks nothing behind it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import cloudevents
from runtime.adapters.clock import SystemClock
from runtime.adapters.intake import Intake, Terms
from runtime.adapters.records import CONSUMER, REASON, Aside, Record
from runtime.dead_letters import listed, replayed, shown
from tests.ports.consumers import Recorder, consumer, drained, open_pots
from tests.ports.platforms import Broker
from tests.ports.sample import CHANNEL, OPENED, PotOpened

GOOD = PotOpened("pot_1", "usr_ann").envelope("evt_1", "2026-11-22T09:30:00.000Z")
EVENT = json.loads(cloudevents.structured(GOOD, "/services/pot"))


def event(**changed: Any) -> bytes:
    """The good event with some attributes changed; None leaves one out."""
    return json.dumps({k: v for k, v in {**EVENT, **changed}.items() if v is not None}).encode()


# Body, and how its reason begins.
POISON: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "the message is not JSON"),
    "no text": (b"\xff\xfe\x00", "the message is not JSON"),
    "half of an event": (event()[:-9], "the message is not JSON"),
    "no object": (b"[1]", "the message is no CloudEvent: it: "),
    "deep": (b"[" * 100_000, "the message is not JSON"),
    "too long": (b" " * (1 << 20) + event(), "the message has more than 1048576 bytes"),
    "no id": (event(id=None), "the message is no CloudEvent: id: Field required"),
    "an empty id": (event(id=""), "the message is no CloudEvent: id: not 1 to 64"),
    "an id with spaces": (event(id="a b"), "the message is no CloudEvent: id: not 1 to 64"),
    "an id that is a number": (event(id=7), "the message is no CloudEvent: id: "),
    "another version": (event(specversion="2.0"), "the message is no CloudEvent: specversion: "),
    "no moment": (event(time="yesterday"), "the message is no CloudEvent: time: "),
    "a moment long ago": (event(time="0001-01-01T00:00:00Z"), "the message is no CloudEvent: time"),
    "no data": (event(data=None), "the message is no CloudEvent: data: Field required"),
    "data that is text": (event(data="x"), "the message is no CloudEvent: data: "),
    "XML": (event(datacontenttype="text/xml"), "the message is no CloudEvent: datacontenttype: "),
    "a huge version": (event(version=1 << 60), "the message is no CloudEvent: version: "),
    "an unknown type": (event(id="evt_9", type="pot.melted.v1"), "unknown type pot.melted.v1"),
    "no type": (event(type="<b>"), "the message is no CloudEvent: type: "),
    "wrong data": (event(data={"potId": 1}), "cannot be read: KeyError"),
    "no half characters": (event(subject="\ud800"), "the message is not JSON"),
}


@pytest.mark.anyio
async def test_each_kind_of_poison_is_a_dead_letter_and_blocks_nothing(broker: Broker) -> None:
    recorder = Recorder()
    await broker.bus.start([consumer(recorder)])
    ids: list[str] = []
    for body, _ in POISON.values():
        if len(body) < 1 << 20:
            await broker.inject(body)
        ids += await open_pots(broker.store, "usr_ann")
    await drained(broker)
    assert sorted(recorder.applied) == sorted(ids)
    letters = await broker.bus.dead_letters()
    wanted = [reason for body, reason in POISON.values() if len(body) < 1 << 20]
    assert len(letters) == len(wanted)
    for letter in letters:
        assert letter.consumer == "counter"
        assert letter.attempts == 1
        assert any(letter.reason.startswith(reason) for reason in wanted), letter.reason
    for reason in wanted:
        assert any(letter.reason.startswith(reason) for letter in letters), reason


@pytest.mark.anyio
async def test_a_poisoned_message_is_shown_and_replayed_after_a_fix(broker: Broker) -> None:
    body = event(data={"potId": "pot_7", "owner": "usr_ann"})
    recorder = Recorder()
    await broker.bus.start([consumer(recorder)])
    await broker.inject(body)
    await broker.inject(b"nonsense")
    await drained(broker)
    rows = {row["type"]: row for row in await listed(broker.bus, "counter")}
    assert rows.keys() == {OPENED, "(unreadable)"}
    letter = await shown(broker.bus, "counter", "evt_1")
    assert letter is not None
    assert letter["data"] == {"potId": "pot_7", "owner": "usr_ann"}
    unreadable = await shown(broker.bus, "counter", rows["(unreadable)"]["id"])
    assert unreadable is not None
    assert unreadable["data"] == "nonsense"

    await broker.close()
    await broker.open()

    def fixed(envelope: Any) -> PotOpened:
        data = json.loads(envelope.data)
        return PotOpened(data["potId"], data["owner"])

    await broker.bus.start([replace(consumer(recorder), decode=fixed)])
    assert len(await replayed(broker.bus, "counter")) == 2
    await drained(broker)
    assert recorder.applied == ["pot_7"]
    # The other one is as unreadable as it was, and the same letter again.
    assert [row["id"] for row in await listed(broker.bus)] == [rows["(unreadable)"]["id"]]


@pytest.mark.anyio
async def test_an_event_in_binary_mode_is_read_as_well(broker: Broker) -> None:
    recorder = Recorder()
    await broker.bus.start([consumer(recorder)])
    attributes = {k: str(v) for k, v in EVENT.items() if k not in ("data", "datacontenttype")}
    for prefix, number in (("ce_", 1), ("cloudEvents:", 2), ("cloudEvents_", 3)):
        headers = {f"{prefix}{name}": value for name, value in attributes.items()}
        headers[f"{prefix}id"] = f"evt_{number}"
        await broker.inject(b'{"potId": "pot_1", "ownerId": "usr_ann"}', headers)
    await drained(broker)
    assert recorder.applied == ["pot_1"] * 3


# --- whatever the bytes are -----------------------------------------------------------------------

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_CHANGED = st.builds(
    lambda changes: json.dumps({**EVENT, **changes}).encode(),
    st.dictionaries(st.sampled_from([*EVENT, "traceparent", "partitionkey", "x"]), _VALUES),
)
_TORN = st.builds(
    lambda at, piece: event()[:at] + piece + event()[at:], st.integers(0, 300), st.binary()
)
_BODIES = st.binary() | _CHANGED | _TORN | _VALUES.map(lambda v: json.dumps(v).encode())
_HEADERS = st.dictionaries(
    st.sampled_from(
        ["ce_specversion", "ce_id", "ce_version", "x-consumer", "x-attempts", "x-due", "x-event"]
    )
    | st.text(max_size=9),
    st.binary(max_size=40) | st.sampled_from([b"counter", b"1.0", b"9" * 15]),
    max_size=5,
)


@given(st.lists(st.tuples(_BODIES, _HEADERS), min_size=1, max_size=8))
def test_whatever_comes_is_applied_or_given_up_and_the_good_go_on(
    messages: list[tuple[bytes, dict[str, bytes]]],
) -> None:
    async def live() -> None:
        aside: list[Aside] = []
        done: list[Record] = []
        recorder = Recorder()

        async def keep(message: Aside) -> None:
            aside.append(message)

        intake = Intake(
            CHANNEL,
            "pot",
            [consumer(recorder)],
            {OPENED: "pot"},
            SystemClock(),
            Terms(),
            done=done.append,
            put_aside=keep,
        )
        records = []
        for number, (body, headers) in enumerate(messages):
            records.append(Record(body, headers, "k", f"{CHANNEL}/0/{number}"))
            good = replace(GOOD, id=f"good_{number}")
            records.append(Record(cloudevents.structured(good, "/s"), {}, "k", "good"))
        for record in records:
            intake.take(record)
        # One that says it is due in the far future waits for it.
        waiting = [record for record in records if record.number("x-due") > 1 << 45]
        async with asyncio.timeout(5):
            while not intake.quiet:  # noqa: ASYNC110 # there is no event to wait for
                await asyncio.sleep(0)
        left = [record for record in records if record not in done]
        assert all(record in waiting for record in left)
        assert recorder.applied.count("pot_1") >= len(messages)
        for message in aside:
            assert message.headers[CONSUMER]
            assert message.headers[REASON]
            assert not message.due
        assert len(recorder.applied) + len(aside) + len(left) == len(records)
        await intake.stop()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(live())
