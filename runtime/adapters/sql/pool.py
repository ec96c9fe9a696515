"""Connections with a worker each, which takes the next job that waits.

A job belongs to its worker, not to its caller: who is cancelled, as when a client hangs up, costs
no connection, and a commit that has begun comes to its end. A job that is not done within
`patience` ends with its connection: that is how a server that hangs is noticed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from runtime.adapters.sql.driver import Again, Busy, Connection, Driver, Gone, Refused, unavailable
from runtime.problem import Problem

log = logging.getLogger("runtime.storage")

T = TypeVar("T")

# Jobs that may wait: beyond it the server does not keep up, and waiting longer helps nobody.
MOST_WAITING = 10_000
# How often a commit that met a deadlock is tried.
_ATTEMPTS = 6
# After a refused connection none is tried for so long, in seconds: what waits fails at once.
_REFUSAL_HOLDS = 0.25
_PARTING = 2.0


class _Job(Generic[T]):
    __slots__ = ("connection", "done", "future", "repeatable", "timer", "work")

    def __init__(
        self,
        work: Callable[[Connection], Awaitable[T]],
        repeatable: bool,
        loop: asyncio.AbstractEventLoop,
        patience: float,
    ) -> None:
        self.work = work
        self.repeatable = repeatable
        self.future: asyncio.Future[T] = loop.create_future()
        self.connection: Connection | None = None
        self.done = False
        self.timer = loop.call_later(patience, self._expire)

    def _expire(self) -> None:
        if not self.future.done():
            self.future.set_exception(unavailable())
        if not self.done and self.connection is not None:
            self.connection.abort()


class Pool:
    """At most `size` connections, opened as they are needed."""

    def __init__(self, driver: Driver, *, name: str, size: int, patience: float) -> None:
        """`patience`: seconds that a job may take, waiting included. `name` is for the log."""
        self._driver = driver
        self._name = name
        self._size = size
        self._patience = patience
        self._jobs: deque[_Job[Any]] = deque()
        # The one that was busy last is woken first: few connections are warm, the others idle.
        self._idle: list[asyncio.Future[None]] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._live: set[Connection] = set()
        self._closed = False
        self._refused_until = 0.0

    @property
    def waiting(self) -> int:
        """Jobs that no connection has taken yet, for the metrics."""
        return len(self._jobs)

    async def run(
        self, work: Callable[[Connection], Awaitable[T]], *, repeatable: bool = False
    ) -> T:
        """Has a worker do `work`; `repeatable` work is done again when its connection was lost.

        Raises Unavailable, and what `work` raises.
        """
        if self._closed or len(self._jobs) >= MOST_WAITING:
            raise unavailable()
        loop = asyncio.get_running_loop()
        job = _Job(work, repeatable, loop, self._patience)
        self._jobs.append(job)
        if not self._wake() and len(self._workers) < self._size and self._may_grow():
            worker = loop.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await job.future

    async def close(self) -> None:
        """Takes no more jobs, lets those that wait be done, and closes the connections."""
        self._closed = True
        for waiter in self._idle:
            if not waiter.done():
                waiter.set_result(None)
        if self._workers:
            # Each job ends within its patience, so this does.
            await asyncio.wait(self._workers, timeout=self._patience + _PARTING)
        left = list(self._workers)
        for worker in left:
            worker.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _wake(self) -> bool:
        """Has an idle worker look for a job; False where none is idle."""
        while self._idle:
            waiter = self._idle.pop()
            if not waiter.done():
                waiter.set_result(None)
                return True
        return False

    def _others(self) -> bool:
        """Whether there is a connection that works, as far as is known."""
        return any(not connection.closed for connection in self._live)

    def _may_grow(self) -> bool:
        """While no more connections are given, those that there are do the work."""
        return asyncio.get_running_loop().time() >= self._refused_until or not self._others()

    async def _work(self) -> None:
        connection: Connection | None = None
        try:
            while True:
                while not self._jobs:
                    if self._closed:
                        return
                    waiter = asyncio.get_running_loop().create_future()
                    self._idle.append(waiter)
                    await waiter
                job = self._jobs.popleft()
                if job.future.done():
                    job.timer.cancel()
                    continue
                try:
                    connection = await self._do(job, connection)
                except _LeftToOthers:
                    self._jobs.appendleft(job)
                    self._wake()
                    return
        finally:
            if connection is not None:
                self._live.discard(connection)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PARTING):
                        await connection.close()
                connection.abort()

    async def _do(self, job: _Job[Any], connection: Connection | None) -> Connection | None:
        """Does one job; answers the connection, if it is good for more. Raises _LeftToOthers."""
        result: Any = None
        error: BaseException | None = None
        for attempt in range(1, _ATTEMPTS + 1):
            error = None
            fresh = connection is None or connection.closed
            try:
                if connection is None or connection.closed:
                    if connection is not None:
                        self._live.discard(connection)
                        connection = None
                    connection = await self._connect()
                    self._live.add(connection)
                job.connection = connection
                result = await job.work(connection)
            except Gone as gone:
                if connection is not None:
                    connection.abort()
                    self._live.discard(connection)
                connection = None
                job.connection = None
                error = unavailable()
                error.__cause__ = gone
                if job.repeatable and not fresh and not job.future.done():
                    continue
                log.warning("%s: a connection was lost", self._name)
            except Again as again:
                error = unavailable()
                error.__cause__ = again
                if attempt < _ATTEMPTS and not job.future.done():
                    # Not all at once: they met because they came together.
                    pause = random.uniform(0.2, 1.0) * 0.01 * attempt  # noqa: S311 # nosec B311 # guards no secret
                    await asyncio.sleep(pause)
                    continue
            except Busy as busy:
                error = unavailable()
                error.__cause__ = busy
            except _LeftToOthers:
                raise
            except Problem as problem:
                error = problem
            except asyncio.CancelledError:
                error = unavailable()
                self._settle(job, None, error)
                raise
            except Exception as other:
                error = other
            break
        self._settle(job, result, error)
        return connection

    def _settle(self, job: _Job[Any], result: Any, error: BaseException | None) -> None:
        job.done = True
        job.connection = None
        job.timer.cancel()
        if job.future.done():
            return
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)

    async def _connect(self) -> Connection:
        """A new connection. Raises _LeftToOthers where others work, else Unavailable.

        Who gets none must not take the jobs away from those that have one, to fail them.
        """
        loop = asyncio.get_running_loop()
        if loop.time() >= self._refused_until:
            try:
                return await self._driver.connect()
            except Refused as refused:
                self._refused_until = loop.time() + _REFUSAL_HOLDS
                log.error("%s: %s", self._name, refused)
        if self._others():
            raise _LeftToOthers
        raise unavailable()


class _LeftToOthers(Exception):
    """No connection is given, but there are some."""
