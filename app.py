"""The composition root: settings → adapters → handlers → protocols. All wiring is here.

Long because it is one table that is read from top to bottom, with nothing wired elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import warnings
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from backends import Backends
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
    SERVICES,
    WATCH_METHODS,
)
from generated.rest import routes
from generated.services import Consumers, Internals, Levels, Services, Watches
from generated.values import ARGUMENTS, RESULTS
from generated.websocket import FRAMES
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
from runtime.adapters.sqlite import Database, InUse
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
from runtime.inspection import Inspections
from runtime.log import LogWriter, RequestLog, install
from runtime.metrics import Metrics
from runtime.monitor import Monitor
from runtime.pages import pages
from runtime.paging import Pager
from runtime.passwords import Passwords
from runtime.ports import Bus, Clock, Consumer, Envelope, Fanout, Ids, Mailer
from runtime.problem import PLATFORM_PROBLEMS
from runtime.ratelimit import Limiter
from runtime.revocation import follow_revocations
from runtime.settings import BACKENDS, Settings
from runtime.sockets import Sockets
from runtime.tokens import AccessTokens
from runtime.websocket.hub import Hub

if TYPE_CHECKING:
    from apart import Apart
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
    """Everything wired, over the adapters that the settings ask for.

    `services` run here; what the others know and do is asked by gRPC (apart.py).
    """

    def __init__(
        self,
        settings: Settings,
        backends: Backends,
        services: Collection[str],
        *,
        limiter: Limiter,
        passwords: Passwords,
        log: LogWriter,
        interpreted: bool,
    ) -> None:
        secret, clock, fanout = settings.signing_secret(), backends.clock, backends.fanout
        ids, pager, known = TypeIds(), Pager(secret), KnownTokens()
        mailer = backends.mailer
        tokens = AccessTokens(secret, settings.jwt_issuer, settings.jwt_audience, clock)
        stores = {name: GatheredStore(store) for name, store in backends.stores.items()}
        shared: Shared = {"ids": ids, "clock": clock, "pager": pager}
        mailed: Mailed = {"mailer": mailer, "secret": secret, "public_url": settings.public_url}
        here = frozenset(services)
        self.apart = apart = (
            _apart(settings, tokens, clock, fanout) if here != frozenset(SERVICES) else None
        )

        # One row a service: its store, what all share, and what it alone needs.
        if "auth" in here:
            self.auth = AuthHandlers(
                store=stores["auth"],
                tokens=tokens,
                passwords=passwords,
                known=known,
                fanout=fanout,
                **mailed,
                **shared,
            )
        accounts = self.auth if apart is None or "auth" in here else apart.accounts
        if "budget" in here:
            self.budget = BudgetHandlers(
                store=stores["budget"],
                addresses=accounts,
                sessions=accounts,
                fanout=fanout,
                **mailed,
                **shared,
            )
        budgets = self.budget if apart is None or "budget" in here else apart.budgets
        if "expense" in here:
            self.expense = ExpenseHandlers(store=stores["expense"], budgets=budgets, **shared)
        if "order" in here:
            self.order = OrderHandlers(
                store=stores["order"], customers=lambda: offered.customer, **shared
            )
        if "customer" in here:
            self.customer = CustomerHandlers(
                store=stores["customer"],
                orders=self.order if apart is None or "order" in here else apart.order,
                **shared,
            )
        if "transaction" in here:
            self.transaction = TransactionHandlers(store=stores["transaction"], **shared)
        if "task" in here:
            self.task = TaskHandlers(
                store=stores["task"],
                addresses=accounts,
                runners=runners(
                    mailer=mailer,
                    owners=accounts,
                    budgets=budgets,
                    expenses=self.expense if apart is None or "expense" in here else apart.expense,
                    search=lambda: (
                        self.search if apart is None or "search" in here else apart.index
                    ),
                    clock=clock,
                ),
                **shared,
            )
        if "search" in here:
            self.search = SearchHandlers(
                index=backends.index,
                budgets=budgets,
                expenses=self.expense if apart is None or "expense" in here else apart.expenses,
                tasks=self.task if apart is None or "task" in here else apart.tasks,
            )
        if "notification" in here:
            self.notification = NotificationHandlers(
                store=stores["notification"],
                fanout=fanout,
                accounts=self.auth if apart is None or "auth" in here else apart.auth,
                sessions=accounts,
                **shared,
            )
        # A handler that lacks a method, or has one of another shape, is a type error here.
        offered = Services(
            auth=self.auth if apart is None or "auth" in here else apart.auth,
            budget=self.budget if apart is None or "budget" in here else apart.budget,
            customer=self.customer if apart is None or "customer" in here else apart.customer,
            expense=self.expense if apart is None or "expense" in here else apart.expense,
            notification=(
                self.notification if apart is None or "notification" in here else apart.notification
            ),
            order=self.order if apart is None or "order" in here else apart.order,
            search=self.search if apart is None or "search" in here else apart.search,
            task=self.task if apart is None or "task" in here else apart.task,
            transaction=(
                self.transaction if apart is None or "transaction" in here else apart.transaction
            ),
        )
        watches = Watches(
            budget=self.budget if apart is None or "budget" in here else apart.budget_watch,
            notification=(
                self.notification
                if apart is None or "notification" in here
                else apart.notification_watch
            ),
        )
        # What is asked of this process alone.
        auth = self.auth if "auth" in here else None
        budget = self.budget if "budget" in here else None
        expense = self.expense if "expense" in here else None
        notification = self.notification if "notification" in here else None
        search = self.search if "search" in here else None
        task = self.task if "task" in here else None
        transaction = self.transaction if "transaction" in here else None
        consumers = Consumers(
            auth=auth,
            budget=budget,
            expense=expense,
            notification=notification,
            search=search,
            task=task,
            transaction=transaction,
        )
        levels = Levels(
            auth=auth,
            budget=budget or budgets,
            expense=expense,
            notification=notification,
            task=task,
            transaction=transaction,
        )
        internals = Internals(auth=auth, budget=budget, expense=expense, search=search, task=task)
        self.metrics = metrics = Metrics()
        self.gate = gate = Gate(
            handlers={
                operation.id: getattr(getattr(offered, operation.service), operation.method)
                for operation in OPERATIONS.values()
            },
            levels={
                resource: getattr(knowing, method)
                for resource, (service, method) in LEVEL_METHODS.items()
                if (knowing := getattr(levels, service)) is not None
            }
            # A room's members need nobody's word: it may be watched from anywhere.
            | ({} if apart is None else {"ChatRoom": apart.notification_watch.level_on_chat_room}),
            ranks=LEVELS,
            watches={
                operation: getattr(getattr(watches, service), method)
                for operation, (service, method) in WATCH_METHODS.items()
            },
            stores=stores,
            results=RESULTS,
            identities=accounts,
            known=known,
            limiter=limiter,
            shared=backends.limits,
            elsewhere=frozenset(SERVICES) - here,
        )
        # What services ask each other, by gRPC alone: in one process they ask the handlers.
        self.answering = {
            operation.id: getattr(asked, operation.method)
            for operation in INTERNAL_OPERATIONS.values()
            if (asked := getattr(internals, operation.service)) is not None
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
                seen=partial(stores[rule.service].seen, rule.name),
                **_TERMS.get(rule.name, {}),
            )
            for rule in CONSUMERS
            if rule.service in here
        ]
        if backends.database is not None:
            # The command line beside us may have given somebody another role.
            backends.database.on_emitted(lambda guest: known.forget_all() if guest else None)
        self.settings = settings
        self.backends = backends
        self.stores = stores
        self.clock = clock
        self.ids = ids
        self.limiter = limiter
        self.request_log = RequestLog(log, settings.log_level)
        self.fanout = fanout
        self.passwords = passwords
        self.ready = False
        self._known = known
        self._following: asyncio.Task[None] | None = None
        self._rebuilding: asyncio.Task[None] | None = None
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
        self.hub = Hub(
            frames=FRAMES,
            gate=gate,
            inputs=INPUTS,
            problems=PROBLEMS,
            limiter=limiter,
            metrics=metrics,
            log=self.request_log,
            fanout=fanout,
            identity=IDENTITY,
        )
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
                health=backends.health,
                ready=lambda: self.ready,
            ),
            gateways={_GRAPHQL: graphql.routes} | graphiql.files(_GRAPHQL, _EXAMPLES),
            sockets=Sockets(
                {"/": self.hub, "/ws": self.hub, _GRAPHQL: self.graphql}, settings.cors_origins
            ),
            lifespan=self,
            limiter=limiter,
            documents=Documents(_TITLE, "/openapi.json"),
            origins=settings.cors_origins,
            trusted_proxies=settings.trusted_proxies,
            secure=settings.public_url.startswith("https:"),
        )
        self._measure()

    @property
    def bus(self) -> Bus:
        """What carries events here."""
        return self.backends.bus

    @property
    def database(self) -> Database:
        """The data folder's. Raises RuntimeError where all is on servers."""
        if self.backends.database is None:
            raise RuntimeError("nothing is kept in a data folder here")
        return self.backends.database

    @property
    def inspection(self) -> Inspections:
        """What waits, and the idempotency records, wherever they are."""
        return self.backends.inspection

    def _measure(self) -> None:
        """The gauges that an operator watches."""
        gauge, backends = self.metrics.gauge, self.backends
        gauge(
            "outbox_events", "Events that wait in the outbox.", lambda: backends.backlog().waiting
        )
        gauge("outbox_age_seconds", "The oldest event's age.", lambda: backends.backlog().age)
        gauge("dead_letters", "Events that were given up.", lambda: backends.backlog().dead)
        if (database := backends.database) is not None:
            gauge("commits_waiting", "Commits under way.", lambda: database.waiting)

    def rpcs(self) -> GrpcServer:
        """The gRPC server, over the same gate. Its library is loaded by those that serve it."""
        from generated.grpc.budget_pb2 import Problem
        from generated.grpc.methods import METHODS
        from generated.grpc.methods import SERVICES as RPCS
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
        return GrpcServer(methods, RPCS, listening)

    async def start(self) -> None:
        """Begins to deliver events; ready when it returns."""
        await self.backends.start(self.consumers)
        await self.hub.start()
        await self.graphql.start()
        if (connected := self.backends.connected) is not None:
            following = follow_revocations(self.fanout, IDENTITY, self._known, connected)
            self._following = asyncio.create_task(following)
        if self.backends.index.needs_rebuild:
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
        self.hub.close()
        self.graphql.close()
        self.fanout.close()

    async def stop(self) -> None:
        """Takes no new work, lets what runs end, and closes the stores."""
        self.drain()
        await self.graphql.stop()
        if self._rebuilding is not None:
            self._rebuilding.cancel()
            await asyncio.gather(self._rebuilding, return_exceptions=True)
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self.hub.stop()
        await self.backends.stop()
        if self.apart is not None:
            await self.apart.close()
        self.monitor.close()
        self.passwords.close()

    async def drained(self) -> bool:
        """Waits until every event has had its effect; False for a guest: its server sees to it."""
        return self.ready and await self.backends.drained(60)

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


