"""The composition root: settings → adapters → handlers → protocols. All wiring is here.

Long because it is one table that is read from top to bottom, with nothing wired elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import warnings
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from generated import operations
from generated.errors import PROBLEMS
from generated.events import CONSUMERS, EVENTS
from generated.inputs import INPUTS
from generated.models import Budget, BudgetPage
from generated.operations import (
    INTERNAL_OPERATIONS,
    LEVEL_METHODS,
    LEVELS,
    OPERATIONS,
    WATCH_METHODS,
)
from generated.rest import routes
from generated.services import Consumers, Internals, Levels, Services, Watches
from generated.storage import TABLES
from generated.values import ARGUMENTS, RESULTS
from handlers.auth import AuthHandlers
from handlers.budget import BudgetHandlers
from handlers.customer import CustomerHandlers
from handlers.expense import ExpenseHandlers
from handlers.live import IDENTITY
from handlers.notification import NotificationHandlers
from handlers.order import OrderHandlers
from handlers.search import SearchHandlers
from handlers.task import TaskHandlers
from handlers.task_runners import runners
from handlers.transaction import TransactionHandlers
from runtime.adapters.clock import SystemClock
from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.fanout import LocalFanout
from runtime.adapters.mailfolder import MailFolder
from runtime.adapters.no_index import NoIndex
from runtime.adapters.sqlite import Database, InUse, SqliteStore
from runtime.adapters.tantivy_index import TantivyIndex
from runtime.call import Call
from runtime.documents import Documents
from runtime.edge import Edge
from runtime.gate import Gate, KnownTokens
from runtime.gathered import GatheredStore
from runtime.graphql import graphiql
from runtime.graphql.gateway import Gateway, Loader
from runtime.graphql.hub import GraphHub
from runtime.graphql.known import read_known
from runtime.graphql.limits import Limits
from runtime.ids import TypeIds
from runtime.log import LogWriter, RequestLog, install
from runtime.metrics import Metrics
from runtime.monitor import Monitor
from runtime.pages import pages
from runtime.paging import Pager
from runtime.passwords import Passwords
from runtime.ports import Clock, Consumer, Envelope, Ids, Mailer
from runtime.problem import PLATFORM_PROBLEMS
from runtime.ratelimit import Limiter
from runtime.settings import Settings
from runtime.sockets import Sockets
from runtime.tokens import AccessTokens

if TYPE_CHECKING:
    from runtime.graphql.engine import Engine
    from runtime.grpc.server import GrpcServer

logger = logging.getLogger("budget.app")
T = TypeVar("T")
_HERE = Path(__file__).parent
_SPEC = _HERE / "generated" / "openapi.json"
_TITLE = "Budget Manager"
_GRAPHQL = "/api/graphql"
_EXAMPLES = _HERE / "generated" / "graphql_examples.json"


class Shared(TypedDict):
    """What every service takes."""

    ids: Ids
    clock: Clock
    pager: Pager


class Mailed(TypedDict):
    """What the services take that send mails with secrets in their links."""

    mailer: Mailer
    secret: bytes
    public_url: str


class Platform:
    """Everything wired, over the adapters that the settings ask for: today the embedded ones."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        index: TantivyIndex | NoIndex,
        *,
        clock: Clock,
        passwords: Passwords,
        log: LogWriter,
        interpreted: bool,
    ) -> None:
        secret = settings.signing_secret()
        ids, pager, known, fanout = TypeIds(), Pager(secret), KnownTokens(), LocalFanout()
        mailer = MailFolder(settings.data_dir / "mail", settings.mail_from, clock)
        tokens = AccessTokens(secret, settings.jwt_issuer, settings.jwt_audience, clock)
        names = sorted({operation.service for operation in OPERATIONS.values()})
        stores = {name: GatheredStore(SqliteStore(database, TABLES, name)) for name in names}
        shared: Shared = {"ids": ids, "clock": clock, "pager": pager}
        mailed: Mailed = {"mailer": mailer, "secret": secret, "public_url": settings.public_url}

        # One row a service: its store, what all share, and what it alone needs.
        self.auth = AuthHandlers(
            store=stores["auth"],
            tokens=tokens,
            passwords=passwords,
            known=known,
            fanout=fanout,
            **mailed,
            **shared,
        )
        self.budget = BudgetHandlers(
            store=stores["budget"],
            addresses=self.auth,
            sessions=self.auth,
            fanout=fanout,
            **mailed,
            **shared,
        )
        self.expense = ExpenseHandlers(store=stores["expense"], budgets=self.budget, **shared)
        self.order = OrderHandlers(store=stores["order"], customers=lambda: self.customer, **shared)
        self.customer = CustomerHandlers(store=stores["customer"], orders=self.order, **shared)
        self.transaction = TransactionHandlers(store=stores["transaction"], **shared)
        self.task = TaskHandlers(
            store=stores["task"],
            addresses=self.auth,
            runners=runners(
                mailer=mailer,
                owners=self.auth,
                budgets=self.budget,
                expenses=self.expense,
                search=lambda: self.search,
                clock=clock,
            ),
            **shared,
        )
        self.search = SearchHandlers(
            index=index, budgets=self.budget, expenses=self.expense, tasks=self.task
        )
        self.notification = NotificationHandlers(
            store=stores["notification"],
            fanout=fanout,
            accounts=self.auth,
            sessions=self.auth,
            **shared,
        )
        # A handler that lacks a method, or has one of another shape, is a type error here.
        services = Services(
            auth=self.auth,
            budget=self.budget,
            customer=self.customer,
            expense=self.expense,
            notification=self.notification,
            order=self.order,
            search=self.search,
            task=self.task,
            transaction=self.transaction,
        )
        consumers = Consumers(
            auth=self.auth,
            budget=self.budget,
            expense=self.expense,
            notification=self.notification,
            search=self.search,
            task=self.task,
            transaction=self.transaction,
        )

        levels = Levels(
            auth=self.auth,
            budget=self.budget,
            expense=self.expense,
            notification=self.notification,
            task=self.task,
            transaction=self.transaction,
        )
        watches = Watches(budget=self.budget, notification=self.notification)
        internals = Internals(
            auth=self.auth,
            budget=self.budget,
            expense=self.expense,
            search=self.search,
            task=self.task,
        )
        limiter = Limiter(settings.rate_limit_factor)
        self.metrics = metrics = Metrics()
        self.gate = gate = Gate(
            handlers={
                operation.id: getattr(getattr(services, operation.service), operation.method)
                for operation in OPERATIONS.values()
            },
            levels={
                resource: getattr(getattr(levels, service), method)
                for resource, (service, method) in LEVEL_METHODS.items()
            },
            ranks=LEVELS,
            watches={
                operation: getattr(getattr(watches, service), method)
                for operation, (service, method) in WATCH_METHODS.items()
            },
            stores=stores,
            results=RESULTS,
            identities=self.auth,
            known=known,
            limiter=limiter,
        )
        # What services ask each other, by gRPC alone: in one process they ask the handlers.
        self.answering = {
            operation.id: getattr(getattr(internals, operation.service), operation.method)
            for operation in INTERNAL_OPERATIONS.values()
        }
        self.consumers = [
            Consumer(
                name=rule.name,
                service=rule.service,
                channel=rule.channel,
                types=rule.types,
                decode=_event,
                handle=getattr(getattr(consumers, rule.service), rule.method),
                keyed=rule.name not in _UNKEYED,
                **_TERMS.get(rule.name, {}),
            )
            for rule in CONSUMERS
        ]
        # The command line beside us may have given somebody another role.
        database.on_emitted(lambda guest: known.forget_all() if guest else None)
        self.clock = clock
        self.settings = settings
        self.limiter = limiter
        self.request_log = RequestLog(log, settings.log_level)
        self.database = database
        self.index = index
        self.fanout = fanout
        self.passwords = passwords
        self.ready = False
        self._rebuilding: asyncio.Task[None] | None = None
        self.bus = EmbeddedBus(database)
        limits = Limits(introspection=settings.graphql_introspection)
        documents = read_known(settings.graphql_documents)
        only = settings.graphql_only_documents
        load = Loader(lambda: _graphql(gate, limits, limiter, documents, only))
        graphql = Gateway(load, PROBLEMS, limits, metrics, graphiql.page)
        self.graphql = GraphHub(
            load=load,
            gate=gate,
            problems=PROBLEMS,
            limits=limits,
            limiter=limiter,
            metrics=metrics,
            log=RequestLog(log, settings.log_level),
            fanout=fanout,
            identity=IDENTITY,
        )
        self.monitor = Monitor(json.loads(_SPEC.read_bytes()), settings.monitor_rate, metrics.drift)
        self.edge = Edge(
            router=routes(gate),
            interpreter=_interpreter(gate) if interpreted else None,
            problems=PROBLEMS,
            metrics=metrics,
            log=self.request_log,
            monitor=self.monitor if settings.monitor_rate else None,
            pages=pages(
                spec=_SPEC,
                problems=PROBLEMS,
                metrics=metrics,
                health=[database],
                ready=lambda: self.ready,
            ),
            gateways={_GRAPHQL: graphql.routes} | graphiql.files(_GRAPHQL, _EXAMPLES),
            sockets=Sockets({_GRAPHQL: self.graphql}, settings.cors_origins),
            lifespan=self,
            limiter=limiter,
            documents=Documents(_TITLE, "/openapi.json"),
            origins=settings.cors_origins,
            trusted_proxies=settings.trusted_proxies,
            secure=settings.public_url.startswith("https:"),
        )
        self._measure()

    def _measure(self) -> None:
        """The gauges that an operator watches."""
        gauge = self.metrics.gauge
        backlog = self.bus.backlog
        gauge("outbox_events", "Events that wait in the outbox.", lambda: backlog().waiting)
        gauge("outbox_age_seconds", "The oldest event's age.", lambda: backlog().age)
        gauge("commits_waiting", "Commits under way.", lambda: self.database.waiting)
        gauge("dead_letters", "Events that were given up.", lambda: backlog().dead)

    def rpcs(self) -> GrpcServer:
        """The gRPC server, over the same gate. Its library is loaded by those that serve it."""
        from generated.grpc.budget_pb2 import Problem
        from generated.grpc.methods import METHODS, SERVICES
        from runtime.grpc.binding import Methods
        from runtime.grpc.server import GrpcServer, Listening
        from runtime.grpc.trust import Vouchers
        from runtime.grpc.turn import Desk

        settings = self.settings
        desk = Desk(
            problems=PROBLEMS,
            problem=Problem,
            vouchers=Vouchers(settings.signing_secret(), self.clock),
            metrics=self.metrics,
            log=self.request_log,
            limiter=self.limiter,
            trusted_proxies=settings.trusted_proxies,
        )
        methods = Methods(
            METHODS, gate=self.gate, inputs=INPUTS, answering=self.answering, desk=desk
        )
        listening = Listening(
            settings.host,
            settings.grpc_port,
            settings.grpc_tls_cert,
            settings.grpc_tls_key,
            settings.grpc_plaintext,
        )
        return GrpcServer(methods, SERVICES, listening)

    async def start(self) -> None:
        """Begins to deliver events; ready when it returns."""
        await self.bus.start(self.consumers)
        await self.graphql.start()
        if self.index.needs_rebuild:
            self._rebuilding = asyncio.create_task(self._rebuild())
        self.ready = True

    async def _rebuild(self) -> None:
        """Fills an index that began empty: it is new, or what was there could not be read."""
        try:
            found = await self.search.rebuild()
        except Exception:
            logger.exception("the search index was not filled: run reindexSearch")
        else:
            logger.info("the search index holds %d expenses", found)

    def drain(self) -> None:
        """Says that no new work is wanted, and ends what listens."""
        self.ready = False
        self.graphql.close()
        self.fanout.close()

    async def stop(self) -> None:
        """Takes no new work, lets what runs end, and closes the stores."""
        self.drain()
        await self.graphql.stop()
        if self._rebuilding is not None:
            self._rebuilding.cancel()
            await asyncio.gather(self._rebuilding, return_exceptions=True)
        await self.bus.stop()
        await self.index.close()
        self.monitor.close()
        self.passwords.close()
        await self.database.close()

    async def drained(self) -> bool:
        """Waits until every event has had its effect; False for a guest: its server sees to it."""
        return self.ready and await self.bus.drained(60)

    async def budgets_of(self, email: str) -> list[Budget] | None:
        """What `list-budgets` shows: the account's budgets, or None without such an account."""
        caller = await self.auth.caller_of(email)
        if caller is None:
            return None
        found: list[Budget] = []
        token: str | None = None
        while True:
            call = Call(operations.LIST_BUDGETS, "cli", "list-budgets")
            call.caller = caller
            page: BudgetPage = await self.budget.list_budgets(call, page_size=200, page_token=token)
            found += page.items
            token = page.next_page_token
            if token is None:
                return found


