"""Who may see and change which budget: only here is it known, the other services ask."""

from __future__ import annotations

from generated.models import (
    AccessLevel,
    Budget,
    BudgetAccess,
    BudgetAccessList,
    BudgetCurrency,
    BudgetRecord,
    Currency,
    Role,
)
from handlers.access import BudgetGrant
from handlers.budget_figures import BudgetFigures
from handlers.writing import Decided, decided
from runtime.call import Caller
from runtime.ports import Query, Store, Update, Where
from runtime.problem import Forbidden, NotFound

_PAGE = 500
_RANKS = {"viewer": 1, "editor": 2, "owner": 3}


def level_of(caller: Caller, budget: Budget) -> str | None:
    """The caller's level on `budget`: an admin counts as its owner."""
    if budget.owner_id == caller.user_id or caller.is_admin:
        return "owner"
    for member in budget.members:
        if member.user_id == caller.user_id:
            return member.role.value
    return None


def need(caller: Caller, budget: Budget, least: str) -> None:
    """Raises NotFound or Forbidden, unless the caller still has the level when it is written."""
    level = level_of(caller, budget)
    if level is None:
        raise NotFound("There is no such Budget.")
    if _RANKS[level] < _RANKS[least]:
        raise Forbidden(f"This needs {least} access.")


class BudgetVisibility:
    """`handlers.access.BudgetAccess`, and the same for other processes."""

    def __init__(self, *, store: Store, figures: BudgetFigures) -> None:
        self._store = store
        self._figures = figures

    async def level_on_budget(self, caller: Caller, id: str) -> str | None:
        """The caller's level on a budget; None when it does not exist for the caller."""
        budget = await self._store.get(BudgetRecord, id)
        return None if budget is None else level_of(caller, budget)

    async def budget_grant(self, caller: Caller, budget_id: str) -> BudgetGrant | None:
        """What the caller may do with one budget; None when it does not exist for the caller."""
        budget = await self._store.get(BudgetRecord, budget_id)
        level = None if budget is None else level_of(caller, budget)
        return None if budget is None or level is None else _grant(budget, level)

    async def visible_budgets(self, caller: Caller) -> list[BudgetGrant]:
        """All budgets that the caller owns or shares: an admin's own, too."""
        return [
            _grant(budget, level)
            for budget in await self._visible(caller)
            if (level := level_of(caller, budget)) is not None
        ]

    async def _visible(self, caller: Caller) -> list[BudgetRecord]:
        where = (Where("visibleTo", "has", caller.user_id),)
        query = Query(where, (("id", False),), _PAGE)
        found: list[BudgetRecord] = []
        while True:
            page = await self._store.page(BudgetRecord, query)
            found += page.items
            if not page.more:
                return found
            last = page.items[-1].id
            query = Query(where, query.sort, _PAGE, (last, last))

    async def fix_currency(self, budget_id: str) -> str | None:
        """Lets the currency stay for good, and answers it; None when the budget is gone."""

        async def change(budget: BudgetRecord) -> Decided[str]:
            if budget.currency_fixed:
                return decided(budget.currency.value)
            after = budget.but(currency_fixed=True, version=budget.version + 1)
            return decided(after.currency.value, Update(after))

        try:
            return await self._figures.rewrite(budget_id, change)
        except NotFound:
            return None

    # --- for other processes (budget.proto, between services) -------------------------------------

    async def resolve_budget_access(
        self, *, user_id: str, budget_id: str | None = None, role: Role | None = None
    ) -> BudgetAccessList:
        """What a user may do with one budget, or with each that it owns or shares."""
        role = role or Role.USER
        caller = Caller(user_id, "", role.value, frozenset(), verified=True)
        if budget_id is None:
            budgets = await self._visible(caller)
        else:
            budget = await self._store.get(BudgetRecord, budget_id)
            budgets = [] if budget is None else [budget]
        return BudgetAccessList(
            items=[
                BudgetAccess(
                    budget_id=budget.id,
                    owner_id=budget.owner_id,
                    level=AccessLevel(level),
                    currency=budget.currency,
                    currency_fixed=bool(budget.currency_fixed),
                    name=budget.name,
                )
                for budget in budgets
                if (level := level_of(caller, budget)) is not None
            ]
        )

    async def fix_budget_currency(self, *, budget_id: str) -> BudgetCurrency:
        """`fix_currency`. Raises NotFound when the budget is gone."""
        currency = await self.fix_currency(budget_id)
        if currency is None:
            raise NotFound("There is no such Budget.")
        return BudgetCurrency(currency=Currency(currency))


def _grant(budget: BudgetRecord, level: str) -> BudgetGrant:
    return BudgetGrant(
        budget.id, level, budget.currency.value, budget.name, bool(budget.currency_fixed)
    )
