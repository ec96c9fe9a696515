"""One database of a SQL server, as the stores of a process share it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from runtime.adapters.clock import SystemClock, milliseconds
from runtime.adapters.sql.driver import Connection, Dialect, Driver, Listening, Refused, unavailable
from runtime.adapters.sql.pool import Pool
from runtime.ids import TypeIds
from runtime.ports import Clock, Ids
from runtime.problem import Problem, Unavailable
from runtime.settings import SettingsError
from runtime.table import Row

log = logging.getLogger("runtime.storage")

T = TypeVar("T")

IDEMPOTENCY_KEPT = timedelta(hours=24)
INBOX_KEPT = timedelta(days=7)
# Seconds that a statement may take, waiting for a connection included: below the contract's
# deadlines (5 s), so that a caller is told why.
PATIENCE = 4.0
# Fewer than the cores of a small server can use at once are not worth having; more only wait there.
CONNECTIONS = 10
# Seconds that the start waits for a server that is on its way up; together with the patience for
# the first statement, below the 10 that a start may take to fail.
OPEN_WITHIN = 5.0
_SWEEP_EVERY = 600.0
_SWEPT = 500
# Seconds that a process is the one that sweeps.
_SWEEP_LEASE = 120.0
_NEW_LEASE = """INSERT INTO "leases" ("id", "holder", "until") VALUES ($1, '', 0)"""


class SqlDatabase:
    """Connections to one database; opened by `open` in the loop that uses it."""

    def __init__(
        self,
        driver: Driver,
        dialect: Dialect,
        *,
        variable: str,
        clock: Clock | None,
        ids: Ids | None,
        connections: int,
        patience: float,
    ) -> None:
        """Use `open`."""
        self.name = dialect.name
        self.dialect = dialect
        self.clock: Clock = clock or SystemClock()
        self.ids: Ids = ids or TypeIds()
        # Who we are to the other processes, for leases.
        self.holder = secrets.token_hex(12)
        self._variable = variable
        self._pool = Pool(driver, name=dialect.name, size=connections, patience=patience)
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._leases: set[str] = set()
        self._tending: asyncio.Task[None] | None = None
        self._driver = driver
        self._listening: Listening | None = None

    @classmethod
    async def open(
        cls,
        driver: Driver,
        dialect: Dialect,
        *,
        variable: str,
        revision: str,
        clock: Clock | None = None,
        ids: Ids | None = None,
        connections: int = CONNECTIONS,
        patience: float = PATIENCE,
        within: float = OPEN_WITHIN,
    ) -> SqlDatabase:
        """Connects, within so many seconds, and looks whether the database has `revision`.

        Raises SettingsError, which names `variable` and nothing that it holds.
        """
        await reach(driver, variable, within)
        database = cls(
            driver,
            dialect,
            variable=variable,
            clock=clock,
            ids=ids,
            connections=connections,
            patience=patience,
        )
        try:
            await database._expect(revision)
        except BaseException:
            await database.close()
            raise
        database._tending = asyncio.get_running_loop().create_task(database._tend())
        database._listening = driver.listen(database.emitted)
        return database

    async def close(self) -> None:
        """Lets what is under way end, gives leases back, and closes the connections."""
        if self._listening is not None:
            await self._listening.close()
        if self._tending is not None:
            self._tending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tending
        if self._leases:
            with contextlib.suppress(Exception):
                await self.write(
                    'UPDATE "leases" SET "until" = 0 WHERE "holder" = $1', (self.holder,)
                )
        await self._pool.close()

    # --- reading and writing ----------------------------------------------------------------------

    async def read(self, sql: str, row: Sequence[Any] = ()) -> Sequence[Row]:
        """The rows of one statement. Raises Unavailable; ValueError for a value of a wrong type."""
        return await self._pool.run(lambda connection: connection.fetch(sql, row), repeatable=True)

    async def write(self, sql: str, row: Sequence[Any] = ()) -> int:
        """How many rows one statement changed. Raises Unavailable."""
        return await self._pool.run(lambda connection: connection.execute(sql, row))

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Has `work` done on a connection. Raises Unavailable, and what `work` raises."""
        return await self._pool.run(work)

    @property
    def waiting(self) -> int:
        """Statements that wait for a connection, for the metrics."""
        return self._pool.waiting

    async def check(self) -> Problem | None:
        """The port `Health`: None when the server answers within 2 seconds."""
        try:
            async with asyncio.timeout(2.0):
                await self.read("SELECT 1")
        except Problem as problem:
            return problem
        except TimeoutError:
            return unavailable()
        return None

    # --- processes side by side -------------------------------------------------------------------

    async def lease(self, name: str, seconds: float) -> bool:
        """Whether this process has the lease called `name` for so long from now on.

        One that another process has is given when that has not asked for it until its end. Raises
        Unavailable.
        """
        now = self.dialect.now
        sql = (
            f'UPDATE "leases" SET "holder" = $2, "until" = {now} + $3 '  # noqa: S608 # no value in it
            f'WHERE "id" = $1 AND ("holder" = $2 OR "until" < {now})'
        )
        row = (name, self.holder, float(seconds))
        if not await self.write(sql, row):
            known = name in self._leases or not await self.write(
                f"{_NEW_LEASE}{self.dialect.unless_there}", (name,)
            )
            if known or not await self.write(sql, row):
                return False
        self._leases.add(name)
        return True

    def on_emitted(self, service: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after events of `service` were committed; answers how to end that."""
        listeners = self._listeners.setdefault(service, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def emitted(self, service: str) -> None:
        """Events of `service` (empty: of any) were committed, here or by another process."""
        for name in (service,) if service else tuple(self._listeners):
            for listener in list(self._listeners.get(name, ())):
                listener()

    # --- looking after itself ---------------------------------------------------------------------

    async def sweep(self) -> int:
        """Deletes idempotency records and inbox marks past their time; answers how many.

        Only one process at a time does. Raises Unavailable.
        """
        if not await self.lease("sweep", _SWEEP_LEASE):
            return 0
        now = milliseconds(self.clock.now())
        swept = 0
        for table, kept in (("idempotency", IDEMPOTENCY_KEPT), ("inbox", INBOX_KEPT)):
            before = now - kept // timedelta(milliseconds=1)
            gone = _SWEPT
            while gone == _SWEPT:
                gone = await self.write(self.dialect.sweep.format(table), (before,))
                swept += gone
        return swept

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_EVERY)
            try:
                await self.sweep()
            except Unavailable:
                continue
            except Exception:
                log.exception("%s: could not sweep", self.name)

    async def _expect(self, revision: str) -> None:
        try:
            found = await self._revision()
        except Unavailable:
            raise SettingsError([f"{self._variable}: the server does not answer"]) from None
        if found >= revision:
            if found > revision:
                log.warning("%s: the database is of a newer version (%s)", self.name, found)
            return
        state = f"is at revision {found}" if found else "is empty"
        raise SettingsError(
            [
                f"{self._variable}: the database {state}, and this version needs {revision}: "
                "run `budget-manager migrate`"
            ]
        )

    async def _revision(self) -> str:
        """The migration that the database is at; empty where it has seen none."""
        try:
            rows = await self.read("SELECT version_num FROM alembic_version")
        except Problem:
            raise
        except Exception:
            return ""
        return max((row[0] for row in rows), default="")


async def reach(driver: Driver, variable: str, within: float = OPEN_WITHIN) -> None:
    """Waits until the server takes a connection. Raises SettingsError, which names `variable`."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while True:
        try:
            async with asyncio.timeout_at(until):
                connection = await driver.connect()
        except TimeoutError:
            raise SettingsError([f"{variable}: the server does not answer"]) from None
        except Refused as refused:
            if refused.final or loop.time() + 0.5 > until:
                raise SettingsError([f"{variable}: {refused}"]) from None
            await asyncio.sleep(0.5)
        else:
            await connection.close()
            return
