"""Import and export: every row's fate is told, nothing is entered twice, all of it comes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest

from generated.errors import ImportUnreadable, RangeInvalid
from generated.models import (
    Budget,
    Currency,
    Expense,
    ImportChunk,
    ImportReport,
    ImportStatus,
    MemberRole,
)
from generated.operations import OPERATIONS
from handlers import expense_import
from runtime.call import Caller
from runtime.ports import Change, Query, Store
from runtime.problem import Forbidden, KeyReused, NotFound
from runtime.upload import Upload
from tests.handlers.household import Household, day, shown, upload, whole
from tests.handlers.world import call, somebody

pytestmark = pytest.mark.anyio

HEAD = "description,amount,category,externalId\n"
CREATED, DUPLICATE, REFUSED = ImportStatus.CREATED, ImportStatus.DUPLICATE, ImportStatus.REFUSED


async def enter(
    house: Household, caller: Caller, budget: Budget, file: str | Upload, **asked: Any
) -> ImportReport:
    """The report on a file's import."""
    body = file if isinstance(file, Upload) else upload(file)
    asked = {"dry_run": False} | asked
    report: ImportReport = await house.run(
        caller, "importExpenses", budget_id=budget.id, body=body, **asked
    )
    return report


async def export(house: Household, caller: Caller, **asked: Any) -> str:
    """The exported file."""
    return await whole(await house.run(caller, "exportExpenses", **asked))


async def stored(house: Household) -> list[Expense]:
    """All expenses, by day and amount."""
    query = Query(sort=(("spent_on", False), ("amount", False)), limit=2000)
    return (await house.stores["expense"].page(Expense, query)).items


