"""`SearchIndex` in Elasticsearch: one index behind an alias, and another beside it in a rebuild."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from elasticsearch import ApiError, AsyncElasticsearch, TransportError
from elasticsearch.dsl import AsyncDocument

from runtime.adapters.elasticsearch.asking import Asked, Begun
from runtime.adapters.elasticsearch.client import answering, client, unreachable
from runtime.adapters.elasticsearch.encoding import (
    Json,
    delete_version,
    encoded,
    mark,
    put_version,
    tombstone,
)
from runtime.adapters.elasticsearch.rebuilding import Rebuild
from runtime.adapters.elasticsearch.writing import Write, Writer, day_number
from runtime.ports import Found, SearchDocument, SearchQuery
from runtime.problem import Problem, Unavailable

# Days for which a deletion is remembered: longer than any event is on its way, dead letters aside.
REMEMBERED = 30
# A start waits so long for the server.
OPEN_WITHIN = 10.0
_CREATED = "resource_already_exists_exception"


def _today() -> date:
    return datetime.now(UTC).date()


class ElasticIndex:
    """SearchIndex over the alias `name` of the server. Also a `Health`.

    Any number of processes may use it side by side, and one of them rebuild it.
    """

    def __init__(
        self,
        elastic: AsyncElasticsearch,
        document: type[AsyncDocument],
        name: str,
        *,
        today: Callable[[], date] = _today,
    ) -> None:
        """`open` is the way to get one."""
        self.name = "elasticsearch"
        self._elastic = elastic
        self._document = document
        self._alias = name
        self._today = today
        self._purged = 0
        self._writer = Writer(elastic, name)
        self._rebuilds = asyncio.Lock()
        self._complete = False

    @classmethod
    async def open(
        cls,
        url: str,
        document: type[AsyncDocument],
        *,
        name: str | None = None,
        today: Callable[[], date] = _today,
        within: float = OPEN_WITHIN,
    ) -> ElasticIndex:
        """The index of `document` (generated/index.py), made where there is none.

        Its alias is `name`, else the document's. Raises SettingsError, naming ELASTIC_SEARCH_URL
        and nothing of what is in it.
        """
        elastic = client(url)
        alias = name or f"budget-{document._index._name}"
        index = cls(elastic, document, alias, today=today)
        try:
            async with asyncio.timeout(within):
                await index._prepare()
        except (ApiError, TransportError, TimeoutError) as error:
            await elastic.close()
            raise unreachable(error, within) from None
        except BaseException:
            await elastic.close()
            raise
        return index

    @property
    def needs_rebuild(self) -> bool:
        """Whether the index was not there, and was not rebuilt yet by anybody, at the opening."""
        return not self._complete

    async def close(self) -> None:
        """Ends the connections."""
        await self._elastic.close()

    async def check(self) -> Problem | None:
        """None when every document can be found."""
        try:
            with answering():
                health = await self._elastic.options(request_timeout=2.0).cluster.health(
                    index=self._alias, timeout="1s"
                )
        except Unavailable as problem:
            return problem
        red = health["status"] == "red"
        return Unavailable("A part of the search index is missing.") if red else None

    async def _prepare(self) -> None:
        """The template, and the first index with the alias on it: both at once, so one is made."""
        pattern = f"{self._alias}-*"
        template = self._document._index.as_composable_template(self._alias, pattern, priority=500)
        await template.save(using=self._elastic)
        if not await self._elastic.indices.exists_alias(name=self._alias):
            try:
                await self._elastic.indices.create(
                    index=f"{self._alias}-000001",
                    aliases={self._alias: {}},
                    mappings={"_meta": {"complete": False}},
                )
            except ApiError as error:
                if error.error != _CREATED:  # by another process that starts
                    raise
        told = await self._elastic.indices.get_mapping(index=self._alias)
        [mapping] = told.values()
        self._complete = bool(mapping["mappings"].get("_meta", {}).get("complete"))

    # --- reading ----------------------------------------------------------------------------------

    async def search(self, query: SearchQuery) -> Found:
        """See SearchIndex. Raises Unavailable."""
        asked = Asked(query)
        if asked.vain:
            return Found([], 0, [], [], [])
        return asked.answer(await self._search(asked.request(), query.budgets[0]))

    async def suggest(
        self,
        budgets: Sequence[str],
        prefix: str,
        limit: int,
        fields: Sequence[str] = ("description", "category"),
    ) -> list[str]:
        """See SearchIndex. Raises Unavailable."""
        begun = Begun(budgets, prefix, limit, fields)
        if begun.vain:
            return []
        about = {"preference": f"for-{budgets[0]}", "allow_partial_search_results": False}
        searches = [each for request in begun.requests() for each in (about, request)]
        with answering():
            told = await self._elastic.msearch(index=self._alias, searches=searches)
        if any(each["status"] != 200 for each in told["responses"]):
            raise Unavailable("The search index cannot be used now.")
        return begun.answer(told["responses"])

    async def _search(self, request: Json, who: str) -> Mapping[str, Any]:
        with answering():
            told = await self._elastic.search(
                index=self._alias,
                # The same copies for the same people, as copies score a little differently.
                preference=f"for-{who}",
                # Where there are several shards, scores of one are those of the others.
                search_type="dfs_query_then_fetch",
                allow_partial_search_results=False,
                timeout="2500ms",
                **request,
            )
        if told["timed_out"]:
            raise Unavailable("The search took longer than allowed.", retry_after=1)
        answer: Mapping[str, Any] = told.body
        return answer

    # --- writing ----------------------------------------------------------------------------------

    async def apply(self, put: Sequence[SearchDocument], delete: Mapping[str, int]) -> None:
        """See SearchIndex. Raises Unavailable, OverflowError for what cannot be indexed."""
        writes = [
            Write(each.id, put_version(each.version), encoded(each), each.budget_id) for each in put
        ]
        today = day_number(self._today())
        writes += [
            Write(id, delete_version(version), tombstone(id, today))
            for id, version in delete.items()
        ]
        if writes:
            await self._purge()
            await self._writer.write(writes)

    async def delete_budget(self, budget_id: str) -> None:
        """See SearchIndex. Raises Unavailable."""
        id = mark(budget_id)
        await self._writer.write([Write(id, None, tombstone(id, day_number(self._today())))])
        await self._writer.remove_budgets([budget_id])

    async def _purge(self) -> None:
        """Once a day: forgets deletions that nothing can come too late for any more."""
        today = day_number(self._today())
        if self._purged != today:
            aged: Json = {"range": {"dead": {"lte": today - REMEMBERED}}}
            await self._writer.remove(aged)
            self._purged = today

    async def rebuild(self, documents: AsyncIterator[SearchDocument]) -> int:
        """See SearchIndex. Where it fails, the old index stays. Raises Unavailable."""
        async with self._rebuilds:
            oldest = day_number(self._today()) - REMEMBERED
            rebuild = Rebuild(self._elastic, self._alias, oldest)
            taken = await rebuild.run(documents)
            self._complete = True
            return taken
