"""Rate limits that all processes count together: runtime/ratelimit.py's algorithm, in Lua.

Without Redis each process counts for itself. It has counted what it let through all along, so the
allowance of a caller does not begin anew when Redis goes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from hashlib import blake2b

from redis.exceptions import ResponseError

from runtime.adapters.redis.line import Gone, Line, Script
from runtime.operation import RateRule
from runtime.ratelimit import Limiter, Verdict

log = logging.getLogger("runtime.redis")

# Longer keys (an account's name, as somebody typed it) are sent as a hash, the same everywhere.
_LONGEST_KEY = 128
# Seconds between complaints.
_QUIET = 60.0

# Each key holds the µs at which it has its whole limit again, by Redis's own clock: those of
# processes differ. Stops at the first key that has none left, as a process does. Answers four
# numbers a key: allowed, remaining, and in µs until the whole limit is back and until one call is.
_TAKE = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window, limit = ARGV[1] * 1000000, tonumber(ARGV[2])
local cell = window / limit
local answer = {}
for _, key in ipairs(KEYS) do
  local full = tonumber(redis.call('GET', key)) or 0
  if full < now then full = now end
  local left = window - (full + cell - now)
  if left < -1 then
    answer[#answer + 1] = string.format('0 0 %.0f %.0f', full - now, -left)
    break
  end
  full = full + cell
  redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
  local more = math.floor(left / cell + 0.000001)
  answer[#answer + 1] = string.format('1 %.0f %.0f 0', more, full - now)
end
return table.concat(answer, ' ')
""")


class RedisLimits:
    """Satisfies the gate's `SharedLimits`; `local` says the limits, and counts without Redis."""

    def __init__(self, line: Line, local: Limiter, *, prefix: str = "budget:") -> None:
        self._line = line
        self._local = local
        self._prefix = prefix
        self._quiet_until = 0.0

    async def take(self, keys: Sequence[str], rule: RateRule) -> list[Verdict]:
        """Spends one call of each of `keys`, up to the first that has none left; one round trip.

        One policy is one hash tag, as a call's keys meet in one script.
        """
        local = self._local
        if not self._line.ready:
            return self._alone(keys, rule)
        tag = f"{self._prefix}limit:{{{rule.policy}}}:".encode()
        named = [tag + _short(key) for key in keys]
        try:
            answer = await self._line.run(_TAKE, named, rule.window, local.limit(rule))
        except Gone:
            return self._alone(keys, rule)
        except ResponseError as error:  # out of memory, or a user that may not do this
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + _QUIET
                log.warning("redis refuses to count: %s", error)
            return self._alone(keys, rule)
        # One text: to read an array costs as much again for each of its numbers.
        told = [int(number) for number in answer.split()]
        verdicts = [
            Verdict(bool(told[at]), told[at + 1], told[at + 2] / 1e6, told[at + 3] / 1e6)
            for at in range(0, len(told), 4)
        ]
        for key, verdict in zip(keys, verdicts, strict=False):
            if verdict.allowed:
                local.take(key, rule)
        return verdicts

    def _alone(self, keys: Sequence[str], rule: RateRule) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for key in keys:
            verdicts.append(verdict := self._local.take(key, rule))
            if not verdict.allowed:
                break
        return verdicts


def _short(key: str) -> bytes:
    raw = key.encode("utf-8", "surrogatepass")
    if len(raw) <= _LONGEST_KEY:
        return raw
    return b"#" + blake2b(raw, digest_size=16).hexdigest().encode()
