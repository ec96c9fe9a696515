"""What the suites of the port SearchIndex share: adapters, an expense, short ways to ask."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from runtime.adapters.tantivy_index import TantivyIndex
from runtime.ports import SearchDocument, SearchIndex, SearchQuery

HOME, WORK, OTHERS = "bud_home", "bud_work", "bud_others"


class SearchAdapter(SearchIndex, Protocol):
    """A search index that can be closed."""

    async def close(self) -> None:
        """Lets go of it; what is indexed stays."""
        ...


# Elasticsearch joins here.
ADAPTERS: dict[str, Callable[[Path], SearchAdapter]] = {
    "tantivy": lambda folder: TantivyIndex(folder / "search"),
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
