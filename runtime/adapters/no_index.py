"""The search index of a process that joins a serving one: the server alone has it open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from runtime.ports import Found, SearchDocument, SearchQuery
from runtime.problem import Unavailable


def _closed() -> Unavailable:
    return Unavailable("The search index is open in the serving process.")


class NoIndex:
    """Satisfies `SearchIndex`; every call is refused."""

    # The one that has the index sees to it.
    needs_rebuild = False

    async def apply(self, put: Sequence[SearchDocument], delete: Mapping[str, int]) -> None:
        """Raises Unavailable."""
        raise _closed()

    async def delete_budget(self, budget_id: str) -> None:
        """Raises Unavailable."""
        raise _closed()

    async def search(self, query: SearchQuery) -> Found:
        """Raises Unavailable."""
        raise _closed()

    async def suggest(
        self,
        budgets: Sequence[str],
        prefix: str,
        limit: int,
        fields: Sequence[str] = ("description", "category"),
    ) -> list[str]:
        """Raises Unavailable."""
        raise _closed()

    async def rebuild(self, documents: AsyncIterator[SearchDocument]) -> int:
        """Raises Unavailable."""
        raise _closed()

    async def close(self) -> None:
        """Nothing is open."""
