"""What the handlers' tests stand on: the embedded adapters in a folder, and a turnable clock."""

from __future__ import annotations

import asyncio
import email
import email.policy
import itertools
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from generated.events import CONSUMERS, EVENTS
from generated.operations import ROLES
from generated.storage import TABLES
from runtime.adapters.clock import TurnableClock, milliseconds
from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.fanout import LocalFanout
from runtime.adapters.mailfolder import MailFolder
from runtime.adapters.sqlite import Database, SqliteStore
from runtime.call import ANONYMOUS, Call, Caller
from runtime.ids import encode, uuid7
from runtime.operation import Operation
from runtime.paging import Pager
from runtime.ports import Consumer, Delivery, Envelope

SECRET = b"a secret that only the tests know"


class TurnedIds:
    """TypeIDs that are as old as the turnable clock says."""

    def __init__(self, clock: TurnableClock) -> None:
        self._clock = clock
        self._made = itertools.count()

    def new(self, prefix: str) -> str:
        """A new id; later ones of a millisecond sort behind."""
        beyond = next(self._made) * 250 % 1_000_000
        return f"{prefix}_{encode(uuid7(milliseconds(self._clock.now()) * 1_000_000 + beyond))}"


class World:
    """One process's adapters. `restart` is what a crash and a start leave: the files, no memory."""

    database: Database
    bus: EmbeddedBus

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = TurnableClock()
        self.ids = TurnedIds(self.clock)
        self.pager = Pager(SECRET)
        self.fanout = LocalFanout()
        self.mailer = MailFolder(folder / "mail", "budget@example.com", self.clock)

    async def open(self) -> None:
        """Opens the folder; the bus carries nothing before `carry`."""
        self._stores: dict[str, SqliteStore] = {}
        self.database = await Database.open(
            self.folder / "data", TABLES, clock=self.clock, ids=self.ids
        )
        self.bus = EmbeddedBus(self.database, first_delay=1.0, longest_delay=30.0, patience=10)

    async def close(self) -> None:
        """Stops the bus and closes the files."""
        await self.bus.stop()
        await self.database.close()

    async def restart(self) -> None:
        """Closes and opens again; stores and handlers have to be made anew."""
        await self.close()
        await self.open()

    def store(self, service: str) -> SqliteStore:
        """The entities of one service: one store, as its cache knows of its own commits only."""
        if service not in self._stores:
            self._stores[service] = SqliteStore(self.database, TABLES, service)
        return self._stores[service]

    async def carry(self, heard: list[Any] | None = None, **services: object) -> None:
        """Starts the bus with all consumers of these services: `carry(auth=handlers)`.

        `heard` gets every event that any service publishes.
        """
        consumers = [
            Consumer(
                name=rule.name,
                service=rule.service,
                channel=rule.channel,
                types=rule.types,
                decode=_decode,
                handle=getattr(services[rule.service], rule.method),
            )
            for rule in CONSUMERS
            if rule.service in services
        ]
        await self.bus.start([*consumers, *(() if heard is None else _ears(heard))])

    async def drained(self) -> None:
        """Waits until every event had its effect, and none was given up."""
        assert await self.bus.drained()
        assert await self.bus.dead_letters() == []

    async def turn(self, **span: float) -> None:
        """Turns the clock: `turn(minutes=10)`; what is due then is delivered."""
        self.clock.turn(timedelta(**span))
        self.bus.nudge(parked=True)

    def mails(self) -> list[EmailMessage]:
        """What was mailed, oldest first."""
        return [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in sorted((self.folder / "mail").glob("*.eml"))
        ]

    def mailed_token(self) -> str:
        """The token in the last mail."""
        found = re.search(r"token=([\w-]+)", self.mails()[-1].get_content())
        assert found
        return found[1]


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits until `holds`, for five seconds at most."""
    async with asyncio.timeout(5):
        while not await holds():  # noqa: ASYNC110 # what is waited for has no event of its own
            await asyncio.sleep(0)


def _ears(heard: list[Any]) -> Iterator[Consumer]:
    """One consumer a channel that takes all its events."""

    async def hear(batch: Sequence[Delivery[Any]]) -> None:
        heard.extend(delivery.event for delivery in batch)

    for channel in {rule.channel for rule in CONSUMERS}:
        types = frozenset(EVENTS)
        yield Consumer(f"hear {channel}", "tests", channel, types, decode=_decode, handle=hear)


def _decode(envelope: Envelope) -> Any:
    return EVENTS[envelope.type].decode(envelope)


def call(operation: Operation, caller: Caller = ANONYMOUS, **sent: Any) -> Call:
    """A call that the gate has let through."""
    made = Call(operation, "rest", "req_test", **sent)
    made.caller = caller
    return made


def somebody(world: World, role: str = "user", *, verified: bool = True) -> Caller:
    """A caller whose account no service knows."""
    scopes = ROLES[role]
    given = scopes if verified else ROLES["user"]
    return Caller(world.ids.new("usr"), world.ids.new("ses"), role, given, verified, scopes - given)
