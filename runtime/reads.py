"""What one call has read of a shared cache: read again within the call, it is not asked for again.

Access and handler look at the same entity, some 20 µs apart; a call may well answer as of the first
look. The gate opens it for a call's chain, and closes it at its end; a commit empties it.
"""

from __future__ import annotations

from contextvars import ContextVar
from time import monotonic
from typing import Any

# Seconds from a call's begin, after which it asks again: a long call is not to live in the past.
GOOD_FOR = 0.1


class Reads:
    """The entities by kind and id, while `until` is to come."""

    __slots__ = ("known", "until")

    def __init__(self) -> None:
        self.known: dict[tuple[type, str], Any] = {}
        self.until = monotonic() + GOOD_FOR

    def close(self) -> None:
        """The call is done; what it has begun and left running reads for itself."""
        self.until = 0.0
        self.known.clear()


READS: ContextVar[Reads | None] = ContextVar("reads", default=None)
