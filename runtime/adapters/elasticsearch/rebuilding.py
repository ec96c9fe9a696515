"""A new index beside the old one, and the switch to it without a search or a write lost.

Processes know nothing of each other's rebuilds: all write to the alias. What they write to the old
index meanwhile is copied over by its sequence numbers, more and more of it, until little is left;
then the old index takes no writes for the moment (writers wait), the rest is copied, and the alias
is moved. External versions decide between what was read and what was written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from runtime.adapters.elasticsearch.client import answering
from runtime.adapters.elasticsearch.encoding import Json, encoded, mark, marked, put_version
from runtime.adapters.elasticsearch.writing import Write, Writer
from runtime.ports import SearchDocument
from runtime.problem import Unavailable

log = logging.getLogger("runtime.elasticsearch")

_BATCH = 1000
# Documents that are few enough to be copied while writers wait.
_FEW = 500
_ROUNDS = 20
# Seconds for copying, and for a switch until the alias is moved: writers wait for 4 (writing.py).
_LONG, _LAST = 600.0, 2.5
# An index that no alias names and that is older was left by a rebuild that died.
_LEFT = timedelta(days=1)


class Rebuild:
    """One rebuild of the index behind `alias`; deletions before the day `oldest` are forgotten."""

    def __init__(self, elastic: AsyncElasticsearch, alias: str, oldest: int) -> None:
        self._elastic = elastic
        self._alias = alias
        self._oldest = oldest
        self._new = f"{alias}-{datetime.now(UTC):%Y%m%d%H%M%S}-{token_hex(3)}"
        self._writer = Writer(elastic, self._new, alias=False)
        self._blocked = self._moving = False

    async def run(self, documents: AsyncIterator[SearchDocument]) -> int:
        """Fills it, and switches; how many documents were taken. Raises Unavailable."""
        with answering():
            [self._old] = await self._elastic.indices.get_alias(name=self._alias)
            await self._sweep()
            begun = await self._sequence(self._old)
            await self._elastic.indices.create(
                index=self._new,
                settings={"refresh_interval": "-1"},
                mappings={"_meta": {"complete": True}},
            )
        try:
            taken = await self._fill(documents)
            with answering():
                await self._inherit(begun)
                await self._switch(await self._catch_up(begun))
        except TimeoutError as error:
            await self._abandon(error)
            raise Unavailable("The switch to the new index took too long.") from None
        except BaseException as error:
            await self._abandon(error)
            raise
        return taken

    async def _fill(self, documents: AsyncIterator[SearchDocument]) -> int:
        taken = 0
        batch: list[Write] = []
        async for each in documents:
            batch.append(Write(each.id, put_version(each.version), encoded(each)))
            taken += 1
            if len(batch) == _BATCH:
                await self._writer.write(batch, refresh=False)
                batch = []
        if batch:
            await self._writer.write(batch, refresh=False)
        await self._writer.refresh()
        return taken

    async def _inherit(self, before: int) -> None:
        """Takes over the deletions made before, but for what the store has: it was read later.

        A backup may have been restored; late events of all else that was deleted stay ignored.
        """
        young, early = (
            {"range": {"dead": {"gt": self._oldest}}},
            {"range": {"_seq_no": {"lte": before}}},
        )
        async for hits in self._pages({"bool": {"filter": [young, early]}}):
            alive = await self._alive([hit["_id"] for hit in hits])
            await self._writer.write(
                [
                    Write(
                        hit["_id"],
                        None if marked(hit["_id"]) else hit["_version"],
                        hit["_source"],
                    )
                    for hit in hits
                    if hit["_id"] not in alive
                ],
                refresh=False,
            )

    async def _pages(self, query: Json) -> AsyncIterator[list[Any]]:
        """What `query` finds in the old index, page by page."""
        after: Any = None
        while True:
            told = await self._elastic.search(
                index=self._old,
                query=query,
                sort=[{"_seq_no": "asc"}],
                size=_BATCH,
                version=True,
                search_after=after,
            )
            hits = told["hits"]["hits"]
            if not hits:
                return
            after = hits[-1]["sort"]
            yield hits

    async def _alive(self, ids: Sequence[str]) -> set[str]:
        """Those that the new index has: documents by id, budgets by any document of theirs."""
        told = await self._elastic.mget(index=self._new, ids=list(ids), source=False)
        alive = {doc["_id"] for doc in told["docs"] if doc.get("found")}
        budgets = [budget for id in ids if (budget := marked(id))]
        if budgets:
            with_any = await self._elastic.search(
                index=self._new,
                query={"terms": {"budget_id": budgets}},
                size=0,
                aggs={"budgets": {"terms": {"field": "budget_id", "size": len(budgets)}}},
            )
            buckets = with_any["aggregations"]["budgets"]["buckets"]
            alive |= {mark(bucket["key"]) for bucket in buckets}
        return alive

    async def _catch_up(self, since: int) -> int:
        """Copies what was written meanwhile until little is left; up to where."""
        for _ in range(_ROUNDS):
            now = await self._sequence(self._old)
            await self._elastic.indices.refresh(index=self._old)
            await self._copy(since, _LONG)
            few, since = now - since < _FEW, now
            if few:
                break
        return since

    async def _switch(self, since: int) -> None:
        self._blocked = True
        async with asyncio.timeout(_LAST):
            # Returns when what was being written is done.
            await self._elastic.indices.add_block(index=self._old, block="write")
            await self._elastic.indices.refresh(index=self._old)
            await self._copy(since, _LAST)
            await self._elastic.indices.put_settings(
                index=self._new, settings={"index.refresh_interval": None}
            )
            await self._elastic.indices.refresh(index=self._new)
        # One step, which fails as a whole where another rebuild was faster. The block is looked at
        # last: writers that waited too long have lifted it, and have written to the old index.
        settings = await self._elastic.indices.get_settings(index=self._old)
        blocks = settings[self._old]["settings"]["index"].get("blocks", {})
        if blocks.get("write") != "true":
            raise Unavailable("The switch to the new search index took too long.", retry_after=60)
        self._moving = True
        await self._elastic.indices.update_aliases(
            actions=[
                {"remove_index": {"index": self._old}},
                {"add": {"index": self._new, "alias": self._alias}},
            ]
        )

    async def _copy(self, since: int, seconds: float) -> None:
        """Copies what has a later sequence number, where it is newer than what is there."""
        later: Json = {"range": {"_seq_no": {"gt": since}}}
        documents = {"bool": {"filter": [later], "must_not": [{"exists": {"field": "dead"}}]}}
        stones = {"bool": {"filter": [later, {"exists": {"field": "dead"}}]}}
        patient = self._elastic.options(request_timeout=seconds)
        for query in (documents, stones):
            await patient.reindex(
                source={"index": self._old, "query": query},
                dest={"index": self._new, "version_type": "external"},
                conflicts="proceed",
                refresh=True,
            )
        # Budgets that were deleted meanwhile take what was filled in of them along.
        budgets: Json = {"bool": {"filter": [later, {"prefix": {"id": mark("")}}]}}
        async for hits in self._pages(budgets):
            gone = [budget for hit in hits if (budget := marked(hit["_id"]))]
            await self._writer.remove_budgets(gone)

    async def _sequence(self, index: str) -> int:
        """The sequence number up to which every write is done, on each of its shards."""
        told = await self._elastic.indices.stats(index=index, level="shards", metric="docs")
        shards = told["indices"][index]["shards"].values()
        return min(int(copy["seq_no"]["local_checkpoint"]) for copies in shards for copy in copies)

    async def _sweep(self) -> None:
        """Removes what rebuilds have left that died."""
        told = await self._elastic.indices.get(index=f"{self._alias}-*", features=["aliases"])
        settings = await self._elastic.indices.get_settings(index=f"{self._alias}-*")
        oldest = (datetime.now(UTC) - _LEFT).timestamp() * 1000
        for name, about in told.items():
            created = int(settings[name]["settings"]["index"]["creation_date"])
            if not about["aliases"] and created < oldest:
                await self._elastic.indices.delete(index=name)

    async def _abandon(self, error: BaseException) -> None:
        """Leaves the old index as it was. Where the move was asked for and not answered it may
        still be made: then the new index stays, to be swept when it is seen to be nobody's.
        """
        if self._moving and not isinstance(error, ApiError):
            return
        try:
            if self._blocked:
                await self._elastic.indices.put_settings(
                    index=self._old, settings={"index.blocks.write": None}
                )
            await self._elastic.indices.delete(index=self._new)
        except (ApiError, TransportError) as error:
            log.warning("a rebuild that failed has left %s: %s", self._new, type(error).__name__)
