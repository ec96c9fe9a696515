"""Deleting all that matches, some at a time: what a deleted account leaves behind."""

from __future__ import annotations

from typing import TypeVar

from handlers.writing import Decided, decided, persist
from runtime.model import Entity
from runtime.ports import Delete, Query, Store, Where

E = TypeVar("E", bound=Entity)

# Rows of one commit.
_SOME = 200


async def purge(store: Store, kind: type[E], *where: Where) -> None:
    """Deletes the entities that match. Stopped halfway it can be called again."""
    query = Query(where, sort=(("created_at", False),), limit=_SOME)

    async def some() -> Decided[bool]:
        page = await store.page(kind, query)
        return decided(page.more, *map(Delete, page.items))

    while await persist(store, some):
        pass
