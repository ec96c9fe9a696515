"""PostgreSQL and MySQL as the ports' suites see them, each test in a schema or database of its own.

The bus is the embedded one, which a relay feeds: what runs where there is no broker.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import MetaData, text
from sqlalchemy.exc import DBAPIError

from runtime.adapters import mysql, postgres
from runtime.adapters.clock import TurnableClock
from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.sql import SqlDatabase, SqlStore
from runtime.adapters.sql.driver import Connection, Dialect, Driver
from runtime.adapters.sql.engine import engine
from runtime.adapters.sql.schema import LANES
from runtime.adapters.sqlite import Database
from runtime.ports import Consumer, DeadLetter, Envelope
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

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        await self.bus.publish(envelopes)

    async def dead_letters(self) -> list[DeadLetter]:
        return await self.bus.dead_letters()

    async def replay(self, consumer: str, event_id: str) -> bool:
        return await self.bus.replay(consumer, event_id)

    async def stop(self) -> None:
        # At the same time: while the relay ends, the bus begins no further batch.
        await asyncio.gather(self.relay.stop(), self.bus.stop())


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
        return self.url_at(None)

    def url_at(self, port: int | None) -> str:
        """The same at another port of this machine, where a proxy is."""
        raise NotImplementedError

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        parts = urlsplit(os.environ[self.variable])
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def driver(self, patience: float, port: int | None = None) -> Driver:
        """A driver for `url`."""
        raise NotImplementedError

    async def database(
        self, *, patience: float = 4.0, port: int | None = None, **options: Any
    ) -> SqlDatabase:
        """One more process's view of the database."""
        return await SqlDatabase.open(
            self.driver(patience, port),
            self.dialect,
            variable=self.variable,
            revision=REVISION,
            clock=self.clock,
            patience=patience,
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

    # --- for tests of what only servers have ------------------------------------------------------

    # 60,000 pots, a minute apart, of 20 owners; and a look at them for the planner's sake.
    many_pots: str
    analyse: str
    # Lists the connections of `database()`, without the one that asks; and ends one.
    connections: str
    kill: str

    async def explain(self, sql: str, row: Sequence[Any]) -> tuple[str, int]:
        """The plan, and how many rows were read at most in one of its steps."""
        raise NotImplementedError

    async def connection_ids(self) -> set[int]:
        """The connections of this test's databases, as the server knows them."""
        made = engine(os.environ[self.variable])
        async with made.connect() as connection:
            found = await connection.execute(text(self.connections.format(self.space)))
            ids = {int(row[0]) for row in found}
        await made.dispose()
        return ids

    async def kill_connections(self, chance: random.Random, count: int) -> None:
        """Ends so many of them, one after the other, whatever they do."""
        made = engine(os.environ[self.variable])
        async with made.connect() as connection:
            killed = 0
            while killed < count:
                found = await connection.execute(text(self.connections.format(self.space)))
                ids = sorted(int(row[0]) for row in found)
                if ids:
                    # It may have ended by itself.
                    with contextlib.suppress(DBAPIError):
                        await connection.execute(text(self.kill.format(chance.choice(ids))))
                        killed += 1
                await connection.commit()
        await made.dispose()


class Postgres(Server):
    """In a schema of its own."""

    variable = "POSTGRES_URL"
    dialect = postgres.DIALECT
    many_pots = (
        "INSERT INTO pots SELECT 'pot_' || lpad(n::text, 9, '0'), 1, 'usr_' || n % 20, 'n' || n, "
        "5, 'USD', 'calm', NULL, NULL, "
        "timestamptz '2026-11-22 09:30Z' + n * interval '1 minute', '[]' "
        "FROM generate_series(1, 60000) AS n"
    )
    analyse = "ANALYZE pots"
    connections = "SELECT pid FROM pg_stat_activity WHERE application_name = '{}'"
    kill = "SELECT pg_terminate_backend({})"

    def url_at(self, port: int | None) -> str:
        parts = urlsplit(os.environ[self.variable])
        if port is not None:
            parts = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}")
        query = f"search_path={self.space}&application_name={self.space}"
        return urlunsplit(parts._replace(query=query))

    def driver(self, patience: float, port: int | None = None) -> Driver:
        return postgres.PostgresDriver(self.url_at(port), patience=patience)

    async def explain(self, sql: str, row: Sequence[Any]) -> tuple[str, int]:
        found = await self.sql.read(f"EXPLAIN (ANALYZE, TIMING OFF) {sql}", row)
        plan = "\n".join(line[0] for line in found)
        return plan, max(int(count) for count in re.findall(r"actual rows=(\d+)", plan))

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
    many_pots = (
        "INSERT INTO pots SELECT concat('pot_', lpad(seq, 9, '0')), 1, concat('usr_', seq % 20), "
        "concat('n', seq), 5, 'USD', 'calm', NULL, NULL, "
        "timestamp'2026-11-22 09:30:00' + INTERVAL seq MINUTE, '[]' FROM seq_1_to_60000"
    )
    analyse = "ANALYZE TABLE pots"
    connections = "SELECT id FROM information_schema.processlist WHERE db = '{}'"
    kill = "KILL {}"

    def url_at(self, port: int | None) -> str:
        parts = urlsplit(os.environ[self.variable])
        if port is not None:
            parts = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}")
        return urlunsplit(parts._replace(path=f"/{self.space}"))

    def driver(self, patience: float, port: int | None = None) -> Driver:
        return mysql.MysqlDriver(self.url_at(port), patience=patience)

    async def explain(self, sql: str, row: Sequence[Any]) -> tuple[str, int]:
        async def look(connection: Connection) -> tuple[str, int]:
            plan = await connection.fetch(f"EXPLAIN {sql}", [*row, []])
            await connection.execute("FLUSH STATUS")
            await connection.fetch(sql, row)
            counts = await connection.fetch("SHOW SESSION STATUS LIKE 'Handler_read%'")
            return str(plan), sum(int(count) for _, count in counts)

        return await self.sql.run(look)

    @property
    def creation(self) -> str:
        return f"CREATE DATABASE {self.space} CHARACTER SET utf8mb4"

    @property
    def removal(self) -> str:
        return f"DROP DATABASE {self.space}"


SQL_SERVERS: dict[str, Callable[[Path], Server]] = {"postgres": Postgres, "mariadb": Mysql}
