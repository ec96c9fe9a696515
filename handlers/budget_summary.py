"""One period of a budget in figures, made of its counters."""

from __future__ import annotations

from collections.abc import AsyncIterable
from datetime import date
from decimal import Decimal

from generated.models import (
    BudgetCounter,
    BudgetPace,
    BudgetRecord,
    BudgetSummary,
    CategorySpending,
    MonthSpending,
)
from handlers.amounts import rounded, zero
from handlers.periods import Window, month_of, months_after

MONTHS = 12
CATEGORIES = 100


def last_month(window: Window, today: date) -> date:
    """The first day of the summary's last month: the period's; without an end, this one."""
    last = window.end or max(today, window.start)
    return last.replace(day=1)


def first_day(window: Window, today: date) -> date:
    """From where on a summary needs counters."""
    return min(window.start, months_after(last_month(window, today), 1 - MONTHS))


async def summarize(
    budget: BudgetRecord, window: Window, today: date, counters: AsyncIterable[BudgetCounter]
) -> BudgetSummary:
    """The summary of `window`; `counters` from `first_day` on."""
    nothing = zero(budget.currency)
    spent = nothing
    categories: dict[str, tuple[Decimal, int]] = {}
    months: dict[str, tuple[Decimal, int]] = {}
    last = last_month(window, today)
    shown = {month_of(months_after(last, -back)) for back in range(MONTHS)}
    async for counter in counters:
        month = month_of(counter.day)
        if month in shown:
            amount, count = months.get(month, (nothing, 0))
            months[month] = (amount + counter.amount, count + counter.count)
        if counter.day in window:
            spent += counter.amount
            amount, count = categories.get(counter.category, (nothing, 0))
            categories[counter.category] = (amount + counter.amount, count + counter.count)
    spent = max(spent, nothing)
    # Below zero only for a moment, while an event is due: then nothing is shown.
    by_category = sorted(
        ((name, *sums) for name, sums in categories.items() if sums[0] > 0 and sums[1] > 0),
        key=lambda entry: (-entry[1], entry[0]),
    )
    return BudgetSummary(
        budget_id=budget.id,
        currency=budget.currency,
        period_start=window.start,
        period_end=window.end,
        limit=budget.limit,
        spent=spent,
        remaining=budget.limit - spent,
        percent=_percent(spent, budget.limit),
        by_category=[
            CategorySpending(
                category=name, amount=amount, count=count, percent=_percent(amount, spent)
            )
            for name, amount, count in by_category[:CATEGORIES]
        ],
        by_month=[
            MonthSpending(month=month, amount=amount, count=count)
            for month, (amount, count) in sorted(months.items())
            if amount > 0 and count > 0
        ],
        pace=_pace(budget, window, today, spent),
    )


def _percent(part: Decimal, whole: Decimal) -> float:
    return float(round(part * 100 / whole, 2)) if whole else 0.0


def _pace(budget: BudgetRecord, window: Window, today: date, spent: Decimal) -> BudgetPace:
    """Today counts as elapsed, and its allowance is shared with the days that are left.

    A period without end has no days left to share among and projects nothing: what may be spent is
    all that remains.
    """
    currency = budget.currency
    last = today if window.end is None else min(today, window.end)
    elapsed = max((last - window.start).days + 1, 0)
    left = 0 if window.end is None else max((window.end - max(today, window.start)).days, 0)
    if window.end is not None and today < window.start:
        left += 1  # its first day is not today's
    open_days = left + (1 if today in window else 0)
    remaining = max(budget.limit - spent, Decimal(0))
    days = window.days
    projected = spent * days / elapsed if days is not None and elapsed else spent
    return BudgetPace(
        days_elapsed=elapsed,
        days_left=left,
        daily_average=rounded(spent / elapsed if elapsed else Decimal(0), currency),
        daily_allowance=rounded(remaining / open_days if open_days else Decimal(0), currency),
        projected=rounded(projected, currency),
        on_track=rounded(projected, currency) <= budget.limit,
    )
