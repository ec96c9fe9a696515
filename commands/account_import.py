"""Takes an account's file into a platform: first all is checked, then all is written, or nothing.

What is there already stays as it is: the same is skipped, what differs is told. So an import that
was ended halfway is run again. Writing goes by the handlers' rules: the ledger's sums commit with
its rows, and events are emitted, by which the counters and the index follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from commands.account_file import AccountFile, Record
from commands.account_kinds import KINDS
from generated.events import BudgetCreated, ExpenseCreated, OrderCreated, UserCreated
from generated.models import (
    AccountBalance,
    BudgetRecord,
    Expense,
    NotificationReceipt,
    NotificationRecord,
    Order,
    PurgedBudget,
    Role,
    TaskRecord,
    TaskStatus,
    Transaction,
    UserRecord,
)
from handlers.access import NOBODY
from handlers.amounts import MOST, zero
from handlers.ledger import Ledger
from handlers.periods import window_at
from handlers.writing import Decided, decided, persist
from runtime.ports import Change, Conflict, Delete, Emit, Insert, Query, Taken, Where

if TYPE_CHECKING:
    from app import Platform

# Rows of one commit.
_SOME = 200
MOST_TOLD = 100


@dataclass(slots=True)
class Outcome:
    """What became of the records, by kind; `told` says why some were not taken, with their lines.

    `reindex`: the index must be built anew, as it keeps what was deleted from coming back.
    """

    new: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    same: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    left: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    told: list[str] = field(default_factory=list)
    reindex: bool = False

    def leave(self, record: Record, why: str) -> None:
        """The record is not taken, or not all of it."""
        self.left[record.kind.name] += 1
        if len(self.told) < MOST_TOLD:
            self.told.append(f"line {record.line}: {record.kind.name} {record.entity.id} {why}")


class AccountImport:
    """One import. `keep_role`: the file may make an admin."""

    def __init__(self, world: Platform, source: AccountFile, *, keep_role: bool) -> None:
        self._world = world
        self._stores = world.stores
        self._source = source
        self._keep_role = keep_role
        self._ledger = Ledger(store=world.stores["transaction"], ids=world.ids, clock=world.clock)
        self._here: dict[str, str | None] = {}
        self._fixed: set[str] = set()
        self.outcome = Outcome()

    # --- checking ---------------------------------------------------------------------------------

    async def check(self) -> bool:
        """Whether it can be taken as a whole; else the file's `faults` say why not."""
        for group in _batches(self._source.check()):
            await self._check(group)
        await self._check_sums()
        return not self._source.faults

    async def plan(self) -> None:
        """Counts what `write` would do, and does nothing."""
        for group in _batches(self._source.records()):
            await self._sort_out(group)

    async def _check(self, group: Sequence[Record]) -> None:
        """Faults that only the platform's data show."""
        kind = group[0].kind
        known = await self._known(group)
        for record in group:
            there = known.get(record.entity.id)
            if there is not None:
                if kind.owner is not None and kind.owner(there) not in (
                    kind.owner(record.entity),
                    NOBODY,
                ):
                    self._source.blame(record.line, "is another account's here", "/value/id")
            elif (fault := await self._taken(record)) is not None:
                self._source.blame(record.line, *fault)

    async def _taken(self, record: Record) -> tuple[str, str] | None:
        """What keeps a new record out: something else that is what only it may be."""
        store = self._stores[record.kind.service]
        match record.entity:
            case UserRecord() as user:
                if await store.find(UserRecord, email=user.email) is not None:
                    return "is another account's address here", "/value/email"
            case Expense() as expense:
                currency = await self._currency_of(expense.budget_id)
                if currency and currency != expense.currency.value:
                    return f"its budget is in {currency} here", "/value/currency"
                if expense.external_id is not None and await store.find(
                    Expense, budget_id=expense.budget_id, external_id=expense.external_id
                ):
                    return "is another expense's in that budget here", "/value/externalId"
            case Transaction() as row:
                if row.reversal_of is not None and await store.find(
                    Transaction, reversal_of=row.reversal_of
                ):
                    return "has another reversal here", "/value/reversalOf"
                if row.order_id is not None:
                    where = (Where("order_id", "eq", row.order_id),)
                    booked = await store.page(Transaction, Query(where, limit=2))
                    if any(other.kind is row.kind for other in booked.items):
                        return "has another row of its kind here", "/value/orderId"
        return None

    async def _currency_of(self, budget_id: str) -> str | None:
        """The currency of a budget that was here before, and that the account may write."""
        if budget_id not in self._here:
            budget = await self._stores["budget"].get(BudgetRecord, budget_id)
            writers = set()
            if budget is not None:
                writers = {m.user_id for m in budget.members if m.role.value == "editor"}
                writers.add(budget.owner_id)
            may = self._source.account_id in writers
            self._here[budget_id] = budget.currency.value if budget is not None and may else None
        return self._here[budget_id]

    async def _check_sums(self) -> None:
        """No sum of the ledger becomes larger than it may be."""
        for (currency, kind), total in self._source.sums.items():
            id = f"{self._source.account_id}:{currency.value}"
            sums = await self._stores["transaction"].get(AccountBalance, id)
            held = getattr(sums, kind.value) if sums is not None else zero(currency.value)
            # What is there already is counted twice here: such an account is far beyond any use.
            if held + total > MOST:
                self._source.blame(0, f"all {kind.value}s in {currency.value} come to too much")

    # --- writing ----------------------------------------------------------------------------------

    async def write(self) -> None:
        """Takes the records. Raises Conflict or Taken where somebody was at the same: run again."""
        for group in _batches(self._source.records()):
            new = await self._sort_out(group)
            if not new:
                continue
            name = new[0].kind.name
            if name == "transaction":
                await self._book([record.entity for record in new])
            else:
                changes: list[Change] = []
                for record in new:
                    changes += await self._entered(record.entity)
                await self._stores[new[0].kind.service].commit(*changes)

    async def _sort_out(self, group: Sequence[Record]) -> list[Record]:
        """Those that are new here; of the others it is noted what became of them."""
        known = await self._known(group)
        new: list[Record] = []
        for record in group:
            there = known.get(record.entity.id)
            name = record.kind.name
            if there is None:
                if (why := await self._unwanted(record)) is not None:
                    self.outcome.leave(record, why)
                    continue
                self.outcome.new[name] += 1
                new.append(record)
            elif record.kind.essence(there) == record.kind.essence(record.entity):
                self.outcome.same[name] += 1
            else:
                self.outcome.leave(record, _differs(record, there))
            if name == "user" and (text := self._role(record.entity, there)):
                self.outcome.told.append(text)
        return new

    async def _unwanted(self, record: Record) -> str | None:
        """Why a new record has no place here."""
        match record.entity:
            case Expense() as expense if expense.budget_id not in self._source.budgets:
                if await self._currency_of(expense.budget_id) is None:
                    return "is in a budget that the account may not write here"
            case NotificationReceipt() as receipt:
                told = receipt.notification_id
                if await self._stores["notification"].get(NotificationRecord, told) is None:
                    return "is about a notification that is not here"
        return None

    def _role(self, user: UserRecord, there: UserRecord | None) -> str:
        """What is said of a role that is not taken."""
        held = there.role if there is not None else Role.USER
        if user.role is held or (there is None and self._keep_role):
            return ""
        return (
            f"the role {user.role.value} is not taken: "
            f"budget-manager users set-role {user.email} {user.role.value}"
        )

    async def _entered(self, entity: Any) -> list[Change]:
        """What commits a new record."""
        match entity:
            case UserRecord() as user:
                changed_at = user.password_changed_at or self._world.clock.now()
                role = user.role if self._keep_role else Role.USER
                made = user.but(role=role, password_changed_at=changed_at)
                return [Insert(made), Emit(UserCreated(after=made))]
            case BudgetRecord() as budget:
                await self._welcome(budget.id)
                opened = self._opened(budget)
                return [Insert(opened), Emit(BudgetCreated(after=opened))]
            case Expense() as expense:
                await self._fix(expense)
                return [Insert(expense), Emit(ExpenseCreated(after=expense))]
            case Order() as order:
                # Whatever its status: what was booked for it is in the file.
                return [Insert(order), Emit(OrderCreated(after=order))]
            case NotificationRecord() as notification:
                return [Insert(notification.but(unread=notification.read_at is None))]
            case TaskRecord() as task if task.status in (TaskStatus.QUEUED, TaskStatus.RUNNING):
                # It may have run where it was: its owner may retry it.
                return [Insert(task.but(status=TaskStatus.CANCELLED))]
            case _:
                return [Insert(entity)]

    def _opened(self, budget: BudgetRecord) -> BudgetRecord:
        """The budget before its first expense: the events count them."""
        nothing = zero(budget.currency.value)
        today = self._world.clock.today()
        window = window_at(budget.period, budget.starts_on, budget.ends_on, today)
        return budget.but(
            spent=nothing,
            counted=nothing,
            counted_from=window.start,
            currency_fixed=budget.id in self._source.spent_in,
        )

    async def _welcome(self, budget_id: str) -> None:
        """Takes away the mark by which a deleted budget's expenses are purged when they come."""
        store = self._stores["expense"]
        mark = await store.get(PurgedBudget, budget_id)
        if mark is not None:
            await store.commit(Delete(mark))
            self.outcome.reindex = True

    async def _fix(self, expense: Expense) -> None:
        """Lets the currency of a budget that was here before stay, as a first expense does."""
        if expense.budget_id in self._fixed or await self._currency_of(expense.budget_id) is None:
            return
        if await self._world.budget.fix_currency(expense.budget_id) != expense.currency.value:
            raise Conflict("Budget", expense.budget_id)
        self._fixed.add(expense.budget_id)

    async def _book(self, rows: list[Transaction]) -> None:
        store = self._stores["transaction"]
        for _, of_currency in groupby(sorted(rows, key=_currency), key=_currency):
            booked = list(of_currency)

            async def attempt(booked: Sequence[Transaction] = booked) -> Decided[None]:
                return decided(None, *await self._ledger.booking(booked))

            await persist(store, attempt, racing=(AccountBalance,))

    async def _known(self, group: Sequence[Record]) -> dict[str, Any]:
        kind = group[0].kind
        ids = [record.entity.id for record in group]
        return await self._stores[kind.service].get_many(kind.entity, ids)


async def leftovers(world: Platform, account_id: str) -> bool:
    """Whether something of a deleted account of that id is still here: its events must drain."""
    where = (Where("visibleTo", "has", account_id),)
    if await world.stores["auth"].get(UserRecord, account_id) is not None:
        return False
    page = await world.stores["budget"].page(BudgetRecord, Query(where, (("id", False),), 50))
    return any(budget.owner_id == account_id for budget in page.items)


def _differs(record: Record, there: Any) -> str:
    if record.kind.owner is not None and record.kind.owner(there) == NOBODY:
        return "was left to nobody when the account was deleted here, and stays so"
    mine, theirs = record.kind.essence(record.entity), record.kind.essence(there)
    names = sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))
    return f"differs here in {', '.join(names)}, and stays"


def _currency(row: Transaction) -> str:
    return row.currency.value


def _batches(records: Iterable[Record]) -> Iterable[list[Record]]:
    """Records that follow each other, of one kind, some at a time."""
    group: list[Record] = []
    for record in records:
        if group and (len(group) == _SOME or record.kind is not group[0].kind):
            yield group
            group = []
        group.append(record)
    if group:
        yield group


INTERRUPTED = (Conflict, Taken)
