"""An address that a mail server refuses for good ends with its own mail, and holds up no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from generated import operations as op
from generated.models import InvitationInput, MemberRole, Role, TaskKind, TaskStatus
from runtime.adapters.smtp import SmtpMailer
from tests.handlers.household import Household
from tests.handlers.people import Auth
from tests.handlers.test_task_runners import Office
from tests.handlers.world import World, call, somebody
from tests.ports.mail_servers import Inbox, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
async def inbox(world: World) -> AsyncIterator[Inbox]:
    """The server that the world's mails go to. It knows nobody called Bob."""
    inbox = Inbox()
    inbox.to_recipient = lambda to: "550 5.1.1 no such mailbox" if to.startswith("bob@") else None
    async with serving(inbox) as port:
        mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", "budget@example.com", world.clock)
        world.mailer = cast(Any, mailer)
        yield inbox


async def test_who_registers_a_false_address_blocks_nobody(world: World, inbox: Inbox) -> None:
    auth = Auth(world)
    await world.carry(auth=auth.handlers)
    await auth.register("bob@example.com")
    await auth.register("ann@example.com")
    await world.drained()
    assert inbox.recipients == ["ann@example.com"]
    # Nothing waits to be tried again.
    await world.turn(hours=1)
    await world.drained()
    assert inbox.connections == 2


async def test_a_false_address_holds_up_no_other_invitation_to_the_budget(
    world: World, inbox: Inbox
) -> None:
    house = Household(world)
    ann = somebody(world)
    budget = await house.budget_of(ann)
    for who in ("bob", "eve", "bob", "dan"):
        body = InvitationInput(email=f"{who}@example.com", role=MemberRole.VIEWER)
        await house.run(ann, "inviteToBudget", id=budget.id, body=body)
    await house.carry()
    await world.drained()
    await world.turn(hours=1)
    await world.drained()
    assert inbox.recipients == ["eve@example.com", "dan@example.com"]
    assert inbox.connections == 4
    await world.bus.stop()
    await house.index.close()


async def test_a_mail_task_to_a_false_address_fails_and_says_so(world: World, inbox: Inbox) -> None:
    office = Office(world)
    await office.people()
    sender = await office.person(Role.SUPPORT, "bob@example.com")
    await world.carry(task=office.handlers)
    task = await office.create(
        TaskKind.SEND_EMAIL,
        sender,
        recipient="bob@example.com",
        subject="Hi",
        text="Hello.",
    )
    await world.drained()
    failed = await office.handlers.get_task(call(op.GET_TASK, sender), id=task.id)
    assert (failed.status, failed.attempts) == (TaskStatus.FAILED, 1)
    assert failed.error is not None
    assert "No mail reaches the recipient" in failed.error
    await world.bus.stop()
    await office.home.index.close()
