"""An embedded store behind a cache in Redis, for the ports' suites."""

from __future__ import annotations

import os

from runtime.adapters.fanout import LocalFanout
from runtime.adapters.redis import CachedStore, Line
from tests.ports import redis_server
from tests.ports.platforms import Embedded
from tests.ports.sample import TABLES


class Cached(Embedded):
    """The same with a cache in Redis before its stores."""

    # The cache satisfies the same port.
    store: CachedStore  # type: ignore[assignment] # the suites see Platform's Store
    other: CachedStore  # type: ignore[assignment] # the suites see Platform's Store

    async def open(self) -> None:
        """Opens the folder, and the line."""
        await super().open()
        self.prefix = redis_server.prefix()
        self.line = await Line.open(os.environ["REDIS_URL"], patience=2.0)
        line, fanout = self.line, LocalFanout()
        self.store = CachedStore(self.store, line, fanout, TABLES, prefix=self.prefix)
        self.other = CachedStore(self.other, line, fanout, (), prefix=self.prefix)

    async def close(self) -> None:
        """Closes them; Redis forgets by itself."""
        await super().close()
        await redis_server.swept(self.line, self.prefix)
        await self.line.close()
