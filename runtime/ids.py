"""TypeIDs: a prefix, and a UUIDv7 (RFC 9562) in 26 characters of Crockford's base 32."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# Ten bits at a time: half the steps of a character at a time.
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))
# Random bits of an id, and of the step from one to the next within a millisecond.
_RANDOM, _STEP = 74, 56


def uuid7(milliseconds: int, random: int | None = None) -> int:
    """48 bits of time, version and variant, and 74 random bits."""
    random = secrets.randbits(_RANDOM) if random is None else random
    return (
        (milliseconds & 0xFFFFFFFFFFFF) << 80
        | 0x7 << 76
        | (random >> 62) << 64
        | 0b10 << 62
        | (random & 0x3FFFFFFFFFFFFFFF)
    )


def encode(value: int) -> str:
    """128 bits as 26 characters; the first holds 3 bits, so it is 0 to 7."""
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])


def position(prefix: str, milliseconds: int) -> str:
    """An id that nothing has, before all that are made from then on."""
    return f"{prefix}_{encode((milliseconds & 0xFFFFFFFFFFFF) << 80)}"


class TypeIds:
    """Ids from the system's clock and random source.

    Each is after the one before, within a millisecond too (RFC 9562, 6.2): who has seen one has
    seen all that come before it in order, which is what resuming from it relies on.
    """

    def __init__(self) -> None:
        self._milliseconds = 0
        self._random = 0

    def new(self, prefix: str) -> str:
        """`prefix`, an underscore and 26 characters."""
        milliseconds = time.time_ns() // 1_000_000
        random = secrets.randbits(_RANDOM)
        if milliseconds <= self._milliseconds:
            # The step is random, so that the next id cannot be guessed from this one.
            milliseconds = self._milliseconds
            random = self._random + 1 + secrets.randbits(_STEP)
            if random >> _RANDOM:
                milliseconds, random = milliseconds + 1, secrets.randbits(_RANDOM)
        self._milliseconds, self._random = milliseconds, random
        return f"{prefix}_{encode(uuid7(milliseconds, random))}"
