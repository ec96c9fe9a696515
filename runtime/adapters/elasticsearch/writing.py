"""Writes to one index or alias: in bulk, late ones ignored, and seen by searches on return.

A refresh makes them seen. It costs the server more than the writes: who writes while one runs
shares the next (`refresh=wait_for` would wait for the next second).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from elasticsearch import AsyncElasticsearch

from runtime.adapters.elasticsearch.client import answering
from runtime.adapters.elasticsearch.encoding import Json, mark
from runtime.problem import Unavailable

# Bytes of one bulk request, about.
_LARGEST = 900_000
# While a rebuild switches nothing is written: it is tried again every so many seconds, at most so
# often. A rebuild that has not switched by then is dead, and what it left is undone.
_AGAIN, _TRIES = 0.02, 400
# Seconds for removing what may be much.
_LONG = 120.0
_EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


@dataclass(frozen=True, slots=True)
class Write:
    """One document as `id`. `version` is Elasticsearch's external one; None: whatever was there.

    `budget`: unless that budget was deleted.
    """

    id: str
    version: int | None
    source: Json
    budget: str | None = None


class Writer:
    """Writes to `index`: an alias, or with `alias` False the index itself."""

    def __init__(self, elastic: AsyncElasticsearch, index: str, *, alias: bool = True) -> None:
        self._elastic = elastic
        self._index = index
        self._alias = alias
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def write(self, writes: Sequence[Write], *, refresh: bool = True) -> None:
        """Durable, and seen by searches unless `refresh` is False. Late ones are ignored.

        Raises Unavailable; ValueError with all other writes done for what cannot be indexed.
        """
        left: Sequence[Write] = writes
        for attempt in range(_TRIES):
            left = await self._bulk(left)
            if not left:
                break
            if attempt == _TRIES // 2:
                await self._unblock()
            await asyncio.sleep(_AGAIN)
        else:
            raise Unavailable("The search index is being switched.", retry_after=1)
        await self._withdraw(writes)
        if refresh:
            await self.refresh()

    async def _bulk(self, writes: Sequence[Write]) -> list[Write]:
        """Those that were refused as a rebuild is switching; all others are done."""
        blocked: list[Write] = []
        refused: list[str] = []
        for some in _pieces(writes):
            lines: list[Json] = []
            for write in some:
                about: Json = {"_id": write.id}
                if write.version is not None:
                    about |= {"version": write.version, "version_type": "external"}
                lines += [{"index": about}, write.source]
            with answering():
                told = await self._elastic.bulk(
                    index=self._index,
                    operations=lines,
                    # Else a name that is no alias any more would become an index, with any fields.
                    require_alias=self._alias,
                    filter_path=["errors", "items.*.status", "items.*.error.type"],
                )
            if not told["errors"]:
                continue
            for write, item in zip(some, told["items"], strict=True):
                status, error = item["index"]["status"], item["index"].get("error", {})
                if status == 403:
                    blocked.append(write)
                elif status == 404 or status == 429 or status >= 500:
                    raise Unavailable("The search index cannot be written to now.")
                elif status >= 400 and status != 409:  # 409: something newer is there
                    refused.append(str(error.get("type")))
        if refused:
            raise ValueError(f"{len(refused)} documents cannot be indexed: {refused[0]}")
        return blocked

    async def _withdraw(self, writes: Sequence[Write]) -> None:
        """Takes back what belongs to a deleted budget.

        Looked up after the write: a deletion that comes later than this look finds what was
        written, as it removes after it has left its mark.
        """
        budgets = sorted({write.budget for write in writes if write.budget is not None})
        if not budgets:
            return
        with answering():
            told = await self._elastic.mget(
                index=self._index, ids=[mark(budget) for budget in budgets], source=False
            )
        found = {doc["_id"] for doc in told["docs"] if doc.get("found")}
        gone = [write for write in writes if write.budget and mark(write.budget) in found]
        if gone:
            lines: list[Json] = [{"delete": {"_id": write.id}} for write in gone]
            with answering():
                await self._elastic.bulk(
                    index=self._index, operations=lines, require_alias=self._alias
                )

    async def remove_budgets(self, budgets: Sequence[str]) -> None:
        """Removes all documents of these budgets, however many."""
        await self.remove({"terms": {"budget_id": list(budgets)}})

    async def remove(self, query: Json) -> None:
        """Removes what `query` finds, for searches too when it returns."""
        await self.refresh()
        with answering():
            await self._elastic.options(request_timeout=_LONG).delete_by_query(
                index=self._index, query=query, conflicts="proceed", refresh=True
            )

    async def refresh(self) -> None:
        """What was written until now is found when it returns."""
        # One that runs may have begun before our write was done: the next one counts.
        if self._next is None:
            self._next = asyncio.create_task(self._refresh_after(self._running))
        await asyncio.shield(self._next)

    async def _refresh_after(self, running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait([running])
        # From here on who writes needs another.
        self._running, self._next = self._next, None
        try:
            with answering():
                await self._elastic.indices.refresh(index=self._index)
        finally:
            if self._next is None:
                self._running = None

    async def _unblock(self) -> None:
        """Undoes what a rebuild has left that died while it switched."""
        with answering():
            await self._elastic.indices.put_settings(
                index=self._index, settings={"index.blocks.write": None}
            )


def _pieces(writes: Sequence[Write]) -> list[list[Write]]:
    """The writes in requests of a size that a server takes."""
    pieces: list[list[Write]] = []
    size = _LARGEST
    for write in writes:
        length = len(json.dumps(write.source))
        if size + length > _LARGEST or not pieces:
            pieces.append([])
            size = 0
        pieces[-1].append(write)
        size += length
    return pieces
