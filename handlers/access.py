"""What the budget service tells the others of who may see a budget (`resolveBudgetAccess`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from runtime.call import Caller

# Owns what deleted accounts leave behind (UserId in the contract).
NOBODY = "usr_" + 26 * "0"


@dataclass(frozen=True, slots=True)
class BudgetGrant:
    """What a caller may do with one budget, and what others need to know of it."""

    budget_id: str
    level: str
    currency: str
    name: str
    # Whether the currency stays for good: see `fix_currency`.
    currency_fixed: bool = False


class BudgetAccess(Protocol):
    """Answered by the budget service alone, in process or by gRPC."""

    async def budget_grant(self, caller: Caller, budget_id: str) -> BudgetGrant | None:
        """The caller's grant on one budget; None when it does not exist for the caller."""
        ...

    async def fix_currency(self, budget_id: str) -> str | None:
        """Lets the budget's currency stay for good, and answers it; None when the budget is gone.

        Whoever enters an expense calls it first, unless the grant says that it is fixed: so no
        expense can have another currency than its budget, however their writers meet.
        """
        ...

    async def visible_budgets(self, caller: Caller) -> list[BudgetGrant]:
        """All budgets that the caller owns or shares."""
        ...
