"""A valid trace goes on, anything else begins a new one, and ids from outside are plain."""

from __future__ import annotations

import re

import pytest

from runtime.trace import continue_trace, new_trace, request_id, trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
VALID = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]")


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f"00-{TRACE}-{SPAN}-ff", "03"),
        (f"cc-{TRACE}-{SPAN}-01", "01"),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", "01"),
        (f"01-{TRACE}-{SPAN}-09-", "01"),
    ],
)
def test_a_valid_trace_goes_on_with_a_part_of_our_own(header: str, flags: str) -> None:
    ours = continue_trace(header)
    assert VALID.fullmatch(ours)
    assert trace_id(ours) == TRACE
    assert ours[36:52] != SPAN
    assert ours[53:] == flags
    assert continue_trace(header) != ours


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "0",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0g",
        f"ff-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01more",
        f"cc-{TRACE}-{SPAN}-01-\n",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
        "cc-" + TRACE + "-" + SPAN + "-01-" + "x" * 1000,
    ],
)
def test_anything_else_begins_a_new_trace(header: str | None) -> None:
    ours = continue_trace(header)
    assert VALID.fullmatch(ours)
    assert trace_id(ours) != TRACE
    assert trace_id(ours) != "0" * 32


def test_new_traces_differ() -> None:
    assert len({trace_id(new_trace()) for _ in range(1000)}) == 1000
    assert continue_trace(new_trace()) != new_trace()


@pytest.mark.parametrize("header", ["a", "A-b_c.9", "x" * 64])
def test_a_plain_request_id_of_the_client_is_kept(header: str) -> None:
    assert request_id(header) == header


@pytest.mark.parametrize(
    "header", [None, "", "x" * 65, "a b", "a\n", 'a"', "é", "a/b", "${jndi:x}"]
)
def test_any_other_request_id_is_replaced(header: str | None) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", request_id(header))
    assert request_id(header) != request_id(header)
