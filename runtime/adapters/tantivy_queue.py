"""The way to the one thread that writes the embedded index: who waits together commits together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from runtime.adapters.tantivy_generation import Op

Work = list[Op] | Callable[[], None]  # one caller's operations, or a step that has the thread alone

_TOGETHER = 2000  # operations that share a commit, at most
# A commit costs 15 ms of CPU and more, however small, and later as much to be merged with others.
# After one, the next waits ten times as long as it took: a stream of single documents then takes a
# tenth of a core. Many at once do not wait.
_REST, _LONGEST_REST, _MANY = 10, 0.25, 1000


class IndexClosed(RuntimeError):
    """The index was closed."""


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work
    done: asyncio.Future[None]


class WriteQueue:
    """Hands work, in order, to `write` on a thread of its own.

    `write` takes either several callers' operations or one step; it returns each one's error and
    never raises. The event loop only counts.
    """

    def __init__(self, write: Callable[[list[Work]], list[Exception | None]]) -> None:
        self._write = write
        self._thread = ThreadPoolExecutor(1, "search-write")
        self._jobs: list[_Job] = []
        self._drain: asyncio.Task[None] | None = None
        self._rested_at = 0.0
        self.closed = False

    def do(self, work: Work) -> asyncio.Future[None]:
        """Queues `work`. It is done even where nobody waits for it any more."""
        if self.closed:
            raise IndexClosed("the search index is closed")
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future())
        self._jobs.append(job)
        if self._drain is None:
            self._drain = loop.create_task(self._drained())
        return job.done

    async def close(self, last: Callable[[], None]) -> None:
        """Takes no more, finishes what was queued, runs `last` and ends the thread."""
        self.closed = True
        if self._drain is not None:
            await self._drain
        await asyncio.get_running_loop().run_in_executor(self._thread, last)
        self._thread.shutdown()

    async def _drained(self) -> None:
        loop = asyncio.get_running_loop()
        while self._jobs:
            rest = self._rested_at - loop.time()
            if rest > 0 and not self.closed and self._waiting() < _MANY:
                await asyncio.sleep(rest)
            jobs = self._taken()
            began = loop.time()
            work = [job.work for job in jobs]
            failed = await loop.run_in_executor(self._thread, self._write, work)
            ended = loop.time()
            self._rested_at = ended + min(_REST * (ended - began), _LONGEST_REST)
            for job, error in zip(jobs, failed, strict=True):
                if job.done.done():
                    continue  # its caller was cancelled
                if error is None:
                    job.done.set_result(None)
                else:
                    job.done.set_exception(error)
        self._drain = None

    def _waiting(self) -> int:
        """How many operations wait; a step counts as many."""
        return sum(len(job.work) if isinstance(job.work, list) else _MANY for job in self._jobs)

    def _taken(self) -> list[_Job]:
        """The next step, or the operations before it that fit in one commit."""
        size = taken = 0
        for job in self._jobs:
            if not isinstance(job.work, list) or (taken and size + len(job.work) > _TOGETHER):
                break
            taken, size = taken + 1, size + len(job.work)
        taken = max(taken, 1)
        jobs, self._jobs = self._jobs[:taken], self._jobs[taken:]
        return jobs
