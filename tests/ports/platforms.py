"""What the ports' suites run on: adapters, opened together. Real servers join here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from runtime.adapters.clock import TurnableClock
from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.sqlite import Database, SqliteStore
from runtime.ports import Bus, Store
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

    async def remove(self) -> None:
        """Deletes what it made on a server, after the last `close`."""
        ...


class Broker(Platform, Protocol):
    """A real broker behind an embedded store."""

    async def inject(self, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Writes a message past the bus, as any client may."""
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

    async def remove(self) -> None:
        """Its folder goes with the test's."""


def _kafka(folder: Path) -> Broker:
    from tests.ports.kafka_platform import KafkaPlatform

    return KafkaPlatform(folder)


def _rabbitmq(folder: Path) -> Broker:
    from tests.ports.rabbitmq_platform import RabbitmqPlatform

    return RabbitmqPlatform(folder)


def _postgres(folder: Path) -> Platform:
    from tests.ports.sql_platforms import Postgres

    return Postgres(folder)


def _mariadb(folder: Path) -> Platform:
    from tests.ports.sql_platforms import Mysql

    return Mysql(folder)


def _mongodb(folder: Path) -> Platform:
    from tests.ports.mongodb_platform import MongoPlatform

    return MongoPlatform(folder)


def _cached(folder: Path) -> Platform:
    from tests.ports.cached_platform import Cached

    return Cached(folder)


# Those of real servers load their clients when their tests run.
PLATFORMS: dict[str, Callable[[Path], Platform]] = {"embedded": Embedded}
# Real stores, whose events an embedded bus carries.
STORES: dict[str, Callable[[Path], Platform]] = {
    "mongodb": _mongodb,
    "postgres": _postgres,
    "mariadb": _mariadb,
    "redis": _cached,
}
# Real brokers, whose events come out of an embedded store.
BROKERS: dict[str, Callable[[Path], Broker]] = {"kafka": _kafka, "rabbitmq": _rabbitmq}
