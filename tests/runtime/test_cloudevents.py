"""Events are on the wire what the contract says, and are read back as they were."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generated.messages import CloudEvent
from runtime.cloudevents import read, structured
from runtime.ports import Envelope

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
_DATA = st.dictionaries(_TEXT, _TEXT | st.dictionaries(_TEXT | st.just("data"), _TEXT))
_ENVELOPES = st.builds(
    Envelope,
    id=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64),
    type=st.sampled_from(["pot.opened.v1", "budget.threshold-reached.v12"]),
    channel=st.just("potEvents"),
    key=_TEXT.filter(bool),
    subject=_TEXT,
    version=st.integers(1, (1 << 31) - 1),
    time=st.just("2026-11-22T09:30:00.120Z"),
    data=_DATA.map(lambda data: json.dumps(data, ensure_ascii=False).encode()),
    traceparent=st.sampled_from(["", _TRACE]),
)


@given(_ENVELOPES)
def test_what_is_written_is_read_back(envelope: Envelope) -> None:
    found = read(structured(envelope, "/services/pot"), {}, "potEvents", "")
    assert json.loads(found.data) == json.loads(envelope.data)
    assert {**vars_of(found), "data": b""} == {**vars_of(envelope), "data": b""}


@given(_ENVELOPES, st.randoms())
def test_the_order_of_members_makes_no_difference(envelope: Envelope, chance: Any) -> None:
    members = list(json.loads(structured(envelope, "/services/pot")).items())
    chance.shuffle(members)
    body = json.dumps(dict(members), indent=chance.choice([None, 1])).encode()
    found = read(body, {}, "potEvents", "")
    assert json.loads(found.data) == json.loads(envelope.data)
    assert {**vars_of(found), "data": b""} == {**vars_of(envelope), "data": b""}


@given(_ENVELOPES)
def test_what_is_written_is_a_cloud_event_of_the_contract(envelope: Envelope) -> None:
    whole = json.loads(structured(envelope, "/services/pot"))
    CloudEvent.model_validate_json(json.dumps(whole), by_name=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", "x" * 65),
        ("id", "with space"),
        ("specversion", "0.3"),
        ("datacontenttype", "text/plain"),
        ("version", 0),
        ("version", 1 << 31),
        ("version", "1"),
        ("time", "2026-11-22"),
        ("subject", "x" * 255),
        ("source", 1),
    ],
)
def test_what_the_contract_refuses_is_refused(name: str, value: object) -> None:
    """The reader's bounds are written by hand, for speed; the contract's are generated."""
    good = Envelope(
        "evt_1", "pot.opened.v1", "c", "k", "s", 1, "2026-11-22T09:30:00.000Z", b'{"a":1}'
    )
    whole = {**json.loads(structured(good, "/services/pot")), name: value}
    body = json.dumps(whole).encode()
    with pytest.raises(ValueError, match="validation error"):
        CloudEvent.model_validate_json(body, by_name=False)
    with pytest.raises(ValueError, match=f"no CloudEvent: {name}"):
        read(body, {}, "c", "k")


def test_members_behind_the_data_are_no_part_of_it() -> None:
    good = Envelope("evt_1", "a.b.v1", "c", "k", "s", 1, "2026-11-22T09:30:00.000Z", b'{"a":1}')
    body = structured(good, "/s")[:-1] + b',"more":{"b":2}}'
    assert json.loads(read(body, {}, "c", "k").data) == {"a": 1}
    # A second `data` is a trick: the last one counts, as everywhere in JSON.
    body = structured(good, "/s")[:-1] + b',"data":{"b":2}}'
    assert json.loads(read(body, {}, "c", "k").data) == {"b": 2}


def vars_of(envelope: Envelope) -> dict[str, Any]:
    return {name: getattr(envelope, name) for name in Envelope.__slots__}
