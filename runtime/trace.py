"""Names that follow a request through protocols, services and events."""

from __future__ import annotations

import re
from contextvars import ContextVar
from random import getrandbits

# The traceparent of what runs now, a call or a batch of events; "" outside of both.
CURRENT: ContextVar[str] = ContextVar("traceparent", default="")

# https://www.w3.org/TR/trace-context/#traceparent-header
_VERSION_00 = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
# A later version begins like 00 and may go on.
_LATER = re.compile(r"(?!00|ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x20-\x7e]*)?")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST = 256
# Of the flags we know the first two (sampled, random) and pass no others on.
_FLAGS = {f"{flags:02x}": f"{flags & 3:02x}" for flags in range(256)}


def _random(bits: int) -> int:
    # Names, not secrets, so the fast generator does; it is seeded anew after a fork.
    return getrandbits(bits) or 1  # ids that name, and guard nothing


def continue_trace(header: str | None) -> str:
    """Our own part of the trace that `header` (a traceparent) names; of a new one if not valid."""
    if (
        header
        and len(header) <= _LONGEST
        and (_VERSION_00.fullmatch(header) or _LATER.fullmatch(header))
        and header[3:35] != _NO_TRACE
        and header[36:52] != _NO_SPAN
    ):
        return f"00-{header[3:35]}-{_random(64):016x}-{_FLAGS[header[53:55]]}"
    return new_trace()


def new_trace() -> str:
    """The traceparent that begins a trace: random, and not sampled."""
    return f"00-{_random(128):032x}-{_random(64):016x}-02"


def trace_id(traceparent: str) -> str:
    """The 32 hex digits that all parts of one trace share."""
    return traceparent[3:35]


def request_id(header: str | None) -> str:
    """The client's X-Request-Id where it is a plain one, else a new one of 32 hex digits."""
    if header and _REQUEST_ID.fullmatch(header):
        return header
    return f"{_random(128):032x}"