def _apart(settings: Settings, tokens: AccessTokens, clock: Clock, fanout: Fanout) -> Apart:
    """The services of other processes; gRPC is loaded by those that ask it."""
    from apart import Apart

    return Apart(settings, tokens=tokens, clock=clock, fanout=fanout)


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
    services: Collection[str] | None = None,
) -> Platform:
    """The platform over `settings`. Raises SettingsError, and CannotOpen for the data folder.

    `services`: those that run here, all of them where it says nothing; none is a gateway, which
    runs none and answers by asking.
    """
    settings.require_adapters(BACKENDS)
    missing = [each.code for each in PLATFORM_PROBLEMS if each.code not in PROBLEMS]
    if missing:
        raise RuntimeError(f"specs/openapi.yaml: x-problems lacks {', '.join(missing)}")
    here = SERVICES if services is None else services
    if len(here) < len(SERVICES):
        settings.require_shared()
    clock = clock or SystemClock()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    limiter = Limiter(settings.rate_limit_factor)
    backends = await Backends.open(
        settings, here, clock=clock, ids=TypeIds(), limiter=limiter, guest=guest
    )
    return Platform(
        settings,
        backends,
        here,
        limiter=limiter,
        passwords=passwords or Passwords(),
        log=log or LogWriter(sys.stdout.buffer),
        interpreted=interpreted,
    )


