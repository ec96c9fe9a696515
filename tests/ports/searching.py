"""What the suites of the port SearchIndex share: adapters, an expense, short ways to ask."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from pathlib import Path
from secrets import token_hex
from typing import Any, Protocol

from generated.index import ExpenseIndex
from runtime.adapters.elasticsearch import ElasticIndex
from runtime.adapters.tantivy_index import TantivyIndex
from runtime.ports import SearchDocument, SearchIndex, SearchQuery

HOME, WORK, OTHERS = "bud_home", "bud_work", "bud_others"


class SearchAdapter(SearchIndex, Protocol):
    """A search index that can be closed."""

    async def close(self) -> None:
        """Lets go of it; what is indexed stays."""
        ...


@asynccontextmanager
async def _tantivy(folder: Path) -> AsyncIterator[SearchAdapter]:
    index = TantivyIndex(folder / "search")
    yield index
    await index.close()


@asynccontextmanager
async def elastic(folder: Path | None = None) -> AsyncIterator[ElasticIndex]:
    """An index of a test's own on the real server, removed after."""
    url, name = os.environ["ELASTIC_SEARCH_URL"], f"test-{token_hex(6)}"
    index = await ElasticIndex.open(url, ExpenseIndex, name=name, within=60)
    try:
        yield index
    finally:
        made = await index._elastic.indices.get(index=f"{name}-*")
        await index._elastic.indices.delete(index=list(made))
        await index._elastic.indices.delete_index_template(name=name)
        await index.close()


# Each adapter, open and empty; those of real servers are marked in conftest.py.
ADAPTERS: dict[str, Callable[[Path], AbstractAsyncContextManager[SearchAdapter]]] = {
    "tantivy": _tantivy,
    "elasticsearch": elastic,
}


def expense(id: str, description: str = "Thing", **fields: Any) -> SearchDocument:
    values: dict[str, Any] = {
        "version": 1,
        "budget_id": HOME,
        "note": "",
        "category": "Miscellany",
        "tags": (),
        "currency": "USD",
        "amount": 100,
        "spent_on": date(2026, 3, 14),
    }
    return SearchDocument(id=id, description=description, **(values | fields))


async def add(index: SearchIndex, *documents: SearchDocument) -> None:
    await index.apply(documents, {})


async def ids(index: SearchIndex, text: str = "", **fields: Any) -> list[str]:
    found = await index.search(SearchQuery(**({"budgets": (HOME,), "text": text} | fields)))
    return [hit.id for hit in found.hits]


async def stream(documents: Sequence[SearchDocument]) -> AsyncIterator[SearchDocument]:
    for document in documents:
        yield document
