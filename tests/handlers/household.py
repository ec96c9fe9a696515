"""The budget, expense, transaction and search services over one world, called through the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from inspect import signature
from typing import Any

from pydantic import TypeAdapter

from generated.models import (
    AcceptInvitationInput,
    Budget,
    BudgetInput,
    BudgetInvitation,
    Expense,
    ExpenseInput,
    ExpenseUpdate,
    InvitationInput,
    MemberRole,
    Role,
    SessionState,
    Task,
    TaskKind,
    TaskParameters,
    TaskStatus,
    User,
)
from generated.operations import LEVEL_METHODS, LEVELS, OPERATIONS
from generated.values import RESULTS
from handlers.budget import BudgetHandlers
from handlers.expense import ExpenseHandlers
from handlers.search import SearchHandlers
from handlers.transaction import TransactionHandlers
from runtime.adapters.tantivy_index import TantivyIndex
from runtime.call import Caller
from runtime.gate import Gate, KnownTokens
from runtime.ports import Query, Where
from runtime.problem import NotFound, Unauthenticated
from runtime.ratelimit import Limiter
from runtime.upload import Upload
from tests.handlers.world import SECRET, World, call, somebody

SERVICES = ("budget", "expense", "search", "transaction")


class Accounts:
    """The auth service, as far as the others ask it."""

    def __init__(self) -> None:
        self.emails: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.ended: set[str] = set()

    async def email_of(self, user_id: str) -> str | None:
        """The account's address."""
        return self.emails.get(user_id)

    async def check_session(self, *, session_id: str) -> SessionState:
        """Who is behind it, until it ends."""
        if session_id in self.ended:
            raise NotFound(session_id)
        user_id = self.sessions[session_id]
        expires_at = datetime(2100, 1, 1, tzinfo=UTC)
        return SessionState(
            session_id=session_id,
            user_id=user_id,
            role=Role.USER,
            email_verified=True,
            expires_at=expires_at,
        )

    async def identify(self, token: str) -> tuple[Caller, float]:
        """Tests name their callers."""
        raise Unauthenticated(token)

    async def redeem(self, ticket: str) -> Caller:
        """The same."""
        raise Unauthenticated(ticket)


