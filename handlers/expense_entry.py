"""What becomes an expense, by hand or from a file: in its budget's currency, by who may write."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from generated.errors import CurrencyMismatch
from generated.models import Currency, Expense, ExpenseInput, ExpenseUpdate
from handlers.access import BudgetAccess, BudgetGrant
from handlers.amounts import exact
from runtime.model import assemble
from runtime.problem import Forbidden, NotFound


def writable(grant: BudgetGrant | None) -> BudgetGrant:
    """`grant`, where it lets expenses be written. Raises NotFound, Forbidden."""
    if grant is None:
        raise NotFound("There is no such Budget.")
    if grant.level == "viewer":
        raise Forbidden("This needs editor access.")
    return grant


async def currency_stays(budgets: BudgetAccess, grant: BudgetGrant) -> bool:
    """Sees to it that the budget's currency is the grant's for good; False when it is another."""
    if grant.currency_fixed:
        return True
    return await budgets.fix_currency(grant.budget_id) == grant.currency


Body = ExpenseInput | ExpenseUpdate


def said(body: Body, currency: str, today: date) -> dict[str, Any]:
    """What `body` says of an expense, by attribute. Raises CurrencyMismatch, AmountPrecision."""
    if body.currency is not None and body.currency.value != currency:
        raise CurrencyMismatch(pointer="/currency", message=f"its budget is in {currency}")
    return {
        "description": body.description,
        "amount": exact(body.amount, currency, "/amount"),
        "currency": Currency(currency),
        "category": body.category,
        "spent_on": body.spent_on or today,
        "tags": list(dict.fromkeys(body.tags)),
        "note": body.note,
        "external_id": body.external_id,
    }


def entered(id: str, owner_id: str, body: Body, grant: BudgetGrant, now: datetime) -> Expense:
    """A new expense; what was not said is today's. Raises CurrencyMismatch, AmountPrecision."""
    head = {
        "id": id,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "budget_id": grant.budget_id,
        "owner_id": owner_id,
    }
    return assemble(Expense, head | said(body, grant.currency, now.date()))
