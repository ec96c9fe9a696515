"""A store whose reads travel together, where somebody says that many are coming.

A level of a GraphQL answer asks the same of many ids at once, through handlers that know of one.
Inside `gathering()` the reads that are awaited side by side wait for each other, and go to the
store as one `get_many` or one `pages`. Everywhere else reads go straight through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar, runtime_checkable

from runtime.model import Entity
from runtime.ports import Page, Query, Store
from runtime.together import Together

E = TypeVar("E", bound=Entity)

_GATHERING: ContextVar[bool] = ContextVar("gathering", default=False)


@runtime_checkable
class ManyPages(Protocol):
    """A store that reads several pages in one round trip."""

    async def pages(self, kind: type[E], queries: Sequence[Query]) -> list[Page[E]]:
        """One page a query, in order."""
        ...


@contextmanager
def gathering() -> Iterator[None]:
    """What is read by tasks that begin in here travels together."""
    token = _GATHERING.set(True)
    try:
        yield
    finally:
        _GATHERING.reset(token)


class GatheredStore:
    """A `Store` over another one, of the same promises."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gets: dict[type[Entity], Together[str, Any]] = {}
        self._pages: dict[type[Entity], Together[Query, Any]] = {}
        # What is never gathered costs no call in between.
        self.get_many = store.get_many
        self.find = store.find
        self.seen = store.seen
        self.recall = store.recall
        self.commit = store.commit

    def get(self, kind: type[E], id: str) -> Coroutine[Any, Any, E | None]:
        """One entity, or None."""
        if not _GATHERING.get():
            return self._store.get(kind, id)
        gets = self._gets.get(kind)
        if gets is None:
            gets = self._gets[kind] = Together(lambda ids: self._store.get_many(kind, ids))
        return gets.get(id)

    def page(self, kind: type[E], query: Query) -> Coroutine[Any, Any, Page[E]]:
        """A page of entities."""
        return self._paged(kind, query) if _GATHERING.get() else self._store.page(kind, query)

    async def _paged(self, kind: type[E], query: Query) -> Page[E]:
        pages = self._pages.get(kind)
        if pages is None:
            pages = self._pages[kind] = Together(lambda queries: self._many(kind, queries))
        page: Page[E] | None = await pages.get(query)
        return page or Page([], False)

    async def _many(self, kind: type[E], queries: Sequence[Query]) -> Mapping[Query, Page[E]]:
        if isinstance(self._store, ManyPages):
            found = await self._store.pages(kind, queries)
        else:
            # Side by side, as many as the store's connections carry.
            found = await asyncio.gather(*(self._store.page(kind, query) for query in queries))
        return dict(zip(queries, found, strict=True))
