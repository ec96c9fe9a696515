"""The ledger itself: each row commits with its owner's sums in that currency: they never differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from generated.errors import AmountTooLarge
from generated.events import TransactionCreated
from generated.models import (
    AccountBalance,
    Currency,
    Transaction,
    TransactionKind,
)
from handlers.access import NOBODY
from handlers.amounts import MOST, bounded, zero
from handlers.writing import Decided, Turns, decided, persist
from runtime.call import Call
from runtime.model import assemble
from runtime.ports import Change, Clock, Conflict, Delete, Emit, Ids, Insert, Store, Taken, Update

_OPPOSITE = {
    TransactionKind.CREDIT: TransactionKind.DEBIT,
    TransactionKind.DEBIT: TransactionKind.CREDIT,
}


class Ledger:
    """Makes rows and what commits them."""

    def __init__(self, *, store: Store, ids: Ids, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        # All rows of one owner and currency change the same sums.
        self.turns = Turns()

    def row(
        self,
        *,
        owner_id: str,
        kind: TransactionKind,
        amount: Decimal,
        currency: Currency,
        description: str,
        order_id: str | None = None,
        budget_id: str | None = None,
        reversal_of: str | None = None,
    ) -> Transaction:
        """A new row."""
        now = self._clock.now()
        return Transaction(
            id=self._ids.new("txn"),
            version=1,
            created_at=now,
            updated_at=now,
            owner_id=owner_id,
            kind=kind,
            amount=amount,
            currency=currency,
            description=description,
            order_id=order_id,
            budget_id=budget_id,
            reversal_of=reversal_of,
        )

    def reversal(self, original: Transaction) -> Transaction:
        """The row that takes `original` back."""
        return self.row(
            owner_id=original.owner_id,
            kind=_OPPOSITE[original.kind],
            amount=original.amount,
            currency=original.currency,
            description=f"Reversal of {original.id}",
            order_id=original.order_id,
            budget_id=original.budget_id,
            reversal_of=original.id,
        )

    async def book(self, call: Call, row: Transaction) -> Transaction:
        """Commits a row. Raises AmountTooLarge; Taken where its original has a reversal."""

        async def attempt() -> Decided[Transaction]:
            return decided(row, *await self.booking([row]), call.remember(row))

        async with self.turns.turn(row.owner_id):
            return await persist(self._store, attempt, racing=(AccountBalance,))

    async def booking(self, rows: Sequence[Transaction]) -> list[Change]:
        """What commits `rows`, all of one owner and currency. Raises AmountTooLarge."""
        if not rows:
            return []
        sums = await self._sums(rows[0].owner_id, rows[0].currency)
        changes: list[Change] = [self._moved(sums, rows, 1)]
        for row in rows:
            changes += [Insert(row), Emit(TransactionCreated(after=row))]
        return changes

    async def give_away(self, rows: Sequence[Transaction]) -> None:
        """Makes `rows`, all of one owner, nobody's; where somebody was faster, does nothing."""
        now = self._clock.now()
        changes: list[Change] = [
            Update(row.but(owner_id=NOBODY, version=row.version + 1, updated_at=now))
            for row in rows
        ]
        for currency in dict.fromkeys(row.currency for row in rows):
            theirs = [row for row in rows if row.currency is currency]
            changes.append(self._moved(await self._sums(rows[0].owner_id, currency), theirs, -1))
            changes.append(self._moved(await self._sums(NOBODY, currency), theirs, 1))
        try:
            await self._store.commit(*changes)
        except (Conflict, Taken):
            return

    async def _sums(self, owner_id: str, currency: Currency) -> AccountBalance:
        """The owner's sums in that currency; version 0 where there are none yet."""
        id = f"{owner_id}:{currency.value}"
        sums = await self._store.get(AccountBalance, id)
        if sums is not None:
            return sums
        now = self._clock.now()
        nothing = zero(currency)
        return assemble(
            AccountBalance,
            {
                "id": id,
                "version": 0,
                "created_at": now,
                "updated_at": now,
                "owner_id": owner_id,
                "currency": currency,
                "credit": nothing,
                "debit": nothing,
            },
        )

    def _moved(self, sums: AccountBalance, rows: Iterable[Transaction], sign: int) -> Change:
        """The sums with the rows, or (`sign` -1) without them."""
        total = {TransactionKind.CREDIT: sums.credit, TransactionKind.DEBIT: sums.debit}
        for row in rows:
            total[row.kind] += sign * row.amount
        if sums.owner_id == NOBODY:  # nobody is asked, and nobody's sums refuse nothing
            total = {kind: bounded(amount) for kind, amount in total.items()}
        elif max(total.values()) > MOST:
            raise AmountTooLarge(pointer="/amount", message="makes the balance too large")
        credit, debit = total[TransactionKind.CREDIT], total[TransactionKind.DEBIT]
        if not credit and not debit:
            return Delete(sums)
        after = sums.but(
            credit=credit, debit=debit, version=sums.version + 1, updated_at=self._clock.now()
        )
        return Update(after) if sums.version else Insert(after)
