"""What tasks do, over the real services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from generated import operations as op
from generated.models import Budget, MemberRole, Role, Task, TaskKind, TaskStatus
from handlers.task_runners import runners
from tests.handlers.household import Household
from tests.handlers.workshop import Workshop
from tests.handlers.world import World, call, somebody

pytestmark = pytest.mark.anyio


class Office(Workshop):
    """Tasks with their real runners, over a household."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.home = Household(world)
        self.runners.update(
            runners(
                mailer=world.mailer,
                owners=self.auth.handlers,
                budgets=self.home.budget,
                expenses=self.home.expense,
                search=lambda: self.home.search,
                clock=world.clock,
            )
        )

    async def spent(self) -> Budget:
        """A budget of the owner's with expenses of two months; all events have had their effect."""
        self.budget = await self.home.budget_of(
            self.owner, name="House | hold", starts_on=date(2026, 10, 1)
        )
        for amount, day, category in (
            ("10.50", date(2026, 10, 3), "Food"),
            ("20.00", date(2026, 10, 31), "Food"),
            ("5.25", date(2026, 10, 31), "=Fun"),
            ("99.00", date(2026, 11, 1), "Food"),
        ):
            await self.home.spend(self.owner, self.budget, amount, spent_on=day, category=category)
        await self.world.carry(
            task=self.handlers,
            budget=self.home.budget,
            expense=self.home.expense,
            search=self.home.search,
        )
        await self.world.drained()
        return self.budget

    async def done(self, task: Task) -> Task:
        """The task once everything is done."""
        await self.world.drained()
        return await self.get(task)

    async def result(self, task: Task) -> str:
        """What the task gave."""
        done = await self.done(task)
        assert (done.status, done.error) == (TaskStatus.SUCCEEDED, None)
        assert done.result is not None
        return done.result


@pytest.fixture
async def office(world: World) -> AsyncIterator[Office]:
    office = Office(world)
    await office.people()
    await office.spent()
    yield office
    await world.bus.stop()
    await office.home.index.close()


async def test_an_export_is_what_the_operation_gives(office: Office) -> None:
    result = await office.result(await office.create(TaskKind.EXPORT_EXPENSES))
    chunks = await office.home.expense.export_expenses(call(op.EXPORT_EXPENSES, office.owner))
    assert result.encode() == b"".join([chunk async for chunk in chunks])
    assert result.count("\r\n") == 5


async def test_an_export_is_narrowed_by_budget_and_days(office: Office) -> None:
    task = await office.create(
        TaskKind.EXPORT_EXPENSES,
        budget_id=office.budget.id,
        from_=date(2026, 10, 31),
        to=date(2026, 10, 31),
    )
    assert sorted(line.split(",")[3] for line in (await office.result(task)).splitlines()) == [
        "20.00",
        "5.25",
        "amount",
    ]


@pytest.mark.parametrize("kind", [TaskKind.EXPORT_EXPENSES, TaskKind.MONTHLY_REPORT])
async def test_nothing_is_told_of_anothers_budget(office: Office, kind: TaskKind) -> None:
    stranger = await office.person(Role.USER, "stranger@example.com")
    failed = await office.done(await office.create(kind, stranger, budget_id=office.budget.id))
    assert (failed.status, failed.attempts) == (TaskStatus.FAILED, 1)
    assert failed.error == "not-found: There is no such Budget."
    assert failed.result is None


async def test_what_is_shared_is_told_for_as_long_as_it_is(office: Office) -> None:
    guest = await office.person(Role.USER, "guest@example.com")
    shared = await office.home.share(office.owner, office.budget, guest, MemberRole.VIEWER)
    assert shared.id in await office.result(await office.create(TaskKind.EXPORT_EXPENSES, guest))
    await office.home.run(office.owner, "removeBudgetMember", id=shared.id, user_id=guest.user_id)
    after = await office.result(await office.create(TaskKind.EXPORT_EXPENSES, guest))
    assert shared.id not in after


async def test_the_report_is_of_the_last_full_month_unless_another_is_named(
    office: Office,
) -> None:
    report = await office.result(await office.create())
    assert report.startswith("# Expenses of 2026-10\n")
    assert "## House \\| hold" in report
    assert "In 2026-10: **35.75 USD**, 3 expense(s)." in report
    assert "| Food | 30.50 | 2 |" in report
    assert "| =Fun | 5.25 | 1 |" in report
    november = await office.result(await office.create(month="2026-11"))
    assert "In 2026-11: **99.00 USD**, 1 expense(s)." in november
    assert "from 2026-11-01 to 2026-11-30: 99.00 of 500.00 USD (20 %)." in november
    before = await office.result(await office.create(month="2026-09"))
    assert "of 500.00 USD" not in before


async def test_a_report_of_no_budget_says_so(office: Office) -> None:
    newcomer = await office.person(Role.USER, "new@example.com")
    assert "There are no budgets." in await office.result(await office.create(caller=newcomer))


async def test_a_mail_is_sent_to_whoever_asked(office: Office) -> None:
    support = await office.person(Role.SUPPORT, "su@example.com")
    task = await office.create(
        TaskKind.SEND_EMAIL,
        support,
        recipient="Su@Example.com",
        subject="Note to self",
        text="Call Ann.",
    )
    assert await office.result(task) == "Sent to su@example.com."
    [mail] = office.world.mails()
    assert (mail["To"], mail["Subject"]) == ("su@example.com", "Note to self")
    assert mail.get_content().strip() == "Call Ann."


async def test_the_index_is_built_anew(office: Office) -> None:
    admin = await office.person(Role.ADMIN, "ad@example.com")
    result = await office.result(await office.create(TaskKind.REINDEX_SEARCH, admin))
    assert result == "The index holds 4 expenses."


async def test_what_is_too_large_for_a_task_is_refused_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.task_runners.MOST_RESULT", 300)
    failed = await office.done(await office.create(TaskKind.EXPORT_EXPENSES))
    assert (failed.status, failed.attempts) == (TaskStatus.FAILED, 1)
    assert "GET /api/expenses/export" in (failed.error or "")


async def test_a_task_of_an_account_that_is_gone_ends(office: Office) -> None:
    gone = somebody(office.world)
    task = await office.handlers.queue_task(
        gone.user_id, TaskKind.MONTHLY_REPORT, (await office.create()).input
    )
    failed = await office.done(task)
    assert failed.error == "not-found: The account is gone."
