"""What tasks do: one runner a kind, each with what it needs of other services."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from typing import Protocol

from generated.errors import TaskInputInvalid
from generated.models import BudgetSummary, Task, TaskKind
from generated.operations import EXPORT_EXPENSES, GET_BUDGET_SUMMARY
from handlers.access import BudgetAccess, BudgetGrant
from handlers.asking import ask_for
from handlers.periods import month_of, months_after
from handlers.task_lease import Progress
from handlers.task_runs import MOST_RESULT, TaskRunner
from runtime.call import Call, Caller
from runtime.ports import Clock, Mail, Mailer, MailRefused
from runtime.problem import NotFound

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#|~])")


class Owners(Protocol):
    """What the auth service knows of whom a task is run for, at the time it is run."""

    async def email_of(self, user_id: str) -> str | None:
        """The account's verified address in lower case; None where there is none."""
        ...

    async def caller_by_id(self, user_id: str) -> Caller | None:
        """The account as a caller; None when it is gone."""
        ...


class Exporter(Protocol):
    """The expense service's exportExpenses."""

    async def export_expenses(
        self,
        call: Call,
        *,
        budget_id: str | None = None,
        from_: date | None = None,
        to: date | None = None,
    ) -> AsyncIterator[bytes]:
        """CSV in pieces."""
        ...


class Summaries(BudgetAccess, Protocol):
    """The budget service's getBudgetSummary, and who sees which budget."""

    async def get_budget_summary(
        self, call: Call, *, id: str, day: date | None = None
    ) -> BudgetSummary:
        """The period that `day` is in."""
        ...


class Rebuilder(Protocol):
    """The search service's index."""

    async def rebuild(self) -> int:
        """Builds it anew; how many expenses it holds."""
        ...


def runners(
    *,
    mailer: Mailer,
    owners: Owners,
    budgets: Summaries,
    expenses: Exporter,
    search: Callable[[], Rebuilder],
    clock: Clock,
) -> dict[TaskKind, TaskRunner]:
    """The runner of each kind. `search` is asked for when needed: it in turn queues tasks."""
    return {
        TaskKind.SEND_EMAIL: SendEmail(mailer, owners),
        TaskKind.EXPORT_EXPENSES: ExportExpenses(expenses, budgets, owners),
        TaskKind.REINDEX_SEARCH: ReindexSearch(search),
        TaskKind.MONTHLY_REPORT: MonthlyReport(budgets, owners, clock),
    }


class SendEmail:
    """Mails the owner, at the address that was proved to be the owner's and still is."""

    def __init__(self, mailer: Mailer, owners: Owners) -> None:
        self._mailer = mailer
        self._owners = owners

    async def run(self, task: Task, progress: Progress) -> str:
        """Sends the mail. Raises TaskInputInvalid."""
        asked = task.input
        own = await self._owners.email_of(task.owner_id)
        if own is None or asked.recipient is None or asked.recipient.lower() != own:
            raise TaskInputInvalid("The recipient is not your own verified address.")
        await progress(1)
        try:
            await self._mailer.send(Mail(own, asked.subject or "", asked.text or ""))
        except MailRefused:
            raise TaskInputInvalid("No mail reaches the recipient's address.") from None
        return f"Sent to {own}."


class ExportExpenses:
    """Keeps the CSV of the expenses that the owner sees."""

    def __init__(self, expenses: Exporter, budgets: BudgetAccess, owners: Owners) -> None:
        self._expenses = expenses
        self._budgets = budgets
        self._owners = owners

    async def run(self, task: Task, progress: Progress) -> str:
        """The CSV. Raises TaskInputInvalid where it is too large to be kept, NotFound."""
        caller = await _owner(self._owners, task)
        asked = task.input
        if asked.budget_id is not None:
            await _visible(self._budgets, caller, asked.budget_id)
        chunks = await self._expenses.export_expenses(
            ask_for(caller, EXPORT_EXPENSES, task.id),
            budget_id=asked.budget_id,
            from_=asked.from_,
            to=asked.to,
        )
        parts: list[str] = []
        size = 0
        async for chunk in chunks:
            parts.append(chunk.decode())
            size += len(parts[-1])
            if size > MOST_RESULT:
                raise TaskInputInvalid("It is too much for a task: take GET /api/expenses/export.")
            # How much is to come is not known, so each piece brings it a tenth nearer.
            await progress(100 - round(100 * 0.9 ** len(parts)))
        return "".join(parts)


class ReindexSearch:
    """Builds the search index anew; the old one answers until then."""

    def __init__(self, search: Callable[[], Rebuilder]) -> None:
        self._search = search

    async def run(self, task: Task, progress: Progress) -> str:
        """Says how many expenses the index holds."""
        await progress(1)
        count = await self._search().rebuild()
        return f"The index holds {count} expenses."


class MonthlyReport:
    """What was spent in a month, budget by budget, in Markdown."""

    def __init__(self, budgets: Summaries, owners: Owners, clock: Clock) -> None:
        self._budgets = budgets
        self._owners = owners
        self._clock = clock

    async def run(self, task: Task, progress: Progress) -> str:
        """The report. Raises NotFound."""
        caller = await _owner(self._owners, task)
        month = task.input.month or month_of(months_after(self._clock.today(), -1))
        last = months_after(date.fromisoformat(f"{month}-01"), 1) - timedelta(days=1)
        if task.input.budget_id is not None:
            grants = [await _visible(self._budgets, caller, task.input.budget_id)]
        else:
            grants = await self._budgets.visible_budgets(caller)
        lines = [f"# Expenses of {month}", ""]
        for place, grant in enumerate(sorted(grants, key=lambda grant: grant.name)):
            await progress(100 * place // len(grants))
            call = ask_for(caller, GET_BUDGET_SUMMARY, task.id)
            try:
                summary = await self._budgets.get_budget_summary(call, id=grant.budget_id, day=last)
            except NotFound:
                continue  # deleted meanwhile
            lines += _section(grant.name, month, last, summary)
        if not grants:
            lines += ["There are no budgets.", ""]
        return "\n".join(lines)


def _section(name: str, month: str, last: date, summary: BudgetSummary) -> list[str]:
    """One budget's part of the report."""
    currency = summary.currency
    lines = [f"## {_plain(name.strip())}", ""]
    spent = next((entry for entry in summary.by_month if entry.month == month), None)
    if spent is not None:
        lines += [f"In {month}: **{spent.amount} {currency}**, {spent.count} expense(s).", ""]
    if summary.period_start > last:
        # The month is before the budget's first period: there is no limit to compare with.
        return lines
    until = f"to {summary.period_end}" if summary.period_end else "on"
    lines += [
        f"In the period from {summary.period_start} {until}: {summary.spent} of {summary.limit} "
        f"{currency} ({summary.percent:.0f} %).",
        "",
    ]
    if summary.by_category:
        lines += ["| Category | Amount | Expenses |", "|---|--:|--:|"]
        lines += [
            f"| {_plain(entry.category)} | {entry.amount} | {entry.count} |"
            for entry in summary.by_category
        ]
        lines.append("")
    return lines


def _plain(text: str) -> str:
    """Text that Markdown takes for text."""
    return _MARKDOWN.sub(r"\\\1", text)


async def _owner(owners: Owners, task: Task) -> Caller:
    caller = await owners.caller_by_id(task.owner_id)
    if caller is None:
        raise NotFound("The account is gone.")
    return caller


async def _visible(budgets: BudgetAccess, caller: Caller, budget_id: str) -> BudgetGrant:
    grant = await budgets.budget_grant(caller, budget_id)
    if grant is None:
        raise NotFound("There is no such Budget.")
    return grant
