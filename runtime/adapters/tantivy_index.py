"""The embedded search index: tantivy in a folder.

One thread writes: calls that wait while it commits share the next commit. Searches run on two other
threads: tantivy lets go of the interpreter, and even in an index of 100 documents a search takes
0.3 to 2 ms, the way to a thread 0.1. A rebuild fills a new generation of the index beside the
current one; what is applied meanwhile goes to both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from tantivy import Searcher

from runtime.adapters.tantivy_answer import found, suggested
from runtime.adapters.tantivy_folder import IndexFolder, IndexInUse
from runtime.adapters.tantivy_generation import BudgetGone, Generation, Gone, Op, Put
from runtime.adapters.tantivy_queue import IndexClosed, Work, WriteQueue
from runtime.ports import Found, SearchDocument, SearchQuery

__all__ = ["IndexClosed", "IndexFailed", "IndexInUse", "TantivyIndex"]

_REFILL = 500  # documents of a rebuild between which waiting calls get their turn

P = ParamSpec("P")
T = TypeVar("T")


class IndexFailed(RuntimeError):
    """tantivy panicked: its files are damaged (a rebuild helps), or it has met a bug."""


def _today() -> date:
    return datetime.now(UTC).date()


def _guarded(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`call`'s result. A Rust panic is no Exception and would end the server: it becomes one."""
    try:
        return call(*args, **kwargs)
    except (Exception, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as panic:
        raise IndexFailed(str(panic)) from panic


class TantivyIndex:
    """SearchIndex in `folder`, which it makes where there is none. Raises IndexInUse.

    What cannot be read is set aside and an empty index takes its place: see `needs_rebuild`.
    """

    def __init__(self, folder: Path, *, today: Callable[[], date] = _today) -> None:
        self.path = folder
        self._today = today
        self._folder = IndexFolder(folder)
        try:
            self._live, self._complete = self._opened()
        except BaseException:
            self._folder.release()
            raise
        self._next: Generation | None = None
        self._next_failed: Exception | None = None
        self._rebuilds = asyncio.Lock()
        self._queue = WriteQueue(self._write)
        self._readers = ThreadPoolExecutor(2, "search-read")

    def _opened(self) -> tuple[Generation, bool]:
        current = self._folder.current()
        if current is not None:
            self._folder.sweep(keep=current[0])
            try:
                return _guarded(Generation.open, current[0], self._today), current[1]
            except Exception:  # whatever is wrong with it, the store can fill another
                current = None
        self._folder.set_aside()
        generation = Generation.create(self._folder.next(), self._today)
        self._folder.switch(generation.path, complete=False)
        self._folder.sweep(keep=generation.path)
        return generation, False

    @property
    def needs_rebuild(self) -> bool:
        """Whether the index began empty (new, damaged, other format) and was not rebuilt yet."""
        return not self._complete

    @property
    def documents(self) -> int:
        """How many documents there are, remembered deletions included."""
        return self._live.documents

    async def close(self) -> None:
        """Finishes what was asked for, and lets another open the folder."""
        if not self._queue.closed:
            await self._queue.close(self._shut)
            await asyncio.to_thread(self._readers.shutdown)
            self._folder.release()

    # --- reading ----------------------------------------------------------------------------------

    async def search(self, query: SearchQuery) -> Found:
        """See SearchIndex."""
        return await self._read(lambda searcher: found(searcher, query))

    async def suggest(
        self,
        budgets: Sequence[str],
        prefix: str,
        limit: int,
        fields: Sequence[str] = ("description", "category"),
    ) -> list[str]:
        """See SearchIndex."""
        return await self._read(lambda s: suggested(s, budgets, prefix, limit, fields))

    async def _read(self, answer: Callable[[Searcher], T]) -> T:
        if self._queue.closed:
            raise IndexClosed("the search index is closed")
        searcher = self._live.searcher()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, _guarded, answer, searcher)

    # --- writing ----------------------------------------------------------------------------------

    async def apply(self, put: Sequence[SearchDocument], delete: Mapping[str, int]) -> None:
        """See SearchIndex. Raises OverflowError or ValueError for what cannot be indexed."""
        ops: list[Op] = [Put(document) for document in put]
        ops += [Gone(id, version) for id, version in delete.items()]
        if ops:
            await self._queue.do(ops)

    async def delete_budget(self, budget_id: str) -> None:
        """See SearchIndex."""
        await self._queue.do([BudgetGone(budget_id)])

    # What follows runs on the writing thread.

    def _write(self, work: list[Work]) -> list[Exception | None]:
        groups = [ops for ops in work if isinstance(ops, list)]
        try:
            if groups:
                return self._write_both(groups)
            for step in work:
                if not isinstance(step, list):
                    _guarded(step)
            return [None]
        except Exception as error:
            return [error] * len(work)

    def _write_both(self, groups: list[list[Op]]) -> list[Exception | None]:
        failed = _guarded(self._live.write, groups)
        if self._next is not None and self._next_failed is None:
            good = [ops for ops, error in zip(groups, failed, strict=True) if error is None]
            try:
                _guarded(self._next.write, good, commit=False)
            except Exception as error:  # the rebuild's: those who wait here are served
                self._next_failed = error
        return failed

    def _shut(self) -> None:
        self._abandon()
        self._live.close()

    # --- rebuilding -------------------------------------------------------------------------------

    async def rebuild(self, documents: AsyncIterator[SearchDocument]) -> int:
        """See SearchIndex. One at a time: another waits. Where it fails, the old index stays."""
        taken = 0
        async with self._rebuilds:
            await self._queue.do(self._begin)
            try:
                batch: list[SearchDocument] = []
                async for document in documents:
                    batch.append(document)
                    if len(batch) == _REFILL:
                        taken += len(batch)
                        await self._queue.do(partial(self._refill, batch))
                        batch = []
                await self._queue.do(partial(self._refill, batch))
                await self._queue.do(self._finish)
            except BaseException:
                if not self._queue.closed:
                    self._queue.do(self._abandon).add_done_callback(_heard)
                raise
        return taken + len(batch)

    # What follows runs on the writing thread.

    def _begin(self) -> None:
        self._next = Generation.create(self._folder.next(), self._today)
        self._next_failed = None

    def _refill(self, batch: list[SearchDocument]) -> None:
        for error in self._filled().write([[Put(document)] for document in batch], commit=False):
            if error is not None:
                raise error

    def _finish(self) -> None:
        new, old = self._filled(), self._live
        new.commit()
        new.inherit(old)
        self._folder.switch(new.path, complete=True)
        self._live, self._next, self._complete = new, None, True
        old.close()
        self._folder.sweep(keep=new.path)

    def _filled(self) -> Generation:
        if self._next is None or self._next_failed is not None:
            raise self._next_failed or IndexFailed("the rebuild was abandoned")
        return self._next

    def _abandon(self) -> None:
        if self._next is not None:
            failed, self._next = self._next, None
            failed.close()
        self._folder.sweep(keep=self._live.path)


def _heard(done: asyncio.Future[None]) -> None:
    """Takes an error that nobody waits for: the one before it is raised already."""
    if not done.cancelled():
        done.exception()
