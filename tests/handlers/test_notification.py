"""The notification service: what people are told, and what they say to support."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal

import pytest

from generated import operations as op
from generated.events import BudgetThresholdReached, TaskFinished, UserInvited
from generated.models import (
    ChatMessage,
    Currency,
    MemberRole,
    NotificationKind,
    NotificationReceipt,
    NotificationRecord,
    Role,
    TaskKind,
    TaskStatus,
)
from generated.services import NotificationConsumers, NotificationService
from handlers.access import NOBODY
from runtime.ports import Emit, Query
from runtime.problem import NotFound, PreconditionFailed
from tests.handlers.desk import Desk
from tests.handlers.world import World, call

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(world: World) -> Desk:
    desk = Desk(world)
    await desk.people()
    return desk


async def test_the_handlers_are_what_the_contract_asks_for(desk: Desk) -> None:
    service: NotificationService = desk.handlers
    consumers: NotificationConsumers = desk.handlers
    for each in (service, consumers):
        assert each is desk.handlers


# --- sending and listing --------------------------------------------------------------------------


async def test_one_user_gets_what_is_sent_to_it_and_everybody_what_is_sent_to_all(
    desk: Desk,
) -> None:
    await desk.send("to Ann", desk.ann.user_id)
    sent = await desk.send("to all")
    assert sent.user_id == NOBODY
    assert await desk.titles(desk.ann) == ["to all", "to Ann"]
    assert await desk.titles(desk.bo) == ["to all"]
    assert await desk.titles(desk.ann, sort="createdAt") == ["to Ann", "to all"]


async def test_what_is_sent_to_nobodys_account_is_refused(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.send("lost", desk.world.ids.new("usr"))


async def test_a_broadcast_is_one_row_however_many_users_there_are(desk: Desk) -> None:
    await desk.send("to all")
    assert len((await desk.store.page(NotificationRecord, Query())).items) == 1
    assert (await desk.store.page(NotificationReceipt, Query())).items == []


async def test_a_new_account_is_not_told_what_was_said_before_it(desk: Desk) -> None:
    await desk.send("long ago")
    await desk.world.turn(hours=1)
    late = await desk.auth.caller(await desk.auth.register("late@example.com"))
    await desk.send("now")
    assert await desk.titles(late) == ["now"]


@pytest.mark.parametrize("sort", ["createdAt", "-createdAt"])
async def test_pages_hold_each_once_in_order_whoever_it_was_sent_to(desk: Desk, sort: str) -> None:
    wanted = []
    for place in range(11):
        title = f"number {place}"
        await desk.send(title, desk.ann.user_id if place % 3 else None)
        wanted.append(title)
    await desk.delete(desk.ann, (await desk.page(desk.ann)).items[1].id)
    del wanted[9]
    found: list[str] = []
    token: str | None = None
    while True:
        page = await desk.page(desk.ann, page_size=3, sort=sort, page_token=token)
        found += [item.title for item in page.items]
        token = page.next_page_token
        if token is None:
            break
    assert found == (wanted if sort == "createdAt" else wanted[::-1])


async def test_the_unread_and_a_kind_can_be_asked_for(desk: Desk) -> None:
    mine = await desk.send("mine", desk.ann.user_id)
    all_read = await desk.send("all, read")
    await desk.send("all, unread")
    await desk.read(desk.ann, mine.id)
    await desk.read(desk.ann, all_read.id)
    assert await desk.titles(desk.ann, unread=True) == ["all, unread"]
    assert await desk.titles(desk.ann, unread=False) == ["all, read", "mine"]
    assert await desk.titles(desk.ann, kind=NotificationKind.TASK) == []
    assert len(await desk.titles(desk.ann, kind=NotificationKind.ANNOUNCEMENT)) == 3


# --- reading and deleting -------------------------------------------------------------------------


@pytest.mark.parametrize("broadcast", [False, True])
async def test_reading_is_kept_once_and_raises_the_version(desk: Desk, broadcast: bool) -> None:
    sent = await desk.send("read me", None if broadcast else desk.ann.user_id)
    first = await desk.read(desk.ann, sent.id)
    assert first.read_at is not None
    assert first.version == 2
    await desk.world.turn(minutes=1)
    assert await desk.read(desk.ann, sent.id) == first
    assert (await desk.page(desk.ann)).items == [first]


async def test_reading_a_broadcast_is_ones_own(desk: Desk) -> None:
    sent = await desk.send("to all")
    await desk.read(desk.ann, sent.id)
    assert (await desk.page(desk.bo)).items[0].read_at is None


async def test_two_clients_that_read_a_broadcast_at_once_agree(desk: Desk) -> None:
    sent = await desk.send("to all")
    first, second = await asyncio.gather(*(desk.read(desk.ann, sent.id) for _ in range(2)))
    assert first == second


async def test_all_are_marked_and_counted_once(desk: Desk) -> None:
    for place in range(5):
        await desk.send("mine", desk.ann.user_id)
        await desk.send("all")
        if not place:
            await desk.send("Bo's", desk.bo.user_id)
    assert await desk.read_all(desk.ann) == 10
    assert await desk.read_all(desk.ann) == 0
    assert await desk.titles(desk.ann, unread=True) == []
    assert len(await desk.titles(desk.bo, unread=True)) == 6


@pytest.mark.parametrize("broadcast", [False, True])
async def test_what_is_deleted_is_gone_for_its_user(desk: Desk, broadcast: bool) -> None:
    sent = await desk.send("delete me", None if broadcast else desk.ann.user_id)
    await desk.read(desk.ann, sent.id)
    with pytest.raises(PreconditionFailed):
        await desk.delete(desk.ann, sent.id, if_version=1)
    await desk.delete(desk.ann, sent.id, if_version=2)
    assert await desk.titles(desk.ann) == []
    assert await desk.handlers.level_on_notification(desk.ann, sent.id) is None
    assert await desk.titles(desk.bo) == (["delete me"] if broadcast else [])


async def test_anothers_notification_does_not_exist(desk: Desk) -> None:
    level = desk.handlers.level_on_notification
    mine, all_ = await desk.send("mine", desk.ann.user_id), await desk.send("all")
    assert await level(desk.ann, mine.id) == await level(desk.ann, all_.id) == "owner"
    assert await level(desk.bo, mine.id) is None
    assert await level(desk.bo, desk.world.ids.new("ntf")) is None
    admin = await desk.auth.staff(Role.ADMIN, "ad@example.com")
    assert await level(admin, mine.id) == "owner"


# --- events ---------------------------------------------------------------------------------------


async def test_a_threshold_is_told_to_the_owner_and_each_member_once(desk: Desk) -> None:
    reached = BudgetThresholdReached(
        budget_id=desk.world.ids.new("bud"),
        owner_id=desk.ann.user_id,
        member_ids=[desk.bo.user_id, desk.ann.user_id],
        name="Household",
        period_start=date(2026, 11, 1),
        percent=80,
        spent=Decimal("410.00"),
        limit=Decimal("500.00"),
        currency=Currency.USD,
    )
    await desk.world.store("budget").commit(Emit(reached))
    await desk.world.carry(notification=desk.handlers)
    await desk.world.drained()
    for caller in (desk.ann, desk.bo):
        [item] = (await desk.page(caller)).items
        assert (item.kind, item.subject_id) == (NotificationKind.THRESHOLD, reached.budget_id)
        assert item.title == "Household: 80 % spent"
        assert "410.00 of 500.00 USD" in item.body


async def test_an_invitation_and_the_end_of_a_task_are_told(desk: Desk) -> None:
    invited = UserInvited(
        user_id=desk.ann.user_id,
        invitation_id=desk.world.ids.new("inv"),
        budget_id=desk.world.ids.new("bud"),
        budget_name="H" * 100,
        role=MemberRole.EDITOR,
    )
    ended = [
        TaskFinished(
            task_id=desk.world.ids.new("tsk"),
            owner_id=desk.ann.user_id,
            kind=TaskKind.MONTHLY_REPORT,
            status=status,
            error="unavailable: not now" if status is TaskStatus.FAILED else None,
        )
        for status in (TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED)
    ]
    await desk.world.store("auth").commit(Emit(invited), *map(Emit, ended))
    await desk.world.carry(notification=desk.handlers)
    await desk.world.drained()
    items = (await desk.page(desk.ann)).items
    subjects = {item.subject_id for item in items}
    assert subjects == {invited.invitation_id, ended[0].task_id, ended[1].task_id}
    [failed] = [item for item in items if item.subject_id == ended[1].task_id]
    assert (failed.title, failed.body) == ("Task monthlyReport failed", "unavailable: not now")


async def test_an_event_that_comes_twice_is_told_once(desk: Desk) -> None:
    event = UserInvited(
        user_id=desk.ann.user_id,
        invitation_id=desk.world.ids.new("inv"),
        budget_id=desk.world.ids.new("bud"),
        budget_name="Household",
        role=MemberRole.EDITOR,
    )
    envelope = event.envelope("evt_one", "2026-11-22T09:30:00.000Z")
    await desk.world.bus.publish([envelope, envelope])
    await desk.world.carry(notification=desk.handlers)
    await desk.world.drained()
    assert len(await desk.titles(desk.ann)) == 1


async def test_a_deleted_account_leaves_no_notification_receipt_or_talk(desk: Desk) -> None:
    world = desk.world
    await world.carry(auth=desk.auth.handlers, notification=desk.handlers)
    await desk.send("mine", desk.ann.user_id)
    await desk.read(desk.ann, (await desk.send("all")).id)
    await desk.say(desk.ann, desk.ann.user_id, "Hello")
    await desk.auth.handlers.delete_account(call(op.DELETE_ACCOUNT, desk.ann))
    await world.drained()
    [left] = (await desk.store.page(NotificationRecord, Query())).items
    assert left.user_id == NOBODY
    for kind in (NotificationReceipt, ChatMessage):
        assert (await desk.store.page(kind, Query())).items == []
