"""Entering many expenses from a file: each row stands or falls by itself, and the answer says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b
from time import monotonic

from generated.events import ExpenseCreated
from generated.models import Expense, ImportChunk, ImportReport, ImportRow, ImportStatus
from generated.models import InputError as RowError
from handlers.access import BudgetAccess, BudgetGrant
from handlers.expense_entry import currency_stays, entered, writable
from handlers.purging import purge
from handlers.rows import Row, read_rows
from handlers.writing import ATTEMPTS, pause_before
from runtime.call import Call
from runtime.ports import Change, Clock, Delete, Emit, Ids, Insert, Query, Store, Taken, Where
from runtime.problem import DeadlineExceeded, InputError, Problem, VersionConflict
from runtime.upload import Upload

# Rows in one commit: a small file is entered as a whole, a large one lets other writers between.
CHUNK = 500
# Seconds of the deadline in which no further chunk begins: the answer must still go out.
_RESERVE = 5.0
# As long as the idempotency key that they are kept for.
_CHUNKS_KEPT = timedelta(hours=24)


class ExpenseImport:
    """The operation importExpenses."""

    def __init__(self, *, store: Store, ids: Ids, clock: Clock, budgets: BudgetAccess) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._budgets = budgets

    async def import_expenses(
        self, call: Call, *, budget_id: str, dry_run: bool, body: Upload
    ) -> ImportReport:
        """Enters the file's rows, in chunks, until the deadline is near; says what became of each.

        A row is a duplicate where its externalId is in the budget, or its id is: the file was
        exported from there. Raises ImportUnreadable, and then nothing was entered.
        """
        until = monotonic() + call.operation.deadline - _RESERVE
        data = b"".join([chunk async for chunk in body.chunks])
        rows = read_rows(body.media, data)
        report = _Report(dry_run, _mark(call, budget_id, data))
        for at in range(0, len(rows), CHUNK):
            chunk = rows[at : at + CHUNK]
            last = at + CHUNK >= len(rows)
            try:
                if monotonic() > until:
                    raise DeadlineExceeded("There was no time left for this row.")
                await self._enter(call, budget_id, chunk, report, at, last=last)
            except Problem as problem:
                # Also the access may end, or the budget, while a file is entered.
                report.add([_refused(row, problem) for row in chunk])
            await asyncio.sleep(0)  # reading a file must not hold up the others
        if not report.remembered:
            await self._store.commit(*self._remember(call, report, report.answer()))
        if report.mark is not None:
            old = Where("created_at", "lt", self._clock.now() - _CHUNKS_KEPT)
            await purge(self._store, ImportChunk, old)
        return report.answer()

    async def _entered(self, report: _Report, at: int) -> bool:
        """Whether the chunk was entered before a crash under the same key; notes it then."""
        if report.mark is None:
            return False
        kept = await self._store.get(ImportChunk, f"{report.mark}:{at}")
        if kept is not None:
            report.add(kept.rows)
            report.chunks.append(kept)
        return kept is not None

    async def _enter(
        self,
        call: Call,
        budget_id: str,
        rows: Sequence[Row],
        report: _Report,
        at: int,
        *,
        last: bool,
    ) -> None:
        """Enters `rows` with one commit, and notes what became of them."""
        for attempt in range(ATTEMPTS):
            await pause_before(attempt)
            if await self._entered(report, at):
                return
            grant = writable(await self._budgets.budget_grant(call.caller, budget_id))
            done, expenses = await self._judged(call, grant, rows, report)
            changes: list[Change] = []
            if not report.dry_run:
                if expenses and not await currency_stays(self._budgets, grant):
                    continue
                for expense in expenses:
                    changes += [Insert(expense), Emit(ExpenseCreated(after=expense))]
            chunk = self._chunk(report, done, at) if changes and not last else None
            if chunk is not None:
                changes.append(Insert(chunk))
            if last:
                changes += self._remember(call, report, report.answer(done))
            try:
                await self._store.commit(*changes)
            except Taken:
                continue  # somebody entered an externalId, or this very chunk, meanwhile
            report.add(done, expenses)
            report.remembered = last
            if chunk is not None:
                report.chunks.append(chunk)
            return
        raise VersionConflict("Others enter the same expenses.")

    def _chunk(self, report: _Report, rows: list[ImportRow], at: int) -> ImportChunk | None:
        """What a retry would need to know of a chunk."""
        if report.mark is None:
            return None
        now = self._clock.now()
        id = f"{report.mark}:{at}"
        return ImportChunk(id=id, version=1, created_at=now, updated_at=now, rows=rows)

    def _remember(self, call: Call, report: _Report, answer: ImportReport) -> list[Change]:
        """The answer for a repeated key, in place of the chunks that were kept for it."""
        return [call.remember(answer), *map(Delete, report.chunks)]

    async def _judged(
        self, call: Call, grant: BudgetGrant, rows: Sequence[Row], report: _Report
    ) -> tuple[list[ImportRow], list[Expense]]:
        """What becomes of each row, and the new expenses."""
        externals, origins = await self._known(grant.budget_id, rows)
        externals |= report.entered
        now = self._clock.now()
        done: list[ImportRow] = []
        expenses: list[Expense] = []
        for row in rows:
            body = row.body
            if body is None:
                done.append(_row(row, ImportStatus.REFUSED, errors=row.errors))
                continue
            there = row.origin if row.origin in origins else externals.get(body.external_id or "")
            if there is not None:
                done.append(_row(row, ImportStatus.DUPLICATE, there or None))
                continue
            try:
                id = self._ids.new("exp")
                expense = entered(id, call.caller.user_id, body, grant, now)
            except Problem as problem:
                done.append(_refused(row, problem))
                continue
            expenses.append(expense)
            if expense.external_id is not None:
                externals[expense.external_id] = "" if report.dry_run else id
            done.append(_row(row, ImportStatus.CREATED, None if report.dry_run else id))
        return done, expenses

    async def _known(self, budget_id: str, rows: Sequence[Row]) -> tuple[dict[str, str], set[str]]:
        """What the budget has of `rows`: externalIds with their expense's id, and ids."""
        asked = tuple({r.body.external_id for r in rows if r.body and r.body.external_id})
        externals: dict[str, str] = {}
        if asked:
            where = (Where("budget_id", "eq", budget_id), Where("external_id", "in", asked))
            page = await self._store.page(Expense, Query(where, (("id", False),), len(asked)))
            externals = {expense.external_id or "": expense.id for expense in page.items}
        origins = [row.origin for row in rows if row.origin is not None]
        found = await self._store.get_many(Expense, origins)
        return externals, {id for id, e in found.items() if e.budget_id == budget_id}


