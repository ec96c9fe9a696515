"""TypeIDs: a prefix, and a UUIDv7 (RFC 9562) in 26 characters of Crockford's base 32."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# Ten bits at a time: half the steps of a character at a time.
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))


def uuid7(nanoseconds: int) -> int:
    """48 bits of milliseconds, 12 of what is beyond them, version and variant, 62 random bits.

    The fraction (RFC 9562, 6.2, method 3) keeps the order of what one process makes within a
    millisecond: notices of one batch, messages sent together.
    """
    milliseconds, beyond = divmod(nanoseconds, 1_000_000)
    return (
        (milliseconds & 0xFFFFFFFFFFFF) << 80
        | 0x7 << 76
        | (beyond * 4096 // 1_000_000) << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )


def encode(value: int) -> str:
    """128 bits as 26 characters; the first holds 3 bits, so it is 0 to 7."""
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])


class TypeIds:
    """Ids from the system's clock and random source."""

    def new(self, prefix: str) -> str:
        """`prefix`, an underscore and 26 characters."""
        return f"{prefix}_{encode(uuid7(time.time_ns()))}"
