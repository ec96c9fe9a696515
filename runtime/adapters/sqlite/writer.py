"""Commits in groups: all that wait become one transaction, so that they share one fsync.

The statements run on the event loop, as they need the interpreter anyway; the thread has what takes
time without it: COMMIT with its fsync and checkpoints, and waiting for another process's lock. With
the statements in the thread as well, each of them waited for the interpreter, up to 5 ms: beside a
busy loop a commit took twice the CPU, and the slowest of a hundred 60 to 190 ms, not 20 to 80.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import apsw

from runtime.problem import Unavailable

log = logging.getLogger("runtime.storage")

T = TypeVar("T")

# Commits in one transaction: enough to share the fsync, few enough to let the loop go on (3 ms).
MOST_TOGETHER = 64
# Commits that may wait: beyond it the disk does not keep up, and waiting longer helps nobody.
MOST_WAITING = 10_000

# How long another process's transaction is waited for, in ms.
LONGEST_LOCK = 10_000

# What is wrong with the file or the disk, and so with every commit of the group.
BROKEN = (
    apsw.FullError,
    apsw.IOError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.NoMemError,
    apsw.InterruptError,
    apsw.ConnectionClosedError,
)


def unavailable() -> Unavailable:
    """What a caller sees when the file cannot be read or written; the cause is in the log."""
    return Unavailable("The store does not answer.", retry_after=1)


class Job(Generic[T]):
    """One commit: `run` writes, and what it raises undoes what it wrote. It may be run twice.

    `emits`: it puts something into the outbox.
    """

    __slots__ = ("future", "result")
    emits = False
    future: asyncio.Future[T]
    result: T

    def run(self, cursor: apsw.Cursor) -> T:
        """Writes with the cursor it is given."""
        raise NotImplementedError

    def settled(self, error: BaseException | None) -> None:
        """Called on the event loop once the outcome is known, awaited or not."""


class Writer:
    """The connection that writes, and the thread that makes it durable."""

    def __init__(
        self,
        connection: apsw.Connection,
        loop: asyncio.AbstractEventLoop,
        committed: Callable[[], None],
        emitted: Callable[[], None],
    ) -> None:
        """Calls `committed` in the thread after a commit, `emitted` on the loop after events."""
        self._connection = connection
        self._cursor = connection.cursor()
        self._loop = loop
        self._committed = committed
        self._emitted = emitted
        self._jobs: deque[Job[Any]] = deque()
        self._waiting = 0
        self._closed = False
        # A group is under way.
        self._busy = False
        self._idle = asyncio.Event()
        # The last group failed for the disk's or the file's sake.
        self.failing = False
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="sqlite-commit", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Commits whose outcome is not known yet."""
        return self._waiting

    def submit(self, job: Job[T]) -> asyncio.Future[T]:
        """Queues a job. Cancelling the future drops it if it has not begun. Raises Unavailable."""
        if self._closed or self._waiting >= MOST_WAITING:
            raise unavailable()
        self._waiting += 1
        job.future = self._loop.create_future()
        self._jobs.append(job)
        if not self._busy:
            self._busy = True
            # Not now: what else is submitted in this tick comes along.
            self._loop.call_soon(self._next)
        return job.future

    async def stop(self) -> None:
        """Commits what waits, then ends the thread."""
        self._closed = True
        while self._busy:
            self._idle.clear()
            await self._idle.wait()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # --- on the loop ------------------------------------------------------------------------------

    def _next(self) -> None:
        jobs = self._jobs
        group = [jobs.popleft() for _ in range(min(len(jobs), MOST_TOGETHER))]
        if group:
            self._begin(group, savepoints=False)
        else:
            self._busy = False
            self._idle.set()

    def _begin(self, group: list[Job[Any]], savepoints: bool) -> None:
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            # Another process writes: the thread waits for it.
            self._queue.put(lambda: self._wait_for_lock(group, savepoints))
        except Exception as error:
            self._broken(group, error)
        else:
            self._run(group, savepoints)

    def _run(self, group: list[Job[Any]], savepoints: bool) -> None:
        """Runs the jobs in the open transaction, and has it committed."""
        try:
            refused = self._attempt(group, savepoints)
            if refused is None or len(refused) == len(group):
                self._cursor.execute("ROLLBACK")
        except Exception as error:
            self._broken(group, error)
            return
        if refused is None:
            self._begin(group, savepoints=True)
            return
        for job, refusal in refused.items():
            self._settle(job, refusal)
        if len(refused) == len(group):
            self._next()
        else:
            done = [job for job in group if job not in refused]
            self._queue.put(lambda: self._commit(done))

    def _attempt(
        self, group: list[Job[Any]], savepoints: bool
    ) -> dict[Job[Any], BaseException] | None:
        """Runs each job; answers those that are refused, which leave nothing behind.

        None, when one was refused after it had written and has no savepoint to go back to. That is
        rare, as what guards a commit runs first, and a savepoint costs 8 µs, so few pay for it.
        """
        cursor = self._cursor
        written = self._connection.total_changes
        refused: dict[Job[Any], BaseException] = {}
        for job in group:
            if job.future.cancelled():
                refused[job] = asyncio.CancelledError()
                continue
            before = written()
            if savepoints:
                cursor.execute("SAVEPOINT one")
            try:
                job.result = job.run(cursor)
            except BROKEN:
                raise
            except Exception as error:
                if savepoints:
                    cursor.execute("ROLLBACK TO one")
                elif written() != before and len(group) > 1:
                    return None
                refused[job] = error
            if savepoints:
                cursor.execute("RELEASE one")
        return refused

    def _settle(self, job: Job[Any], error: BaseException | None) -> None:
        self._waiting -= 1
        job.settled(error)
        future = job.future
        if not future.done():
            if error is None:
                future.set_result(job.result)
            else:
                future.set_exception(error)

    def _broken(self, group: Sequence[Job[Any]], error: Exception) -> None:
        """Whatever happened, nothing of this group stays, and the next one is tried."""
        with contextlib.suppress(apsw.Error):
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")
        self.failing = True
        log.error("could not commit: %s: %s", type(error).__name__, error)
        self._loop.call_soon(self._next)
        for job in group:
            self._settle(job, unavailable())

    def _durable(self, group: Sequence[Job[Any]]) -> None:
        self.failing = False
        # Not now: those that waited may have more to commit.
        self._loop.call_soon(self._next)
        emitted = False
        for job in group:
            emitted = emitted or job.emits
            self._settle(job, None)
        if emitted:
            self._emitted()

    # --- in the thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            task()

    def _commit(self, group: Sequence[Job[Any]]) -> None:
        try:
            self._cursor.execute("COMMIT")
            self._committed()
        except Exception as error:
            self._hand_back(self._broken, group, error)
        else:
            self._hand_back(self._durable, group)

    def _wait_for_lock(self, group: list[Job[Any]], savepoints: bool) -> None:
        self._connection.set_busy_timeout(LONGEST_LOCK)
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except Exception as error:
            self._hand_back(self._broken, group, error)
        else:
            self._hand_back(self._run, group, savepoints)
        finally:
            self._connection.set_busy_timeout(0)

    def _hand_back(self, call: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, *arguments)