class _Report:
    """What became of the rows so far."""

    def __init__(self, dry_run: bool, mark: str | None) -> None:
        self.dry_run = dry_run
        # What the kept chunks of this import are called; None: it has no key.
        self.mark = None if dry_run else mark
        self.chunks: list[ImportChunk] = []
        # Whether the answer was committed with the last chunk.
        self.remembered = False
        # externalId → id of what this import entered; "" for what it would.
        self.entered: dict[str, str] = {}
        self._rows: list[ImportRow] = []

    def add(self, rows: Sequence[ImportRow], expenses: Sequence[Expense] = ()) -> None:
        self._rows += rows
        for expense in expenses:
            if expense.external_id is not None:
                self.entered[expense.external_id] = "" if self.dry_run else expense.id

    def answer(self, more: Sequence[ImportRow] = ()) -> ImportReport:
        rows = [*self._rows, *more]
        counts = dict.fromkeys(ImportStatus, 0)
        for row in rows:
            counts[row.status] += 1
        return ImportReport(
            dry_run=self.dry_run,
            created=counts[ImportStatus.CREATED],
            duplicates=counts[ImportStatus.DUPLICATE],
            refused=counts[ImportStatus.REFUSED],
            rows=rows,
        )


def _row(
    row: Row, status: ImportStatus, id: str | None = None, errors: Sequence[InputError] = ()
) -> ImportRow:
    listed = [
        RowError(pointer=e.pointer[:300], code=e.code, message=e.message[:500]) for e in errors[:20]
    ]
    return ImportRow(row=row.number, status=status, id=id, errors=listed)


def _refused(row: Row, problem: Problem) -> ImportRow:
    errors = problem.errors or (InputError("", problem.code, problem.detail),)
    return _row(row, ImportStatus.REFUSED, errors=errors)


def _mark(call: Call, budget_id: str, data: bytes) -> str | None:
    """A name for this file under this key; None without a key."""
    if call.idempotency_key is None:
        return None
    digest = blake2b(data, digest_size=20)
    for part in (call.caller.user_id, budget_id, call.idempotency_key):
        digest.update(b"\0" + part.encode())
    return digest.hexdigest()