# Consumers whose batches may hold events of several keys.
_UNKEYED = frozenset({"indexExpenses"})
# Tasks may take their time: an index of millions is built within an hour. To the index a batch is a
# commit, which costs 15 ms however few events are in it.
_TERMS: dict[str, Any] = {
    "indexExpenses": {"most": 500},
    "runTasks": {"most": 1, "patience": 3600.0},
}


def _event(envelope: Envelope) -> Any:
    """The event in `envelope`: one function for all consumers, so that the bus reads it once."""
    return EVENTS[envelope.type].decode(envelope)


def _graphql(
    gate: Gate, limits: Limits, limiter: Limiter, documents: Mapping[str, str], only: bool
) -> Engine:
    """What answers GraphQL; Strawberry and graphql-core are loaded for it alone."""
    from generated.graphql import BINDINGS, schema
    from generated.inputs import INPUTS
    from runtime.graphql.engine import Engine
    from runtime.graphql.resolve import Fields

    fields = Fields(gate, BINDINGS, INPUTS)
    core = schema()._schema
    return Engine(core, fields, PROBLEMS, limits, limiter, documents, only_known=only)


def _interpreter(gate: Gate) -> Any:
    """connexion over the specs as they are now; PyYAML and connexion are loaded for it alone."""
    import yaml

    with warnings.catch_warnings():
        # connexion loads a test client that wants a newer httpx; nothing here uses it.
        warnings.simplefilter("ignore")
        from runtime.interpreted import Interpreted

    text = (_HERE / "specs" / "openapi.yaml").read_bytes()
    return Interpreted(yaml.load(text, yaml.CSafeLoader), gate, OPERATIONS, ARGUMENTS, RESULTS)


