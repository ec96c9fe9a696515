"""Settings → adapters: what a variable names is used, what none names stays embedded.

Each is independent of the others. `app.py` gives what is opened here to handlers and protocols; no
adapter is opened anywhere else. The clients of servers are loaded where their variable is set.

Long because what each server needs to be opened is read together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Protocol

from generated.models import BudgetRecord, Expense, SessionRecord
from generated.operations import SERVICES
from generated.storage import HOMES, TABLES
from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.fanout import LocalFanout
from runtime.adapters.mailfolder import MailFolder
from runtime.adapters.no_index import NoIndex
from runtime.adapters.split_bus import SplitBus
from runtime.adapters.sqlite import Database, SqliteStore
from runtime.adapters.sqlite.inspection import Inspection
from runtime.adapters.sqlite.outbox import Backlog
from runtime.adapters.sqlite.relayed import SqliteOutbox
from runtime.gate import SharedLimits
from runtime.inspection import Inspections
from runtime.ports import (
    Bus,
    Clock,
    Consumer,
    Envelope,
    Fanout,
    Health,
    Ids,
    Mailer,
    Outbox,
    SearchIndex,
    Store,
)
from runtime.ratelimit import Limiter
from runtime.relay import Relay
from runtime.settings import Settings, SettingsError

logger = logging.getLogger("budget.backends")

# Read far more often than written, so Redis keeps them; accounts are not among them: their records
# hold password hashes.
_CACHED = (BudgetRecord, Expense, SessionRecord)
# Seconds that events which a stop has caused may take to be published; the rest waits in a store.
_FLUSH = 3.0


class ClosableFanout(Fanout, Protocol):
    """A fan-out that a stop ends."""

    def close(self) -> None:
        """Ends every listener, once it has read what it was handed."""
        ...


class OpenIndex(SearchIndex, Protocol):
    """An index that knows whether it began empty."""

    @property
    def needs_rebuild(self) -> bool:
        """Whether nobody has filled it yet."""
        ...

    async def close(self) -> None:
        """Lets go of it."""
        ...


class Backends:
    """What the ports are here; opened by `open`, closed by `stop`."""

    def __init__(self, settings: Settings, services: Collection[str], clock: Clock) -> None:
        """Use `open`."""
        self._settings = settings
        self._services = sorted(services)
        self.clock = clock
        self.stores: dict[str, Store] = {}
        self.health: list[Health] = []
        self.limits: SharedLimits | None = None
        # Whether other processes are heard; None: there are none.
        self.connected: Callable[[], bool] | None = None
        self.fanout: ClosableFanout
        self.index: OpenIndex
        self.mailer: Mailer
        self.bus: Bus
        # The data folder's, where anything is kept in it.
        self.database: Database | None = None
        self.embedded: EmbeddedBus | None = None
        self.inspection = Inspections()
        self.relay: Relay | None = None
        self._outboxes: dict[str, Outbox] = {}
        self._stack = AsyncExitStack()

    @classmethod
    async def open(
        cls,
        settings: Settings,
        services: Collection[str],
        *,
        clock: Clock,
        ids: Ids,
        limiter: Limiter,
        guest: bool = False,
    ) -> Backends:
        """Everything that `services` need. `guest`: beside what serves; nothing is delivered.

        Raises SettingsError, naming the variable whose server cannot be used, and CannotOpen for
        the data folder.
        """
        opened = cls(settings, services, clock)
        try:
            await opened._open(ids, limiter, guest)
        except BaseException:
            await opened._stack.aclose()
            raise
        return opened

    @property
    def servers(self) -> tuple[str, ...]:
        """The variables whose servers are used; without any, everything is embedded."""
        return self._settings.configured_backends()

    async def start(self, consumers: Sequence[Consumer]) -> None:
        """Begins to deliver events, and to publish those of stores that are servers."""
        await self.bus.start(consumers)
        if self.relay is not None:
            self.relay.start()

    async def drained(self, seconds: float) -> bool:
        """Waits until every event has had its effect; False where that takes longer."""
        for _ in range(2):
            # What a consumer causes is relayed in its turn.
            if self.relay is not None and not await self.relay.drained(seconds):
                return False
            if not await self.bus.drained(seconds):
                return False
        return True

    def backlog(self) -> Backlog:
        """What waits in this process's reach, for the metrics."""
        found = Backlog(0, 0.0, 0, 0) if self.embedded is None else self.embedded.backlog()
        if self.relay is None:
            return found
        relayed = self.relay.waiting()
        return replace(
            found, waiting=found.waiting + relayed.events, age=max(found.age, relayed.age)
        )

    async def stop(self) -> None:
        """Publishes what can be, ends deliveries, and lets go of everything."""
        if self.relay is not None:
            await self.relay.drained(_FLUSH)
            await self.relay.stop()
        await self.bus.stop()
        await self._stack.aclose()

    # --- one by one -------------------------------------------------------------------------------

    async def _open(self, ids: Ids, limiter: Limiter, guest: bool) -> None:
        settings = self._settings
        if self._needs_folder():
            self.database = await Database.open(
                settings.data_dir, TABLES, clock=self.clock, ids=ids, guest=guest
            )
            self._stack.push_async_callback(self.database.close)
            self.health.append(self.database)
            self.inspection.add(
                Inspection(self.database),
                [service for service in self._services if not self._served(service)],
            )
        await self._open_stores(ids, check=not guest)
        await self._open_redis(limiter)
        await self._open_bus()
        await self._open_index(guest)
        if settings.smtp_url is None:
            folder = settings.data_dir / "mail"
            self.mailer = MailFolder(folder, settings.mail_from, self.clock)
        else:
            from runtime.adapters.smtp import SmtpMailer

            mailer = await SmtpMailer.open(settings.smtp_url, settings.mail_from, self.clock)
            self.mailer = mailer
            self.health.append(mailer)
        # What a guest's commits emit is for the serving process to publish.
        if self._outboxes and not guest:
            self.relay = Relay(self._outboxes, self._publish, self.clock)

    async def _publish(self, envelopes: Sequence[Envelope]) -> None:
        await self.bus.publish(envelopes)

    def _needs_folder(self) -> bool:
        settings = self._settings
        brokers = settings.kafka_broker is not None and settings.rabbitmq_url is not None
        return not brokers or any(not self._served(name) for name in self._services)

    def _served(self, service: str) -> bool:
        """Whether the service's store is a server."""
        return self._url(home(service)) is not None

    def _url(self, kind: str) -> str | None:
        settings = self._settings
        return {
            "mongodb": settings.mongo_db_uri,
            "postgresql": settings.postgres_url,
            "mysql": settings.mysql_url,
        }[kind]

    async def _open_stores(self, ids: Ids, *, check: bool) -> None:
        homes: dict[str, list[str]] = {}
        for service in self._services:
            homes.setdefault(home(service), []).append(service)
        for kind, services in homes.items():
            url = self._url(kind)
            if url is None:
                if self.database is not None:
                    for service in services:
                        self.stores[service] = SqliteStore(self.database, TABLES, service)
            elif kind == "mongodb":
                await self._open_mongodb(url, services, ids, check=check)
            else:
                await self._open_sql(kind, url, services, ids)

    async def _open_mongodb(self, uri: str, services: list[str], ids: Ids, *, check: bool) -> None:
        from generated.collections import COLLECTIONS
        from generated.documents import DOCUMENTS
        from runtime.adapters.mongodb import CannotReach, MongoDatabase, MongoOutbox, MongoStore
        from runtime.adapters.mongodb.inspection import MongoInspection
        from runtime.adapters.mongodb.schema import drift

        try:
            database = await MongoDatabase.open(uri, clock=self.clock, ids=ids)
        except CannotReach as error:
            raise SettingsError([str(error)]) from None
        self._stack.push_async_callback(database.close)
        if check and await drift(database, DOCUMENTS, on_mongodb()):
            fault = "MONGO_DB_URI: the database is not migrated: run budget-manager migrate"
            raise SettingsError([fault])
        self.health.append(database)
        self.inspection.add(MongoInspection(database, COLLECTIONS), services)
        for service in services:
            self.stores[service] = MongoStore(database, COLLECTIONS, service)
            outbox = MongoOutbox(database, COLLECTIONS, service)
            self._stack.push_async_callback(outbox.close)
            self._outboxes[service] = outbox

    async def _open_sql(self, kind: str, url: str, services: list[str], ids: Ids) -> None:
        from generated.rows import SQL_TABLES
        from migrations import VARIABLES, head
        from runtime.adapters.sql import PATIENCE, SqlDatabase, SqlStore
        from runtime.adapters.sql.driver import Dialect, Driver
        from runtime.adapters.sql.inspection import SqlInspection

        driver: Driver
        dialect: Dialect
        if kind == "postgresql":
            from runtime.adapters.postgres import DIALECT, PostgresDriver

            driver, dialect = PostgresDriver(url, patience=PATIENCE), DIALECT
        else:
            from runtime.adapters.mysql import DIALECT as MYSQL
            from runtime.adapters.mysql import MysqlDriver

            driver, dialect = MysqlDriver(url, patience=PATIENCE), MYSQL
        database = await SqlDatabase.open(
            driver,
            dialect,
            variable=VARIABLES[kind],
            revision=head(kind),
            clock=self.clock,
            ids=ids,
        )
        self._stack.push_async_callback(database.close)
        self.health.append(database)
        self.inspection.add(SqlInspection(database), services)
        for service in services:
            store = SqlStore(database, SQL_TABLES, service)
            self.stores[service] = store
            self._outboxes[service] = store.outbox

    async def _open_redis(self, limiter: Limiter) -> None:
        if self._settings.redis_url is None:
            self.fanout = LocalFanout()
            return
        from runtime.adapters.redis import CachedStore, Line, RedisFanout, RedisLimits

        line = await Line.open(self._settings.redis_url)
        self._stack.push_async_callback(line.close)
        self.health.append(line)
        prefix = f"{self._settings.namespace}budget:"
        fanout = RedisFanout(line, prefix=prefix)
        self._stack.push_async_callback(fanout.aclose)
        self.fanout = fanout
        self.connected = lambda: fanout.connected
        self.limits = RedisLimits(line, limiter, prefix=prefix)
        for service in self._services:
            # An embedded store is one process's, and remembers by itself.
            if self._served(service):
                tables = [table for table in TABLES if table.kind in _CACHED]
                tables = [table for table in tables if table.service == service]
                if not tables:
                    continue
                cached = CachedStore(self.stores[service], line, fanout, tables, prefix=prefix)
                self._stack.push_async_callback(cached.close)
                self.stores[service] = cached

    async def _open_bus(self) -> None:
        from generated.brokers import QUEUES, TOPICS

        buses: dict[str, Bus] = {}
        space = self._settings.namespace
        if self._settings.kafka_broker is not None:
            from generated.kafka import WIRING
            from runtime.adapters.kafka import KafkaBus

            kafka = await KafkaBus.open(
                self._settings.kafka_broker, WIRING, clock=self.clock, prefix=space
            )
            self.health.append(kafka)
            buses |= dict.fromkeys(TOPICS, kafka)
        if self._settings.rabbitmq_url is not None:
            from generated.rabbitmq import WIRING as QUEUED
            from runtime.adapters.rabbitmq import RabbitmqBus

            rabbitmq = await RabbitmqBus.open(
                self._settings.rabbitmq_url, QUEUED, clock=self.clock, prefix=space
            )
            self.health.append(rabbitmq)
            buses |= dict.fromkeys(QUEUES, rabbitmq)
        if self.database is not None:
            self.embedded = EmbeddedBus(self.database, others=buses)
            if buses:
                self._outboxes["embedded"] = SqliteOutbox(self.database, buses)
        rest = self.embedded or next(iter(buses.values()))
        self.bus = SplitBus(buses, rest) if buses else rest

    async def _open_index(self, guest: bool) -> None:
        url = self._settings.elastic_search_url
        if url is not None:
            from generated.index import ExpenseIndex
            from runtime.adapters.elasticsearch import ElasticIndex

            index = await ElasticIndex.open(
                url,
                ExpenseIndex,
                name=f"{self._settings.namespace}budget-expenses",
                today=self.clock.today,
            )
            self._stack.push_async_callback(index.close)
            self.health.append(index)
            self.index = index
        elif guest or "search" not in self._services:
            # The index has one opener, and that is the server.
            self.index = NoIndex()
        else:
            from runtime.adapters.tantivy_index import TantivyIndex

            folder = self._settings.data_dir / "search"
            embedded = TantivyIndex(folder, today=self.clock.today)
            self._stack.push_async_callback(embedded.close)
            self.index = embedded


def on_mongodb() -> list[str]:
    """The services whose collections MongoDB has, those of all processes."""
    return [service for service in SERVICES if home(service) == "mongodb"]


def home(service: str) -> str:
    """The kind of server that the contract wants a service on; one without entities keeps its
    idempotency records and inbox marks on MongoDB.
    """
    return HOMES.get(service, "mongodb")