async def run(
    settings: Settings, *, interpreted: bool = False, services: Collection[str] | None = None
) -> None:
    """Serves until it is told to stop."""
    from runtime.serve import serve

    log = LogWriter(sys.stdout.buffer)
    install(log, settings.log_level)
    platform = await build(settings, log=log, interpreted=interpreted, services=services)
    try:
        rpcs = platform.rpcs()
    except BaseException:
        await platform.stop()
        raise
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
        servers = settings.configured_backends()
        kept = f"on {', '.join(servers)}" if servers else "everything embedded"
        logger.info("ready at %s (docs: %s/docs), %s", where, where, kept)
        if services is not None:
            logger.info("runs here: %s", ", ".join(sorted(services)) or "no service, as a gateway")
        logger.info("gRPC at %s", rpcs)

    try:
        await serve(
            platform.edge,
            settings.host,
            settings.port,
            start=start,
            drain=drain,
            part=platform.hub.part,
            stop=stop,
            ready=ready,
        )
    finally:
        log.close()


async def administer(settings: Settings, work: Callable[[Platform], Awaitable[T]]) -> T:
    """Does one piece of work for the command line: beside the server that runs, or in its place."""
    log = LogWriter(sys.stderr.buffer)
    install(log, "warning")
    # Of what is written beside a server that one delivers the events.
    guest = bool(settings.configured_backends())
    try:
        platform = await build(settings, log=log, guest=guest)
        if not guest:
            await platform.start()
    except InUse:
        platform = await build(settings, log=log, guest=True)
    try:
        return await work(platform)
    finally:
        await platform.stop()
        log.close()


async def visit(settings: Settings, work: Callable[[Platform], Awaitable[T]]) -> T:
    """Has one look for the command line, beside whatever runs: it delivers no event meanwhile."""
    log = LogWriter(sys.stderr.buffer)
    install(log, "warning")
    platform = await build(settings, log=log, guest=True)
    try:
        return await work(platform)
    finally:
        await platform.stop()
        log.close()
