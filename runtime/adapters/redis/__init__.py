"""Redis: live messages, rate limits and cached entities that processes share. Never the truth.

    line = await Line.open(url)          # SettingsError naming REDIS_URL, within 10 s
    fanout = RedisFanout(line)           # Fanout; `close()` to drain, `await aclose()`
    limits = RedisLimits(line, limiter)  # Gate(shared=limits)
    store = CachedStore(store, line, fanout, tables)
    await line.close()                   # last

With Redis gone all of them go on without it (`Line.check` says degraded). REDIS_URL is one server,
or the primary of several; what meets in one script has one hash tag.
"""

from __future__ import annotations

from runtime.adapters.redis.cache import CachedStore
from runtime.adapters.redis.fanout import RedisFanout
from runtime.adapters.redis.limits import RedisLimits
from runtime.adapters.redis.line import Gone, Line, Script

__all__ = ["CachedStore", "Gone", "Line", "RedisFanout", "RedisLimits", "Script"]
