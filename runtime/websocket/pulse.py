"""Whether a client still lives: what was heard of it, and how it answers pings."""

from __future__ import annotations

from enum import Enum
from time import monotonic

# Seconds of silence after which it is asked, and seconds to answer (contract).
_SILENCE = 15.0
_PATIENCE = 30.0


class Sign(Enum):
    """What to do about a client."""

    FINE = "fine"
    ASK = "ask"
    DEAD = "dead"


class Pulse:
    """Of one client. One that has never answered a ping, as a page that only listens, need not."""

    __slots__ = ("_asked", "answers", "heard")

    def __init__(self) -> None:
        self.heard = monotonic()
        self._asked = 0.0
        self.answers = False

    def beat(self) -> None:
        """Something was heard."""
        self.heard, self._asked = monotonic(), 0.0

    def feel(self, now: float) -> Sign:
        """What to do as of `now`; ASK is taken as done."""
        if self._asked and self.answers:
            return Sign.DEAD if now - self._asked > _PATIENCE else Sign.FINE
        if now - max(self.heard, self._asked) <= _SILENCE:
            return Sign.FINE
        self._asked = now
        return Sign.ASK
