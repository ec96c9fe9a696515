"""The budget service: budgets, and who may see them. Figures and members have their own files."""

from __future__ import annotations

import asyncio
from datetime import date

from generated.errors import CurrencyLocked, RangeInvalid
from generated.events import BudgetCreated, BudgetDeleted, UserDeleted
from generated.models import (
    Budget,
    BudgetInput,
    BudgetInvitation,
    BudgetPage,
    BudgetRecord,
    BudgetSummary,
    Currency,
    Period,
)
from handlers.amounts import exact, zero
from handlers.budget_access import BudgetVisibility, need
from handlers.budget_figures import BudgetFigures
from handlers.budget_live import BudgetLive
from handlers.budget_members import Addresses, BudgetMembers, without
from handlers.budget_summary import first_day, summarize
from handlers.purging import purge
from handlers.watching import SessionChecks
from handlers.writing import Decided, decided
from runtime.call import Call
from runtime.paging import Pager
from runtime.ports import (
    Batch,
    Clock,
    Delete,
    Emit,
    Fanout,
    Ids,
    Insert,
    Mailer,
    Query,
    Store,
    Where,
)
from runtime.problem import NotFound


class BudgetHandlers:
    """Satisfies the generated `BudgetService` and its consumers, and `BudgetAccess`."""

    def __init__(
        self,
        *,
        store: Store,
        ids: Ids,
        clock: Clock,
        pager: Pager,
        addresses: Addresses,
        sessions: SessionChecks,
        fanout: Fanout,
        mailer: Mailer,
        secret: bytes,
        public_url: str,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._pager = pager
        self._figures = figures = BudgetFigures(store=store, clock=clock)
        members = BudgetMembers(
            store=store,
            ids=ids,
            clock=clock,
            figures=figures,
            addresses=addresses,
            mailer=mailer,
            secret=secret,
            public_url=public_url,
        )
        access = BudgetVisibility(store=store, figures=figures)
        self.level_on_budget = access.level_on_budget
        self.budget_grant = access.budget_grant
        self.visible_budgets = access.visible_budgets
        self.fix_currency = access.fix_currency
        self.resolve_budget_access = access.resolve_budget_access
        self.fix_budget_currency = access.fix_budget_currency
        live = BudgetLive(store=store, figures=figures, fanout=fanout, sessions=sessions)
        self.push_budgets = live.push_budgets
        self.watch_budget = live.watch_budget
        self.list_budget_members = members.list_budget_members
        self.set_budget_member = members.set_budget_member
        self.remove_budget_member = members.remove_budget_member
        self.invite_to_budget = members.invite_to_budget
        self.accept_invitation = members.accept_invitation
        self.mail_invitation = members.mail_invitation
        self.count_expenses = figures.count_expenses
        self.purge_budget_figures = figures.purge_budget_figures

    # --- operations -------------------------------------------------------------------------------

    async def create_budget(self, call: Call, *, body: BudgetInput) -> Budget:
        """Makes a budget of the caller's. Raises AmountPrecision, RangeInvalid."""
        now = self._clock.now()
        nothing = zero(body.currency)
        budget = BudgetRecord(
            id=self._ids.new("bud"),
            version=1,
            created_at=now,
            updated_at=now,
            owner_id=call.caller.user_id,
            name=body.name,
            limit=exact(body.limit, body.currency, "/limit"),
            currency=body.currency,
            period=body.period,
            starts_on=self._starts_on(body),
            ends_on=body.ends_on,
            spent=nothing,
            members=[],
            counted=nothing,
            currency_fixed=False,
        )
        budget = budget.but(counted_from=self._figures.window(budget).start)
        await self._store.commit(
            Insert(budget), Emit(BudgetCreated(after=budget)), call.remember(budget)
        )
        return budget

    async def list_budgets(
        self,
        call: Call,
        *,
        currency: Currency | None = None,
        page_size: int,
        page_token: str | None = None,
        period: Period | None = None,
        sort: str | None = None,
    ) -> BudgetPage:
        """A page of the budgets that the caller owns or shares."""
        query = self._pager.query(
            call,
            page_size=page_size,
            page_token=page_token,
            sort=sort,
            filters={"currency": currency, "period": period},
            where=(Where("visibleTo", "has", call.caller.user_id),),
        )
        page = await self._store.page(BudgetRecord, query)
        items = await asyncio.gather(*map(self._current, page.items))
        return BudgetPage(
            items=[budget for budget in items if budget is not None],
            next_page_token=self._pager.next(call, query, page),
        )

    async def get_budget(self, call: Call, *, id: str) -> Budget:
        """One budget."""
        return await self._figures.current(await self._stored(id))

    async def update_budget(self, call: Call, *, id: str, body: BudgetInput) -> Budget:
        """Replaces what a client says of a budget; `spent` follows its expenses, whatever it says.

        Raises AmountPrecision, RangeInvalid, CurrencyLocked.
        """
        starts_on = self._starts_on(body)

        async def change(budget: BudgetRecord) -> Decided[Budget]:
            need(call.caller, budget, "editor")
            if body.currency is not budget.currency and budget.currency_fixed:
                raise CurrencyLocked(f"It has expenses in {budget.currency.value}.")
            after = budget.but(
                name=body.name,
                limit=exact(body.limit, body.currency, "/limit"),
                currency=body.currency,
                period=body.period,
                starts_on=starts_on,
                ends_on=body.ends_on,
            )
            if after == budget:
                after, changes = await self._figures.refreshed(budget)
                return decided(after, *changes, call.remember(after))
            periods = (budget.period, budget.starts_on, budget.ends_on, budget.currency)
            if periods != (after.period, after.starts_on, after.ends_on, after.currency):
                after = after.but(counted_from=None)
            after, changes = await self._figures.changed(budget, after)
            return decided(after, *changes, call.remember(after))

        return await self._figures.rewrite(id, change, if_version=call.if_version)

    async def delete_budget(self, call: Call, *, id: str) -> None:
        """Deletes a budget; its expenses, figures and invitations follow it."""

        async def change(budget: BudgetRecord) -> Decided[None]:
            need(call.caller, budget, "owner")
            gone = Emit(BudgetDeleted(before=budget))
            return decided(None, Delete(budget), gone, call.remember(None))

        await self._figures.rewrite(id, change, if_version=call.if_version)

    async def get_budget_summary(
        self, call: Call, *, id: str, day: date | None = None
    ) -> BudgetSummary:
        """The figures of the period that `day`, or today, is in; it reads no expenses."""
        budget = await self._stored(id)
        today = self._clock.today()
        window = self._figures.window(budget, day)
        counters = self._figures.counters(id, first_day(window, today), window.end)
        return await summarize(budget, window, today, counters)

    def _starts_on(self, body: BudgetInput) -> date:
        starts_on = body.starts_on or self._clock.today().replace(day=1)
        if body.ends_on is not None and body.ends_on < starts_on:
            raise RangeInvalid(pointer="/endsOn", message=f"is before {starts_on}, its first day")
        return starts_on

    async def _stored(self, id: str) -> BudgetRecord:
        budget = await self._store.get(BudgetRecord, id)
        if budget is None:
            raise NotFound("There is no such Budget.")
        return budget

    async def _current(self, budget: BudgetRecord) -> BudgetRecord | None:
        """The budget with today's figures; None when it was deleted meanwhile."""
        try:
            return await self._figures.current(budget)
        except NotFound:
            return None

    # --- consumers --------------------------------------------------------------------------------

    async def purge_account_budgets(self, batch: Batch[UserDeleted]) -> None:
        """Deletes a deleted account's budgets, its memberships and the invitations to its address.

        It looks for what there is, so repeating it is harmless.
        """
        for delivery in batch:
            user = delivery.event.before
            query = Query((Where("visibleTo", "has", user.id),), (("id", False),), 100)
            while (page := await self._store.page(BudgetRecord, query)).items:
                for budget in page.items:
                    await self._leave(budget.id, user.id)
            await purge(self._store, BudgetInvitation, Where("email", "eq", user.email))

    async def _leave(self, budget_id: str, user_id: str) -> None:
        async def change(budget: BudgetRecord) -> Decided[None]:
            if budget.owner_id == user_id:
                return decided(None, Delete(budget), Emit(BudgetDeleted(before=budget)))
            _, changes = await self._figures.changed(budget, without(budget, user_id))
            return decided(None, *changes)

        try:
            await self._figures.rewrite(budget_id, change)
        except NotFound:
            return