async def test_rows_stand_or_fall_one_by_one(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    text = (
        "description,amount,category,currency,spentOn,tags\n"
        "Tea,1.00,Food,,2026-11-01,hot;green\n"
        "Sushi,100,Food,JPY,,\n"
        "Cake,1.001,Food,,,\n"
        ",x,Food,,,\n"
        "Bread,2.00,Food,USD,,\n"
    )
    report = await enter(house, ann, budget, text)
    assert (report.created, report.duplicates, report.refused) == (2, 0, 3)
    assert [row.status for row in report.rows] == [CREATED, REFUSED, REFUSED, REFUSED, CREATED]
    assert [[error.code for error in row.errors] for row in report.rows[1:3]] == [
        ["currency-mismatch"],
        ["amount-precision"],
    ]
    assert {error.pointer for error in report.rows[3].errors} == {"/description", "/amount"}
    tea, bread = await stored(house)
    assert (tea.id, tea.tags, tea.owner_id) == (report.rows[0].id, ["hot", "green"], ann.user_id)
    assert bread.spent_on == day("2026-11-22")
    assert (await shown(house, budget)).spent == Decimal("3.00")


async def test_json_lines_enter_as_rows_do(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    lines = [
        {"description": "Tea", "amount": "1.00", "category": "Food", "tags": ["a;b"]},
        {"description": "Cake", "amount": 2, "category": "Food"},
    ]
    text = "\n".join(map(json.dumps, lines))
    report = await enter(house, ann, budget, upload(text, "application/x-ndjson"))
    assert [row.status for row in report.rows] == [CREATED, REFUSED]
    assert [expense.tags for expense in await stored(house)] == [["a;b"]]


async def test_an_external_id_enters_once_in_a_file_and_in_a_budget(house: Household) -> None:
    ann = somebody(house.world)
    budget, other = await house.budget_of(ann), await house.budget_of(ann)
    there = await house.spend(ann, budget, "9.00", external_id="a")
    text = (
        HEAD + "Tea,1.00,Food,a\nTea,1.00,Food,b\nTea,1.00,Food,b\nTea,x,Food,c\nTea,1.00,Food,c\n"
    )
    report = await enter(house, ann, budget, text)
    statuses = [row.status for row in report.rows]
    assert statuses == [DUPLICATE, CREATED, DUPLICATE, REFUSED, CREATED]
    assert report.rows[0].id == there.id
    assert report.rows[1].id == report.rows[2].id
    again = await enter(house, ann, budget, text)
    assert (again.created, again.duplicates, again.refused) == (0, 4, 1)
    assert (await enter(house, ann, other, text)).created == 3


async def test_a_dry_run_says_what_would_be_and_enters_nothing(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    text = HEAD + "Tea,1.00,Food,a\nTea,1.00,Food,a\nTea,x,Food,\n"
    report = await enter(house, ann, budget, text, dry_run=True)
    assert (report.dry_run, report.created, report.duplicates, report.refused) == (True, 1, 1, 1)
    assert {row.id for row in report.rows} == {None}
    assert await stored(house) == []
    grant = await house.budget.budget_grant(ann, budget.id)
    assert grant is not None
    assert not grant.currency_fixed


async def test_an_unreadable_file_enters_nothing(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    text = HEAD + "Tea,1.00,Food,\n" + '"unclosed'
    with pytest.raises(ImportUnreadable):
        await enter(house, ann, budget, text)
    assert await stored(house) == []


async def test_a_viewer_and_a_stranger_import_nothing(house: Household) -> None:
    ann, bob, eve = (somebody(house.world) for _ in range(3))
    budget = await house.share(ann, await house.budget_of(ann), bob, MemberRole.VIEWER)
    with pytest.raises(Forbidden):
        await enter(house, bob, budget, HEAD)
    with pytest.raises(NotFound):
        await enter(house, eve, budget, HEAD)


async def test_a_large_file_enters_in_chunks_and_is_counted(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, currency=Currency.JPY, limit=Decimal(10**9))
    rows = [f"Row {n},{n},{'Food' if n % 2 else 'Fun'},id-{n}\n" for n in range(1, 1201)]
    body = upload(HEAD + "".join(rows), size=1 << 14)
    report = await enter(house, ann, budget, body)
    assert (report.created, len(report.rows)) == (1200, 1200)
    assert [row.row for row in report.rows] == list(range(1, 1201))
    assert (await shown(house, budget)).spent == sum(range(1, 1201))


async def test_two_imports_of_one_file_meet_and_enter_it_once(
    house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expense_import, "CHUNK", 5)
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    text = HEAD + "".join(f"Row {n},1.00,Food,id-{n}\n" for n in range(40))
    reports = await asyncio.gather(*(enter(house, ann, budget, text) for _ in range(3)))
    assert sum(report.created for report in reports) == 40
    assert sum(report.duplicates for report in reports) == 80
    assert (await shown(house, budget)).spent == Decimal("40.00")


# A deadline that only a test has does not travel.
@pytest.mark.parametrize("world", ["here"], indirect=True)
async def test_near_the_deadline_the_other_rows_are_named_not_lost(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    short = replace(OPERATIONS["importExpenses"], deadline=5.0)
    report = await house.expense.import_expenses(
        call(short, ann), budget_id=budget.id, dry_run=False, body=upload(HEAD + "Tea,1.00,Food,\n")
    )
    assert (report.created, report.refused) == (0, 1)
    assert [error.code for error in report.rows[0].errors] == ["unavailable"]


async def test_a_member_removed_meanwhile_enters_no_further_chunk(
    house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expense_import, "CHUNK", 10)
    ann, bob = somebody(house.world), somebody(house.world)
    budget = await house.share(ann, await house.budget_of(ann), bob, MemberRole.EDITOR)
    text = HEAD + "".join(f"Row {n},1.00,Food,id-{n}\n" for n in range(200))
    report, _ = await asyncio.gather(
        enter(house, bob, budget, upload(text, size=1 << 14)),
        house.run(ann, "removeBudgetMember", id=budget.id, user_id=bob.user_id),
    )
    assert report.created + report.refused == 200
    assert report.refused >= 180
    assert {e.code for row in report.rows for e in row.errors} == {"not-found"}
    assert (await shown(house, budget)).spent == Decimal(report.created)


async def test_a_repeated_key_imports_a_file_once(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    text = HEAD + "Tea,1.00,Food,\n"
    first = await enter(house, ann, budget, text, key="k")
    assert await enter(house, ann, budget, text, key="k") == first
    assert len(await stored(house)) == 1
    with pytest.raises(KeyReused):
        await enter(house, ann, budget, text + text, key="k")


async def test_an_import_that_a_crash_ended_goes_on_under_the_same_key(
    house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expense_import, "CHUNK", 10)
    ann = somebody(house.world)
    budget = await house.budget_of(ann)
    text = HEAD + "".join(f"Row {n},{'x' if n == 3 else '1.00'},Food,\n" for n in range(35))
    operation = OPERATIONS["importExpenses"]

    class Crash(Exception):
        """The process ends here."""

    class Crashing:
        """The store, until it has committed so many times."""

        def __init__(self, commits: int) -> None:
            self.left = commits

        def __getattr__(self, name: str) -> Any:
            return getattr(house.stores["expense"], name)

        async def commit(self, *changes: Change) -> None:
            if not self.left:
                raise Crash
            self.left -= 1
            await house.stores["expense"].commit(*changes)

    async def attempt(commits: int) -> ImportReport:
        world = house.world
        importing = expense_import.ExpenseImport(
            store=cast(Store, Crashing(commits)),
            ids=world.ids,
            clock=world.clock,
            budgets=house.budget,
        )
        made = call(operation, ann, idempotency_key="k")
        return await importing.import_expenses(
            made, budget_id=budget.id, dry_run=False, body=upload(text)
        )

    for commits, entered in ((1, 9), (1, 19), (0, 19)):
        with pytest.raises(Crash):
            await attempt(commits)
        assert len(await stored(house)) == entered
    report = await attempt(9)
    assert (report.created, report.refused) == (34, 1)
    assert [row.row for row in report.rows] == list(range(1, 36))
    assert {row.id for row in report.rows} - {None} == {e.id for e in await stored(house)}
    assert (await house.stores["expense"].page(ImportChunk, Query())).items == []


async def test_an_exported_file_imports_into_another_budget_and_back_into_none(
    house: Household,
) -> None:
    ann = somebody(house.world)
    budget, other = await house.budget_of(ann), await house.budget_of(ann)
    await house.spend(ann, budget, "1.00", description="=1+1", tags=["a;b", "-c"], note="x\r\ny")
    await house.spend(ann, budget, "2.00", external_id="@1", spent_on=day("2026-11-01"))
    text = await export(house, ann, budget_id=budget.id)
    assert text.startswith(
        "id,budgetId,description,amount,currency,category,spentOn,tags,note,externalId\r\n"
    )
    same = await enter(house, ann, budget, text)
    assert (same.created, same.duplicates) == (0, 2)
    copied = await enter(house, ann, other, text)
    assert copied.created == 2
    kept = [e for e in await stored(house) if e.budget_id == budget.id]
    copies = [e for e in await stored(house) if e.budget_id == other.id]
    for one, two in zip(kept, copies, strict=True):
        assert two == one.but(
            id=two.id,
            budget_id=other.id,
            created_at=two.created_at,
            updated_at=two.updated_at,
        )


async def test_an_export_is_by_day_over_all_that_one_sees(house: Household) -> None:
    ann, bob = somebody(house.world), somebody(house.world)
    mine, shared, hidden = [await house.budget_of(owner) for owner in (ann, bob, bob)]
    await house.share(bob, shared, ann, MemberRole.VIEWER)
    for budget, date in ((mine, "2026-11-03"), (shared, "2026-11-02"), (mine, "2026-11-01")):
        owner = ann if budget is mine else bob
        await house.spend(owner, budget, "1.00", spent_on=day(date), description=date)
    await house.spend(bob, hidden, "1.00")
    lines = (await export(house, ann)).splitlines()[1:]
    assert [line.split(",")[2] for line in lines] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    some = await export(house, ann, from_=day("2026-11-02"), to=day("2026-11-02"))
    assert [line.split(",")[1] for line in some.splitlines()[1:]] == [shared.id]
    assert (await export(house, somebody(house.world))).count("\n") == 1
    with pytest.raises(NotFound):
        await export(house, ann, budget_id=hidden.id)
    with pytest.raises(RangeInvalid):
        await export(house, ann, from_=day("2026-11-02"), to=day("2026-11-01"))


async def test_an_export_holds_a_page_at_a_time(house: Household) -> None:
    ann = somebody(house.world)
    budget = await house.budget_of(ann, currency=Currency.JPY, limit=Decimal(10**9))
    rows = "".join(f"Row {n},1,Food,id-{n}\n" for n in range(1, 1001))
    await enter(house, ann, budget, upload(HEAD + rows, size=1 << 14))
    chunks: AsyncIterator[bytes] = await house.run(ann, "exportExpenses", budget_id=budget.id)
    sizes = [chunk.count(b"\n") async for chunk in chunks]
    assert (sum(sizes), max(sizes)) == (1001, 200)