class Tasks:
    """The tasks that were asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.queued: list[Task] = []

    async def queue_task(self, owner_id: str, kind: TaskKind, input: TaskParameters) -> Task:
        """Keeps the task; nothing runs it."""
        now = self._world.clock.now()
        task = Task(
            id=self._world.ids.new("tsk"),
            version=1,
            created_at=now,
            updated_at=now,
            owner_id=owner_id,
            kind=kind,
            input=input,
            status=TaskStatus.QUEUED,
            progress=0,
            attempts=0,
        )
        self.queued.append(task)
        return task


class Household:
    """Handlers, and the gate's chain in front of them: access, idempotency, deadline."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.accounts = Accounts()
        self.tasks = Tasks(world)
        self.index = TantivyIndex(world.folder / "index", today=world.clock.today)
        stores = {name: world.store(name) for name in SERVICES}
        self.stores = stores
        shared: dict[str, Any] = {"ids": world.ids, "clock": world.clock, "pager": world.pager}
        self.budget = BudgetHandlers(
            store=stores["budget"],
            addresses=self.accounts,
            sessions=self.accounts,
            fanout=world.fanout,
            mailer=world.mailer,
            secret=SECRET,
            public_url="http://localhost:3000",
            **shared,
        )
        self.expense = ExpenseHandlers(store=stores["expense"], budgets=self.budget, **shared)
        self.transaction = TransactionHandlers(store=stores["transaction"], **shared)
        self.search = SearchHandlers(
            index=self.index, budgets=self.budget, expenses=self.expense, tasks=self.tasks
        )
        self.gate = Gate(
            handlers={
                operation.id: getattr(getattr(self, operation.service), operation.method)
                for operation in OPERATIONS.values()
                if operation.service in SERVICES
            },
            levels={
                resource: getattr(getattr(self, service), method)
                for resource, (service, method) in LEVEL_METHODS.items()
                if service in SERVICES
            },
            ranks=LEVELS,
            watches={},
            stores=stores,
            results=RESULTS,
            identities=self.accounts,
            known=KnownTokens(),
            limiter=Limiter(),
        )

    async def carry(self, *services: str) -> None:
        """Starts the bus with the consumers of these services, or of all."""
        await self.world.carry(**{name: getattr(self, name) for name in services or SERVICES})

    async def run(
        self,
        caller: Caller,
        operation: str,
        *,
        key: str | None = None,
        if_version: int | None = None,
        **arguments: Any,
    ) -> Any:
        """What the operation answers, as a client reads it: what breaks the contract is raised."""
        known = OPERATIONS[operation]
        made = call(known, caller, idempotency_key=key, if_version=if_version)
        if known.listing is not None:
            arguments.setdefault("page_size", 50)
        # What a client leaves out, every protocol's decoder gives as None.
        handler = getattr(getattr(self, known.service), known.method)
        for parameter in signature(handler).parameters.values():
            if parameter.default is None:
                arguments.setdefault(parameter.name, None)
        answer = await self.gate.chain(known)(made, arguments)
        if RESULTS[operation] is None:
            return answer
        adapter: TypeAdapter[Any] = TypeAdapter(RESULTS[operation])
        return adapter.validator.validate_json(adapter.serializer.to_json(answer))

    # --- what most tests begin with ---------------------------------------------------------------

    async def budget_of(self, owner: Caller, **said: Any) -> Budget:
        """A new budget: 500 USD a month, unless said otherwise."""
        usual: dict[str, Any] = {"name": "Household", "limit": Decimal("500.00")}
        body = BudgetInput(**(usual | said))
        made: Budget = await self.run(owner, "createBudget", body=body)
        return made

    async def spend(
        self, caller: Caller, budget: Budget, amount: str, *, key: str | None = None, **said: Any
    ) -> Expense:
        """A new expense: groceries, unless said otherwise."""
        usual: dict[str, Any] = {
            "budget_id": budget.id,
            "description": "Market",
            "amount": Decimal(amount),
            "category": "Groceries",
        }
        body = ExpenseInput(**(usual | said))
        made: Expense = await self.run(caller, "createExpense", key=key, body=body)
        return made

    async def share(self, owner: Caller, budget: Budget, guest: Caller, role: MemberRole) -> Budget:
        """Makes `guest` a member, by an invitation."""
        email = f"{guest.user_id}@example.com"
        body = InvitationInput(email=email, role=role)
        await self.run(owner, "inviteToBudget", id=budget.id, body=body)
        its = (Where("email", "eq", email), Where("budget_id", "eq", budget.id))
        page = await self.stores["budget"].page(BudgetInvitation, Query(its))
        self.accounts.emails[guest.user_id] = email
        accept = AcceptInvitationInput(invitation_id=page.items[0].id)
        shared: Budget = await self.run(guest, "acceptInvitation", body=accept)
        return shared


def account(world: World, caller: Caller) -> User:
    """The caller's account, as the auth service publishes it."""
    now = world.clock.now()
    return User(
        id=caller.user_id,
        version=1,
        created_at=now,
        updated_at=now,
        email=f"{caller.user_id}@example.com",
        name="Somebody",
        role=Role.USER,
        email_verified=True,
    )


def again(expense: Expense, **changed: Any) -> ExpenseUpdate:
    """The expense as a client would send it back, with some fields changed."""
    said = {name: getattr(expense, name) for name in ExpenseUpdate.model_fields}
    return ExpenseUpdate(**(said | changed))


def said(budget: Budget, **changed: Any) -> BudgetInput:
    """The budget as a client would send it back, with some fields changed."""
    return BudgetInput(
        **({name: getattr(budget, name) for name in BudgetInput.model_fields} | changed)
    )


def upload(text: str | bytes, media: str = "text/csv", size: int = 7) -> Upload:
    """A file that comes in small chunks."""
    data = text.encode() if isinstance(text, str) else text

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(data), size):
            yield data[at : at + size]

    return Upload(media, chunks())


async def shown(house: Household, budget: Budget) -> Budget:
    """The budget when all events had their effect."""
    await house.world.drained()
    admin = somebody(house.world, "admin")
    found: Budget = await house.run(admin, "getBudget", id=budget.id)
    return found


async def whole(chunks: AsyncIterator[bytes]) -> str:
    """A streamed file."""
    return b"".join([chunk async for chunk in chunks]).decode()


def day(text: str) -> date:
    """`2026-11-22` as a day."""
    return date.fromisoformat(text)
