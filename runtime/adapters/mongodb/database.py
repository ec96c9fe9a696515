"""The connection to MongoDB that a process's stores share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from runtime.adapters.clock import SystemClock
from runtime.ids import TypeIds
from runtime.ports import Clock, Ids
from runtime.problem import Problem, Unavailable

log = logging.getLogger("runtime.storage")

T = TypeVar("T")

Documents = AsyncDatabase[dict[str, Any]]
Bucket = AsyncCollection[dict[str, Any]]

# Seconds that one operation may take, its retries included: less than a call's deadline (5 s).
PATIENCE = 4.0
# Seconds until a server that is not there, or does not answer, has been looked for in vain.
_SELECTION = 2.5
# Seconds that the start waits.
_OPENING = 9.0
# What is known to be on most members, so that no failover takes it back.
MAJORITY = WriteConcern("majority")
# Where the address names no database.
_DATABASE = "budget"


class CannotReach(Exception):
    """MongoDB cannot be used. The message names the variable and the servers, never a password."""


class MongoDatabase:
    """The client, opened by `MongoDatabase.open` in the loop that uses it.

    Reads go to the primary and see what most members have: all that was acknowledged before, since
    a write is acknowledged when most members have it.
    """

    name = "mongodb"

    def __init__(
        self,
        client: AsyncMongoClient[dict[str, Any]],
        name: str,
        clock: Clock,
        ids: Ids,
        patience: float,
    ) -> None:
        """Use `open`."""
        self.client = client
        self.patience = patience
        self.clock = clock
        self.ids = ids
        self.documents: Documents = client.get_database(
            name,
            # Naive dates, as the codecs know that they are UTC: the driver's zone costs 1 µs each.
            codec_options=CodecOptions(tz_aware=False),
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=MAJORITY,
        )
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._running: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(
        cls,
        uri: str,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        patience: float = PATIENCE,
    ) -> MongoDatabase:
        """Connects, within 10 s. `patience`: seconds that one operation may take.

        Raises CannotReach when no server answers, lets us in, or knows transactions.
        """
        if not uri.startswith(("mongodb://", "mongodb+srv://")):
            # The driver would take it for a host's name.
            raise CannotReach("MONGO_DB_URI: is no address: it begins with mongodb://")
        try:
            client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
                uri,
                appname="budget-manager",
                connectTimeoutMS=int(_SELECTION * 1000),
                serverSelectionTimeoutMS=int(_SELECTION * 1000),
                timeoutMS=int(patience * 1000),
                retryReads=True,
                retryWrites=True,
            )
        except Exception as error:
            # What it says may quote the address.
            raise CannotReach(f"MONGO_DB_URI: is no address ({type(error).__name__})") from None
        # The driver has seen to it that a password holds nothing that ends one.
        where = urlsplit(uri).netloc.rpartition("@")[2]
        name = client.get_default_database(_DATABASE).name
        database = cls(client, name, clock or SystemClock(), ids or TypeIds(), patience)
        try:
            async with asyncio.timeout(_OPENING):
                problem = await database._look()
        except (PyMongoError, TimeoutError) as error:
            await client.close()
            raise CannotReach(f"MONGO_DB_URI: {where} {_why(error)}") from None
        if problem:
            await client.close()
            raise CannotReach(f"MONGO_DB_URI: {where} {problem}")
        return database

    async def close(self) -> None:
        """Waits for what is under way, and disconnects."""
        while self._running:
            await asyncio.wait(self._running)
        await self.client.close()

    def bucket(self, name: str) -> Bucket:
        """The collection called `name`."""
        return self.documents[name]

    async def check(self) -> Problem | None:
        """The port `Health`: None when the primary answers and knows transactions."""
        try:
            problem = await self._look()
        except (PyMongoError, TimeoutError) as error:
            return self.unavailable(error)
        return Unavailable(f"MongoDB {problem}.", retry_after=1) if problem else None

    async def _look(self) -> str:
        """What is wrong with the server, if anything is."""
        hello = await self.documents.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            return (
                "is no replica set, and so has no transactions: start it with --replSet and "
                "call rs.initiate() once"
            )
        if hello["maxWireVersion"] < 17:
            return "is older than version 6"
        # Asked of what the address lets us see: a wrong password shows here, not at the first call.
        await self.bucket("none").find_one({"_id": "none"})
        return ""

    def unavailable(self, error: Exception) -> Unavailable:
        """What a caller sees when `error` kept it from the server; the cause is in the log."""
        log.error("MongoDB: %s: %s", type(error).__name__, _why(error))
        return Unavailable("The store does not answer.", retry_after=1)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns; it goes on when who awaits it is cancelled. Raises Unavailable.

        A transaction that is left open keeps what it wrote locked for a minute, and a driver that
        is cancelled gives up a good connection, or loses a socket where it was connecting.
        `patience` ends it all the same.
        """
        try:
            return await asyncio.shield(self.start(work))
        except PyMongoError as error:
            raise self.unavailable(error) from error

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that `close` waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ran)
        return task

    def _ran(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Also where nobody waits for it any more.
            task.exception()

    # --- events -----------------------------------------------------------------------------------

    def on_emitted(self, service: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after this process committed events of `service`."""
        listeners = self._listeners.setdefault(service, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def emitted(self, service: str) -> None:
        """Events of `service` were committed."""
        for listener in self._listeners.get(service, ()):
            listener()


def _why(error: Exception) -> str:
    """`error` in words that hold neither an address nor what was sent."""
    if isinstance(error, OperationFailure):
        code = (error.details or {}).get("codeName") or error.code
        return f"refuses us ({code})"
    return f"does not answer ({type(error).__name__})"