async def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    passwords: Passwords | None = None,
    log: LogWriter | None = None,
    guest: bool = False,
    interpreted: bool = False,
) -> Platform:
    """The platform over `settings`. Raises SettingsError, and CannotOpen for the data folder."""
    settings.require_adapters(())
    missing = [each.code for each in PLATFORM_PROBLEMS if each.code not in PROBLEMS]
    if missing:
        raise RuntimeError(f"specs/openapi.yaml: x-problems lacks {', '.join(missing)}")
    clock = clock or SystemClock()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = await Database.open(
        settings.data_dir, TABLES, clock=clock, ids=TypeIds(), guest=guest
    )
    # The index has one opener, and that is the server.
    index = NoIndex() if guest else TantivyIndex(settings.data_dir / "search", today=clock.today)
    return Platform(
        settings,
        database,
        index,
        clock=clock,
        passwords=passwords or Passwords(),
        log=log or LogWriter(sys.stdout.buffer),
        interpreted=interpreted,
    )


async def run(settings: Settings, *, interpreted: bool = False) -> None:
    """Serves until it is told to stop."""
    from runtime.serve import serve

    log = LogWriter(sys.stdout.buffer)
    install(log, settings.log_level)
    platform = await build(settings, log=log, interpreted=interpreted)
    rpcs = platform.rpcs()
    closing: list[asyncio.Task[None]] = []

    async def start() -> None:
        await platform.start()
        await rpcs.start()

    def drain() -> None:
        platform.drain()
        # Beside HTTP, so that both have all the time there is.
        closing.append(asyncio.create_task(rpcs.stop()))

    async def stop() -> None:
        await (closing[0] if closing else rpcs.stop())
        await platform.stop()

    def ready() -> None:
        where = f"http://{settings.host}:{settings.port}"
        logger.info("ready at %s (docs: %s/docs), everything embedded", where, where)
        logger.info("gRPC at %s", rpcs)

    try:
        await serve(
            platform.edge,
            settings.host,
            settings.port,
            start=start,
            drain=drain,
            stop=stop,
            ready=ready,
        )
    finally:
        log.close()


async def administer(settings: Settings, work: Callable[[Platform], Awaitable[T]]) -> T:
    """Does one piece of work for the command line: beside the server that runs, or in its place."""
    log = LogWriter(sys.stderr.buffer)
    install(log, "warning")
    try:
        platform = await build(settings, log=log)
        await platform.start()
    except InUse:
        # That server delivers the events of what is written beside it.
        platform = await build(settings, log=log, guest=True)
    try:
        return await work(platform)
    finally:
        await platform.stop()
        log.close()
