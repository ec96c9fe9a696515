"""What other processes know: the questions that services ask each other, by internal operations.

Each class is what a handler takes where the service that knows runs in this process; here it asks
(budget.proto, between services), through the generated clients.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from time import monotonic

from generated.models import (
    AccountIdentity,
    Expense,
    Role,
    SessionState,
    Task,
    TaskKind,
    TaskParameters,
)
from generated.models import BudgetAccess as ResolvedAccess
from generated.services import (
    AuthInternals,
    BudgetInternals,
    ExpenseInternals,
    SearchInternals,
    TaskInternals,
)
from handlers.access import BudgetGrant
from handlers.callers import caller_as
from runtime.call import Caller
from runtime.ports import Clock
from runtime.problem import NotFound, Unauthenticated
from runtime.tokens import AccessTokens

# The contract: kept until that budget's next event, and for so many seconds at most.
_GRANT_KEPT = 5.0
_MOST_GRANTS = 20_000
_MOST_IDS = 500


class RemoteAccounts:
    """Who somebody is: for the gate, for watchers, for tasks and invitations."""

    def __init__(self, *, client: AuthInternals, tokens: AccessTokens, clock: Clock) -> None:
        self._client = client
        self._tokens = tokens
        self._clock = clock

    async def identify(self, token: str) -> tuple[Caller, float]:
        """The caller behind an access token, and for how many seconds. Raises Unauthenticated."""
        claims = self._tokens.verify(token)
        try:
            state = await self._client.check_session(session_id=claims.session_id)
        except NotFound:
            raise _ended() from None
        if state.user_id != claims.user_id:
            raise _ended()
        until = min(claims.expires_at, state.expires_at)
        return _caller(state), (until - self._clock.now()).total_seconds()

    async def redeem(self, ticket: str) -> Caller:
        """The caller that a ticket was made for; good once. Raises Unauthenticated."""
        try:
            return _caller(await self._client.redeem_socket_ticket(ticket=ticket))
        except NotFound as refused:
            raise Unauthenticated(refused.detail) from None

    async def check_session(self, *, session_id: str) -> SessionState:
        """Who is behind a session. Raises NotFound when it does not stand."""
        return await self._client.check_session(session_id=session_id)

    async def email_of(self, user_id: str) -> str | None:
        """The account's address, once it is verified."""
        account = await self._described(user_id)
        return account.email if account is not None and account.email_verified else None

    async def caller_by_id(self, user_id: str) -> Caller | None:
        """The account as it is now, as a caller without a session: who a task is run for."""
        account = await self._described(user_id)
        if account is None:
            return None
        return caller_as(account.user_id, "", account.role, account.email_verified)

    async def _described(self, user_id: str) -> AccountIdentity | None:
        try:
            return await self._client.describe_account(user_id=user_id)
        except NotFound:
            return None


class RemoteBudgets:
    """Who may see which budget (handlers/access.py); an answer is kept for some seconds."""

    def __init__(self, *, client: BudgetInternals) -> None:
        self._client = client
        # By budget, so that its next event forgets all that is known of it.
        self._known: dict[str, dict[tuple[str, str], tuple[BudgetGrant | None, float]]] = {}

    async def budget_grant(self, caller: Caller, budget_id: str) -> BudgetGrant | None:
        """The caller's grant on one budget; None when it does not exist for the caller."""
        role = _role(caller)
        now = monotonic()
        known = self._known.get(budget_id, _NOTHING).get((caller.user_id, role.value))
        if known is not None and known[1] > now:
            return known[0]
        # What is asked before an event and answered after it is not kept.
        told = self._known.setdefault(budget_id, {})
        found = await self._client.resolve_budget_access(
            user_id=caller.user_id, budget_id=budget_id, role=role
        )
        grant = _grant(found.items[0]) if found.items else None
        if self._known.get(budget_id) is told:
            told[caller.user_id, role.value] = (grant, now + _GRANT_KEPT)
        while len(self._known) > _MOST_GRANTS:
            del self._known[next(iter(self._known))]
        return grant

    async def visible_budgets(self, caller: Caller) -> list[BudgetGrant]:
        """All budgets that the caller owns or shares."""
        found = await self._client.resolve_budget_access(user_id=caller.user_id)
        return [_grant(access) for access in found.items]

    async def fix_currency(self, budget_id: str) -> str | None:
        """Lets the budget's currency stay for good, and answers it; None when it is gone."""
        try:
            return (await self._client.fix_budget_currency(budget_id=budget_id)).currency.value
        except NotFound:
            return None

    async def level_on_budget(self, caller: Caller, id: str) -> str | None:
        """The caller's level on a budget; None when it does not exist for the caller."""
        grant = await self.budget_grant(caller, id)
        return None if grant is None else grant.level

    def forget(self, budget_id: str) -> None:
        """The budget has changed: what is known of it is asked anew."""
        self._known.pop(budget_id, None)


class RemoteExpenses:
    """The expenses, for the search index."""

    def __init__(self, *, client: ExpenseInternals) -> None:
        self._client = client

    async def expenses_of(self, ids: Sequence[str]) -> dict[str, Expense]:
        """Those that exist, by id."""
        found: dict[str, Expense] = {}
        for at in range(0, len(ids), _MOST_IDS):
            some = await self._client.find_expenses(ids=list(ids[at : at + _MOST_IDS]))
            found |= {expense.id: expense for expense in some.items}
        return found

    async def scan(self) -> AsyncIterator[Expense]:
        """Every expense of everybody, by id."""
        after: str | None = None
        while (some := await self._client.scan_expenses(after=after)).items:
            for expense in some.items:
                yield expense
            after = some.items[-1].id


class RemoteTasks:
    """The queue of tasks."""

    def __init__(self, *, client: TaskInternals) -> None:
        self._client = client

    async def queue_task(self, owner_id: str, kind: TaskKind, input: TaskParameters) -> Task:
        """Queues a task for its owner."""
        return await self._client.queue_task(owner_id=owner_id, kind=kind, input=input)


class RemoteIndex:
    """The search index, for the task that builds it anew."""

    def __init__(self, *, client: SearchInternals) -> None:
        self._client = client

    async def rebuild(self) -> int:
        """How many expenses it holds then."""
        return (await self._client.rebuild_index()).expenses


_NOTHING: Mapping[tuple[str, str], tuple[BudgetGrant | None, float]] = {}


def _role(caller: Caller) -> Role:
    """The role that counts: until the address is verified it is a user's."""
    return Role(caller.role) if caller.verified and caller.role else Role.USER


def _caller(state: SessionState) -> Caller:
    return caller_as(state.user_id, state.session_id, state.role, state.email_verified)


def _grant(access: ResolvedAccess) -> BudgetGrant:
    return BudgetGrant(
        access.budget_id,
        access.level.value,
        access.currency.value,
        access.name,
        access.currency_fixed,
    )


def _ended() -> Unauthenticated:
    return Unauthenticated("The session has ended.")
