"""The peer in Strawberry: the same list of budgets, from memory, with its caches on.

It checks no token, counts nothing and reads no store.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import Enum

import strawberry
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

MANY = 100


@strawberry.enum
class Period(Enum):
    """How often a budget starts again."""

    MONTHLY = "monthly"


@strawberry.type
class Budget:
    """A budget."""

    id: strawberry.ID
    version: int
    created_at: datetime.datetime
    updated_at: datetime.datetime
    name: str
    limit: Decimal
    currency: str
    period: Period
    starts_on: datetime.date
    spent: Decimal


_NOW = datetime.datetime(2026, 3, 1, 9, 30, tzinfo=datetime.UTC)
_BUDGETS = [
    Budget(
        id=strawberry.ID(f"bud_{number:026d}"),
        version=1,
        created_at=_NOW,
        updated_at=_NOW,
        name=f"Budget {number}",
        limit=Decimal("500.00"),
        currency="USD",
        period=Period.MONTHLY,
        starts_on=_NOW.date(),
        spent=Decimal("0.00"),
    )
    for number in range(MANY)
]


@strawberry.type
class Query:
    """The one question."""

    @strawberry.field
    async def budgets(self, first: int = 50) -> list[Budget]:
        """Budgets."""
        return _BUDGETS[:first]


app: GraphQL[None, None] = GraphQL(
    strawberry.Schema(Query, extensions=[lambda: ParserCache(100), lambda: ValidationCache(100)])
)
