"""What the ports' suites run on: adapters, opened together. Real servers join here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from runtime.adapters.clock import TurnableClock
from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.fanout import LocalFanout
from runtime.adapters.redis import CachedStore, Line
from runtime.adapters.sqlite import Database, SqliteStore
from runtime.ports import Bus, Store
from tests.ports import redis_server
from tests.ports.sample import TABLES


async def until(condition: Callable[[], object]) -> None:
    """Waits for what nothing tells of; half a minute at most."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 # there is no event to wait for
            await asyncio.sleep(0.005)


class Platform(Protocol):
    """A store and the bus that carries its events. Retries wait 10 ms at first."""

    clock: TurnableClock

    @property
    def store(self) -> Store:
        """The store of the sample's entities."""
        ...

    @property
    def other(self) -> Store:
        """Another service's, on the same server."""
        ...

    @property
    def bus(self) -> Bus:
        """The bus, not started yet."""
        ...

    async def open(self) -> None:
        """Connects; the bus is a new one."""
        ...

    async def close(self) -> None:
        """Stops the bus and lets go of everything; what is stored stays."""
        ...

    def wake(self) -> None:
        """Has the bus look at the clock, which was turned."""
        ...


class Embedded:
    """SQLite and the relay, in a folder."""

    bus: EmbeddedBus
    store: SqliteStore
    other: SqliteStore

    def __init__(self, folder: Path) -> None:
        self.clock = TurnableClock()
        self.folder = folder / "data"

    async def open(self) -> None:
        """Opens the folder."""
        self.database = await Database.open(self.folder, TABLES, clock=self.clock)
        self.store = SqliteStore(self.database, TABLES, "pot")
        self.other = SqliteStore(self.database, TABLES, "other")
        self.bus = EmbeddedBus(
            self.database,
            first_delay=0.01,
            longest_delay=0.05,
            patience=0.5,
            stop_within=0.2,
        )

    async def close(self) -> None:
        """Closes it."""
        await self.bus.stop()
        await self.database.close()

    def wake(self) -> None:
        """Has the relay look."""
        self.bus.nudge(parked=True)


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


PLATFORMS: dict[str, Callable[[Path], Platform]] = {"embedded": Embedded, "cached": Cached}
# The real server that a platform needs, by its name in tests/conftest.py.
NEEDS = {"cached": "redis"}
