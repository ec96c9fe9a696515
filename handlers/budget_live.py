"""Budgets as they change, for whoever watches one: hints tell when, the store tells what."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from generated.events import BudgetDeleted, BudgetUpdated
from generated.models import Budget, BudgetRecord
from handlers.budget_access import level_of
from handlers.budget_figures import BudgetFigures
from handlers.watching import SessionChecks, Watching
from runtime.call import Caller
from runtime.ports import Batch, Fanout, Store
from runtime.problem import NotFound


def budget_channel(budget_id: str) -> str:
    """Where a budget's changes are pushed."""
    return f"budget:{budget_id}"


class BudgetLive:
    """Pushes what was committed, and lets callers watch."""

    def __init__(
        self, *, store: Store, figures: BudgetFigures, fanout: Fanout, sessions: SessionChecks
    ) -> None:
        self._store = store
        self._figures = figures
        self._fanout = fanout
        self._watching = Watching(fanout=fanout, sessions=sessions)

    async def push_budgets(self, batch: Batch[BudgetUpdated | BudgetDeleted]) -> None:
        """Tells whoever watches; of several changes of one budget, the last."""
        budgets: dict[str, Budget] = {}
        for delivery in batch:
            event = delivery.event
            budget = event.after if isinstance(event, BudgetUpdated) else event.before
            budgets[budget.id] = budget
        for id, budget in budgets.items():
            payload = Budget.__pydantic_serializer__.to_json(budget, by_alias=True)
            push = b'{"channel":"budgets/%b","payload":%b}' % (id.encode(), payload)
            await self._fanout.publish(budget_channel(id), push)

    async def watch_budget(self, caller: Caller, id: str) -> AsyncGenerator[Budget, None]:
        """The budget after each change from now on, while session and membership stand.

        A push may be lost, late or doubled, so it only says when to look; without one it looks now
        and then. Of changes in a row the last may stand for all.
        """
        async with self._watching.open(caller, budget_channel(id)) as messages:
            budget = await self._store.get(BudgetRecord, id)
            version = budget.version if budget is not None else 0
            async for _ in messages:
                budget = await self._store.get(BudgetRecord, id)
                if budget is None or level_of(caller, budget) is None:
                    return
                try:
                    budget = await self._figures.current(budget)
                except NotFound:
                    return
                if budget.version > version:
                    version = budget.version
                    yield budget
