"""How often one key may call: the generic cell rate algorithm (ITU-T I.371), one float a key.

A key may spend `limit` calls at once and gets them back evenly over `window` seconds. Nothing is
locked: a limiter belongs to one event loop.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from runtime.operation import RateRule

MOST_KEYS = 200_000
# Longer keys (an account's name, as somebody typed it) are kept as a hash.
_LONGEST_KEY = 128
# So that rounding never costs the last call of a limit.
_ROUNDING = 1e-6
_make = tuple.__new__


class Verdict(NamedTuple):
    """Whether a call may go on. In seconds: until the whole limit is back, until one call is."""

    allowed: bool
    remaining: int
    reset_seconds: float
    retry_after: float


class _Counts:
    """The keys of one policy, each with the time at which it has its whole limit again.

    Two generations bound the memory without a sweep that would hold up the loop: a used key moves
    to the younger; after a window, when every key of the older is idle, that is dropped whole.
    """

    __slots__ = ("old", "turn", "young")

    def __init__(self) -> None:
        self.young: dict[str, float] = {}
        self.old: dict[str, float] = {}
        self.turn = 0.0


class _Rate:
    """A rule with its arithmetic done."""

    __slots__ = ("cell", "counts", "rule", "window")

    def __init__(self, rule: RateRule, limit: int, counts: _Counts) -> None:
        self.rule = rule
        self.window = rule.window
        self.cell = rule.window / limit
        self.counts = counts


class Limiter:
    """Counts the calls of this process. `factor` multiplies every limit."""

    def __init__(
        self,
        factor: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        most_keys: int = MOST_KEYS,
    ) -> None:
        self._factor = factor
        self._now = monotonic
        self._most = most_keys
        # By identity: rules are as many as operations, and comparing two costs as much as the rest.
        self._rates: dict[int, _Rate] = {}
        self._policies: dict[str, _Counts] = {}
        self._young = 0
        self._kept = 0

    def take(self, key: str, rule: RateRule) -> Verdict:
        """Spends one call of `key`; rules of one policy name share what they count."""
        now = self._now()
        rate = self._rates.get(id(rule)) or self._rate(rule)
        counts = rate.counts
        if now >= counts.turn:
            self._next_generation(counts)
            counts.turn = now + rate.window
        full = counts.young.get(key)
        if full is None:
            key, full = self._admit(key, counts)
        if full < now:
            full = now
        cell = rate.cell
        left = rate.window - (full + cell - now)
        if left < -_ROUNDING:
            return Verdict(False, 0, full - now, -left)
        counts.young[key] = full = full + cell
        return _make(Verdict, (True, int(left / cell + _ROUNDING), full - now, 0.0))

    def limit(self, rule: RateRule) -> int:
        """The calls that `rule` allows here: multiplied, and never none."""
        return int(rule.limit * self._factor) or 1

    def __len__(self) -> int:
        """How many keys are kept."""
        return self._kept

    def _rate(self, rule: RateRule) -> _Rate:
        counts = self._policies.setdefault(rule.policy, _Counts())
        # The rule is kept with its rate, so that no other one gets its identity.
        rate = self._rates[id(rule)] = _Rate(rule, self.limit(rule), counts)
        return rate

    def _admit(self, key: str, counts: _Counts) -> tuple[str, float]:
        """A key that is not among the young ones, and when it is full: 0 for one never seen."""
        if len(key) > _LONGEST_KEY:
            key = f"#{hash(key)}"
            if (full := counts.young.get(key)) is not None:
                return key, full
        known = counts.old.pop(key, None)
        if known is not None:
            self._kept -= 1
        if self._young >= self._most // 2 or self._kept >= self._most:
            # Too many: forgets those that were not used for the longest, at most half of all.
            for each in self._policies.values():
                self._next_generation(each)
        self._young += 1
        self._kept += 1
        counts.young[key] = known or 0.0
        return key, known or 0.0

    def _next_generation(self, counts: _Counts) -> None:
        self._young -= len(counts.young)
        self._kept -= len(counts.old)
        counts.old = counts.young
        counts.young = {}


# --- what keys are made of, and what callers are told ---------------------------------------------


def address_key(address: str) -> str:
    """Who an address is: of IPv6 the /64, which is the least that one customer gets (RFC 6177)."""
    return _network(address) if ":" in address else address


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{ipaddress.IPv6Address(int(parsed) >> 64 << 64)}/64"


@lru_cache(maxsize=1024)
def policy_header(policy: str, limit: int, window: int) -> str:
    """`RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10: `"login";q=10;w=60`."""
    return f"{_quoted(policy)};q={limit};w={window}"


def limit_header(policy: str, remaining: int, reset_seconds: float) -> str:
    """`RateLimit` of the same draft: `"login";r=9;t=60`, with seconds rounded up."""
    return f"{_quoted(policy)};r={remaining};t={math.ceil(reset_seconds)}"


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    """An RFC 8941 string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
