"""What the budget service tells the others of who may see a budget (`resolveBudgetAccess`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from runtime.call import Caller


@dataclass(frozen=True, slots=True)
class BudgetGrant:
    """What a caller may do with one budget, and what others need to know of it."""

    budget_id: str
    level: str
    currency: str
    name: str


class BudgetAccess(Protocol):
    """Answered by the budget service alone, in process or by gRPC."""

    async def budget_grant(self, caller: Caller, budget_id: str) -> BudgetGrant | None:
        """The caller's grant on one budget; None when it does not exist for the caller."""
        ...

    async def visible_budgets(self, caller: Caller) -> list[BudgetGrant]:
        """All budgets that the caller owns or shares."""
        ...
