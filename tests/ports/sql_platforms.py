"""PostgreSQL and MySQL as the ports' suites see them, each test in a schema or database of its own.

The bus is the embedded one, which a relay feeds: what runs where there is no broker.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import MetaData, text

from runtime.adapters import mysql, postgres
from runtime.adapters.clock import TurnableClock
from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.sql import SqlDatabase, SqlStore
from runtime.adapters.sql.driver import Dialect, Driver
from runtime.adapters.sql.engine import engine
from runtime.adapters.sql.schema import LANES
from runtime.adapters.sqlite import Database
from runtime.ports import Consumer, DeadLetter
from runtime.relay import Relay
from tests.ports.sample import TABLES
from tests.ports.sql_sample import SQL_TABLES, declared

REVISION = "0001"


class RelayedBus:
    """The embedded bus together with the relay that feeds it."""

    def __init__(self, bus: EmbeddedBus, relay: Relay) -> None:
        self.bus = bus
        self.relay = relay

    async def start(self, consumers: Sequence[Consumer]) -> None:
        await self.bus.start(consumers)
        self.relay.start()

    async def drained(self, timeout: float = 10.0) -> bool:  # noqa: ASYNC109 # the port's
        # What a consumer emits goes into the store's outbox again.
        while await self.relay.drained(timeout) and await self.bus.drained(timeout):
            if await self.relay.drained(timeout) and await self.bus.drained(0):
                return True
        return False

    async def dead_letters(self) -> list[DeadLetter]:
        return await self.bus.dead_letters()

    async def replay(self, consumer: str, event_id: str) -> bool:
        return await self.bus.replay(consumer, event_id)

    async def stop(self) -> None:
        await self.relay.stop()
        await self.bus.stop()


class Server:
    """A store on a server, and the embedded bus in a folder."""

    variable: str
    dialect: Dialect
    bus: RelayedBus
    store: SqlStore
    other: SqlStore

    def __init__(self, folder: Path) -> None:
        self.clock = TurnableClock()
        self.folder = folder / "data"
        self.space = f"t_{secrets.token_hex(8)}"
        self.made = False

    @property
    def url(self) -> str:
        """Of the test's own schema or database."""
        raise NotImplementedError

    def driver(self, patience: float) -> Driver:
        """A driver for `url`."""
        raise NotImplementedError

    async def database(self, **options: Any) -> SqlDatabase:
        """One more process's view of the database."""
        options = {"clock": self.clock, "patience": 4.0, **options}
        return await SqlDatabase.open(
            self.driver(options["patience"]),
            self.dialect,
            variable=self.variable,
            revision=REVISION,
            **options,
        )

    async def open(self) -> None:
        if not self.made:
            await self.make()
            self.made = True
        self.sql = await self.database()
        self.store = SqlStore(self.sql, SQL_TABLES, "pot")
        self.other = SqlStore(self.sql, SQL_TABLES, "other")
        self.embedded = await Database.open(self.folder, TABLES, clock=self.clock)
        bus = EmbeddedBus(
            self.embedded, first_delay=0.01, longest_delay=0.05, patience=0.5, stop_within=0.2
        )
        outboxes = {"pot": self.store.outbox, "other": self.other.outbox}
        relay = Relay(outboxes, bus.publish, self.clock, stop_within=0.2)
        self.bus = RelayedBus(bus, relay)

    async def close(self) -> None:
        await self.bus.stop()
        await self.embedded.close()
        await self.sql.close()

    def wake(self) -> None:
        self.bus.bus.nudge(parked=True)

    async def make(self) -> None:
        """The schema or database, with the sample's tables."""
        await self.admin(self.creation)
        await self.fill(declared(lanes=self.dialect.name == "mysql"))

    async def remove(self) -> None:
        """All of it goes."""
        if self.made:
            await self.admin(self.removal)

    async def admin(self, *statements: str) -> None:
        """Runs statements with the variable's own URL."""
        made = engine(os.environ[self.variable])
        async with made.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))
        await made.dispose()

    async def fill(self, metadata: MetaData) -> None:
        """Creates tables as a migration does."""
        made = engine(self.url)
        async with made.begin() as connection:
            await connection.run_sync(metadata.create_all)
            if "outbox_lanes" in metadata.tables:
                rows = [{"lane": lane} for lane in range(LANES)]
                await connection.execute(metadata.tables["outbox_lanes"].insert(), rows)
            await connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32))"))
            await connection.execute(text(f"INSERT INTO alembic_version VALUES ('{REVISION}')"))  # noqa: S608 # our own constant
        await made.dispose()

    @property
    def creation(self) -> str:
        raise NotImplementedError

    @property
    def removal(self) -> str:
        raise NotImplementedError


class Postgres(Server):
    """In a schema of its own."""

    variable = "POSTGRES_URL"
    dialect = postgres.DIALECT

    @property
    def url(self) -> str:
        return f"{os.environ[self.variable]}?search_path={self.space}"

    def driver(self, patience: float) -> Driver:
        return postgres.PostgresDriver(self.url, patience=patience)

    @property
    def creation(self) -> str:
        return f"CREATE SCHEMA {self.space}"

    @property
    def removal(self) -> str:
        return f"DROP SCHEMA {self.space} CASCADE"


class Mysql(Server):
    """In a database of its own."""

    variable = "MYSQL_URL"
    dialect = mysql.DIALECT

    @property
    def url(self) -> str:
        parts = urlsplit(os.environ[self.variable])
        return urlunsplit(parts._replace(path=f"/{self.space}"))

    def driver(self, patience: float) -> Driver:
        return mysql.MysqlDriver(self.url, patience=patience)

    @property
    def creation(self) -> str:
        return f"CREATE DATABASE {self.space} CHARACTER SET utf8mb4"

    @property
    def removal(self) -> str:
        return f"DROP DATABASE {self.space}"
