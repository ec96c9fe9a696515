"""The one thread that writes: it takes all commits that wait and makes them one transaction.

A commit costs one fsync however many travel in it, and the event loop never waits for the disk.
Measured at synchronous=FULL with 64 tasks: 40 µs of CPU a commit, against 215 one by one on the
loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import apsw

from runtime.problem import Unavailable

log = logging.getLogger("runtime.storage")

T = TypeVar("T")

# Commits in one transaction: enough to share the fsync, so few that the first waits not long.
MOST_TOGETHER = 512
# Commits that may wait: beyond it the disk does not keep up, and waiting longer helps nobody.
MOST_WAITING = 10_000

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
    """One commit: `run` writes, in the writer's thread, and what it raises undoes what it wrote.

    `several`: it is more than one statement; `emits`: it puts something into the outbox.
    """

    __slots__ = ("future",)
    several = True
    emits = False
    future: asyncio.Future[T]

    def run(self, cursor: apsw.Cursor) -> T:
        """Writes."""
        raise NotImplementedError

    def settled(self, error: BaseException | None) -> None:
        """Called on the event loop once the outcome is known, awaited or not."""


class Writer:
    """The thread, its connection and its queue."""

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
        self._queue: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._waiting = 0
        self._closed = False
        # The last group failed for the disk's or the file's sake.
        self.failing = False
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
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
        self._queue.put(job)
        return job.future

    async def stop(self) -> None:
        """Commits what waits, then ends the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # --- in the thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        get = self._queue.get
        open_ = True
        while open_:
            group: list[Job[Any]] = []
            job = get()
            with contextlib.suppress(Empty):
                while job is not None:
                    group.append(job)
                    if len(group) == MOST_TOGETHER:
                        break
                    job = get(block=False)
            open_ = job is not None
            if group:
                self._commit(group)

    def _commit(self, group: list[Job[Any]]) -> None:
        outcomes: list[Any] = []
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
            alone = len(group) == 1
            for job in group:
                outcomes.append(self._attempt(job, savepoint=job.several and not alone))
            if self._connection.in_transaction:
                self._cursor.execute("COMMIT")
            self.failing = False
            self._committed()
        except Exception as error:
            # Whatever happened, nothing of this group stays, and the thread goes on.
            with contextlib.suppress(apsw.Error):
                if self._connection.in_transaction:
                    self._cursor.execute("ROLLBACK")
            self.failing = True
            log.error("could not commit: %s: %s", type(error).__name__, error)
            outcomes = [_Raised(unavailable()) for _ in group]
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._hand_back, group, outcomes)

    def _attempt(self, job: Job[T], savepoint: bool) -> T | _Raised:
        """Runs one job, so that its failure leaves nothing behind and its neighbours whole."""
        if job.future.cancelled():
            return _Raised(asyncio.CancelledError())
        cursor = self._cursor
        if savepoint:
            cursor.execute("SAVEPOINT one")
        try:
            result = job.run(cursor)
        except BROKEN:
            raise
        except Exception as error:
            if savepoint:
                cursor.execute("ROLLBACK TO one")
                cursor.execute("RELEASE one")
            elif job.several:
                cursor.execute("ROLLBACK")
            # else: a single statement that fails undoes itself.
            return _Raised(error)
        if savepoint:
            cursor.execute("RELEASE one")
        return result

    # --- on the loop ------------------------------------------------------------------------------

    def _hand_back(self, group: Sequence[Job[Any]], outcomes: Sequence[Any]) -> None:
        emitted = False
        self._waiting -= len(group)
        for job, outcome in zip(group, outcomes, strict=True):
            future = job.future
            if type(outcome) is _Raised:
                job.settled(outcome.error)
                if not future.done():
                    future.set_exception(outcome.error)
            else:
                emitted = emitted or job.emits
                job.settled(None)
                if not future.done():
                    future.set_result(outcome)
        if emitted:
            self._emitted()


class _Raised:
    """An outcome that is an exception."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error
