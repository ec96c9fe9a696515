"""A store whose reads travel together, where somebody says that many are coming.

A level of a GraphQL answer asks the same of many ids at once, through handlers that know of one.
Inside `gathering()` the reads that are awaited side by side wait for each other, and go to the
store as one `get_many` or one `pages`. Everywhere else reads go straight through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar, runtime_checkable

from runtime.model import Entity
from runtime.ports import Page, Query, Store

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


class Together:
    """A `Store` over another one, of the same promises."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gets: dict[type[Entity], dict[str, asyncio.Future[Any]]] = {}
        self._pages: dict[type[Entity], dict[Query, asyncio.Future[Any]]] = {}
        # Reads under way: tasks are kept until they are done.
        self._reading: set[asyncio.Task[None]] = set()
        # What is never gathered costs no call in between.
        self.get_many = store.get_many
        self.find = store.find
        self.seen = store.seen
        self.recall = store.recall
        self.commit = store.commit

    def get(self, kind: type[E], id: str) -> Coroutine[Any, Any, E | None]:
        """One entity, or None."""
        if _GATHERING.get():
            return self._wait(self._gets, kind, id, self._read_gets)
        return self._store.get(kind, id)

    def page(self, kind: type[E], query: Query) -> Coroutine[Any, Any, Page[E]]:
        """A page of entities."""
        if _GATHERING.get():
            return self._wait(self._pages, kind, query, self._read_pages)
        return self._store.page(kind, query)

    async def _wait(self, waiting: Any, kind: Any, key: Any, read: Any) -> Any:
        loop = asyncio.get_running_loop()
        group = waiting.get(kind)
        if group is None:
            group = waiting[kind] = {}
            # In the loop's next turn: until then, whoever runs side by side has asked too.
            loop.call_soon(self._begin, waiting, kind, read)
        future = group.get(key)
        if future is None:
            future = group[key] = loop.create_future()
        # One who gives up does not take it from the others.
        return await asyncio.shield(future)

    def _begin(self, waiting: Any, kind: Any, read: Any) -> None:
        group = waiting.pop(kind)
        task = asyncio.create_task(_fulfilled(group, read(kind, list(group))))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read_gets(self, kind: type[Entity], ids: list[str]) -> list[Any]:
        found = await self._store.get_many(kind, ids)
        return [found.get(id) for id in ids]

    async def _read_pages(self, kind: type[Entity], queries: list[Query]) -> list[Any]:
        if isinstance(self._store, ManyPages):
            return await self._store.pages(kind, queries)
        return await asyncio.gather(*(self._store.page(kind, query) for query in queries))


async def _fulfilled(group: dict[Any, asyncio.Future[Any]], reading: Any) -> None:
    """Gives each of `group` its part of what `reading` gives, or its failure to all."""
    try:
        values = await reading
    except BaseException as error:
        for future in group.values():
            if not future.done():
                future.set_exception(error)
                future.exception()  # seen, if nobody waits any more
        if not isinstance(error, Exception):
            raise
        return
    for future, value in zip(group.values(), values, strict=True):
        if not future.done():
            future.set_result(value)
