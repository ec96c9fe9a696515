"""Streams: what comes, when it ends, and what it costs while nobody reads."""

from __future__ import annotations

import asyncio
import csv
import gc
import io
import resource
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from generated.grpc import budget_pb2 as pb
from generated.models import Role
from runtime.adapters.fanout import LocalFanout
from tests.grpc.stage import Stage, code
from tests.grpc.test_rpcs import budget_of
from tests.rest.world import Account

pytestmark = pytest.mark.anyio
ROW = pb.ExpenseUpdate(description="Market", amount="1.00", category="Food")


async def soon(work: Awaitable[Any]) -> Any:
    """What comes without anybody's doing."""
    return await asyncio.wait_for(work, 5)


async def spend(stage: Stage, who: Account, budget: str, amount: str = "1.00") -> pb.Expense:
    """A new expense."""
    body = pb.ExpenseInput(budget_id=budget, description="d", amount=amount, category="c")
    request = pb.CreateExpenseRequest(body=body)
    made: pb.Expense = await stage.ask(who, "ExpenseService/CreateExpense", request, pb.Expense)
    return made


def watched(stage: Stage, who: Account, budget: str) -> Any:
    """A budget, from now on."""
    request = pb.WatchBudgetRequest(id=budget)
    return stage.stream(who, "BudgetService/WatchBudget", request, pb.Budget)


async def ended(stream: Any) -> grpc.aio.AioRpcError:
    """How a stream ends; what comes before is passed over."""
    try:
        while await soon(stream.read()) is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("it ended well")


async def test_a_budget_comes_now_and_after_every_change(stage: Stage) -> None:
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    stream = watched(stage, ann, budget.id)
    assert await soon(stream.read()) == budget
    await spend(stage, ann, budget.id, "2.50")
    assert (await soon(stream.read())).spent == "2.50"
    update = pb.UpdateBudgetRequest(id=budget.id, body=pb.BudgetInput(name="Trip", limit="9.00"))
    await stage.ask(ann, "BudgetService/UpdateBudget", update, pb.Budget)
    while (seen := await soon(stream.read())).name != "Trip":
        pass
    assert seen.limit == "9.00"
    delete = pb.DeleteBudgetRequest(id=budget.id)
    await stage.ask(ann, "BudgetService/DeleteBudget", delete, pb.DeleteBudgetResponse)
    error = await ended(stream)
    assert (error.code(), code(error)) == (grpc.StatusCode.NOT_FOUND, "not-found")


async def test_who_is_a_member_no_more_sees_no_more(stage: Stage) -> None:
    ann, ben = await stage.account(), await stage.account()
    budget = await budget_of(stage, ann)
    await stage.made(
        ann, f"/budgets/{budget.id}/invitations", {"email": ben.email, "role": "viewer"}
    )
    await stage.made(ben, "/invitations/accept", {"token": await stage.mailed(ben.email)})
    stream = watched(stage, ben, budget.id)
    await soon(stream.read())
    answer = await stage.send(ann, "DELETE", f"/budgets/{budget.id}/members/{ben.id}")
    assert answer.status_code == 204
    assert (await ended(stream)).code() is grpc.StatusCode.NOT_FOUND


async def test_a_revoked_session_loses_its_streams_within_a_second(stage: Stage) -> None:
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    watching = watched(stage, ann, budget.id)
    notified = stage.stream(
        ann,
        "NotificationService/StreamNotifications",
        pb.StreamNotificationsRequest(),
        pb.Notification,
    )
    talk = stage.talk(ann, "NotificationService/Chat", pb.ChatMessage)
    await talk.write(pb.ChatRequest(room=ann.id))
    for stream in (watching, notified, talk):
        assert await soon(stream.initial_metadata())
    await stage.ask(ann, "AuthService/Logout", pb.LogoutRequest(), pb.LogoutResponse)
    async with asyncio.timeout(1):
        for stream in (watching, notified, talk):
            error = await ended(stream)
            assert (error.code(), code(error)) == (
                grpc.StatusCode.UNAUTHENTICATED,
                "unauthenticated",
            )


async def test_notifications_come_and_are_resumed(stage: Stage) -> None:
    ann, support = await stage.account(), await stage.account(Role.SUPPORT)

    def listen(last: str | None = None) -> Any:
        request = pb.StreamNotificationsRequest(last_event_id=last)
        method = "NotificationService/StreamNotifications"
        return stage.stream(ann, method, request, pb.Notification)

    async def tell(title: str) -> None:
        note = {"title": title, "body": "b", "userId": ann.id}
        await stage.made(support, "/notifications", note)

    stream = listen()
    await soon(stream.initial_metadata())
    await tell("one")
    first = await soon(stream.read())
    assert first.title == "one"
    stream.cancel()
    await tell("two")
    await tell("three")
    resumed = listen(first.id)
    assert [(await soon(resumed.read())).title for _ in range(2)] == ["two", "three"]
    resumed.cancel()


async def test_a_talk_is_heard_by_both(stage: Stage) -> None:
    ann, support = await stage.account(), await stage.account(Role.SUPPORT)
    hers = stage.talk(ann, "NotificationService/Chat", pb.ChatMessage)
    theirs = stage.talk(support, "NotificationService/Chat", pb.ChatMessage)
    for stream in (hers, theirs):
        await stream.write(pb.ChatRequest(room=ann.id))
        await soon(stream.initial_metadata())
    await hers.write(pb.ChatRequest(room=ann.id, body=pb.ChatMessageInput(text="Help")))
    await theirs.write(pb.ChatRequest(body=pb.ChatMessageInput(text="How?")))
    for stream in (hers, theirs):
        assert {(await soon(stream.read())).text for _ in range(2)} == {"Help", "How?"}
    await hers.done_writing()
    await theirs.write(pb.ChatRequest(body=pb.ChatMessageInput(text="Still there?")))
    assert (await soon(hers.read())).text == "Still there?"
    await theirs.write(pb.ChatRequest(room=support.id, body=pb.ChatMessageInput(text="x")))
    error = await ended(theirs)
    assert code(error) == "invalid-input"
    hers.cancel()


async def test_what_cannot_be_said_ends_the_talk_with_its_refusal(stage: Stage) -> None:
    ann = await stage.account()
    for requests, wanted in (
        ([pb.ChatRequest(room=ann.id, body=pb.ChatMessageInput(text=""))], "invalid-input"),
        ([pb.ChatRequest(room="x")], "invalid-input"),
        ([pb.ChatRequest(room="usr_" + "0" * 25 + "1")], "not-found"),
        ([b"\xff\xff"], "malformed-request"),
        ([], "malformed-request"),
    ):
        stream = stage.talk(ann, "NotificationService/Chat", pb.ChatMessage)
        for request in requests:
            await stream.write(request)
        await stream.done_writing()
        assert code(await ended(stream)) == wanted


async def test_an_export_streams_what_the_file_holds_in_its_order(stage: Stage) -> None:
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    rows = b"description,amount,category,spentOn\n" + b"".join(
        b"Row %d,%d.00,Food,2026-11-%02d\n" % (n, n, 1 + n % 20) for n in range(1, 450)
    )
    await stage.http.post(
        f"/api/expenses/import?budgetId={budget.id}",
        content=rows,
        headers=ann.headers | {"Content-Type": "text/csv"},
    )
    for request in (
        pb.ExportExpensesRequest(budget_id=budget.id),
        pb.ExportExpensesRequest(),
        pb.ExportExpensesRequest(to="2026-11-05"),
    ):
        stream = stage.stream(ann, "ExpenseService/ExportExpenses", request, pb.Expense)
        streamed = [each.id async for each in stream]
        query = {"budgetId": request.budget_id, "to": request.to}
        path = "/api/expenses/export"
        file = await stage.http.get(
            path, params={k: v for k, v in query.items() if v}, headers=ann.headers
        )
        assert streamed == [row["id"] for row in csv.DictReader(io.StringIO(file.text))]
        assert streamed


async def test_an_import_takes_rows_as_they_come(stage: Stage) -> None:
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    stream = stage.collect(ann, "ExpenseService/ImportExpenses", pb.ImportReport)
    start = pb.ImportStart(budget_id=budget.id, idempotency_key="file-1")
    await stream.write(pb.ImportExpensesRequest(start=start))
    wrong = pb.ExpenseUpdate(description="", amount="x", category="Food")
    for row in (ROW, wrong, ROW):
        await stream.write(pb.ImportExpensesRequest(row=row))
    await stream.done_writing()
    report = await stream
    assert (report.created, report.refused) == (2, 1)
    assert sorted(each.pointer for each in report.rows[1].errors) == ["/amount", "/description"]


async def test_an_import_without_a_start_or_with_two_is_refused(stage: Stage) -> None:
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    start = pb.ImportExpensesRequest(start=pb.ImportStart(budget_id=budget.id))
    row = pb.ImportExpensesRequest(row=ROW)
    for requests, wanted in (
        ([], "malformed-request"),
        ([row], "malformed-request"),
        ([start, row, start], "malformed-request"),
        ([start, b"\xff"], "malformed-request"),
        ([pb.ImportExpensesRequest(start=pb.ImportStart()), row], "invalid-input"),
    ):
        stream = stage.collect(ann, "ExpenseService/ImportExpenses", pb.ImportReport)
        for request in requests:
            await stream.write(request)
        await stream.done_writing()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stream
        assert code(error.value) == wanted
    assert await count(stage, ann, budget.id) == 0


async def count(stage: Stage, who: Account, budget: str) -> int:
    """How many expenses a budget has, of the first 200."""
    answer = await stage.send(who, "GET", f"/expenses/{budget}?pageSize=200")
    return len(answer.json()["items"])


async def test_an_import_that_is_broken_off_enters_nothing(stage: Stage) -> None:
    """A client that goes away has not said that these were all."""
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    for _ in range(20):
        stream = stage.collect(ann, "ExpenseService/ImportExpenses", pb.ImportReport)
        start = pb.ImportStart(budget_id=budget.id)
        await stream.write(pb.ImportExpensesRequest(start=start))
        await stream.write(pb.ImportExpensesRequest(row=ROW))
        stream.cancel()
    await settled(stage)
    assert await count(stage, ann, budget.id) == 0


def tasks() -> set[str]:
    """The tasks of this loop, by what they run; the client's own are left out."""
    found = {repr(task.get_coro()) for task in asyncio.all_tasks() if not task.done()}
    return {each for each in found if "runtime/grpc" in each or "aio" not in each}


async def settled(stage: Stage) -> None:
    """Waits until no rpc is under way."""
    for _ in range(200):
        if not any("_handle_rpc" in repr(each.get_coro()) for each in asyncio.all_tasks()):
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("step", range(5))
async def test_who_cancels_leaves_nothing_behind(stage: Stage, step: int) -> None:
    """Streams cancelled before, at and after their first message leave no task."""
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    await settled(stage)
    before = len(asyncio.all_tasks())
    opened: list[Callable[[], Any]] = [
        lambda: watched(stage, ann, budget.id),
        lambda: stage.stream(
            ann,
            "NotificationService/StreamNotifications",
            pb.StreamNotificationsRequest(),
            pb.Notification,
        ),
        lambda: stage.stream(
            ann, "ExpenseService/ExportExpenses", pb.ExportExpensesRequest(), pb.Expense
        ),
        lambda: stage.talk(ann, "NotificationService/Chat", pb.ChatMessage),
        lambda: stage.collect(ann, "ExpenseService/ImportExpenses", pb.ImportReport),
    ]
    for make in opened:
        for _ in range(5):
            stream = make()
            for _ in range(step):
                await asyncio.sleep(0.001)
            if step == 4 and hasattr(stream, "write"):
                await stream.write(pb.ChatRequest(room=ann.id))
            stream.cancel()
            del stream
    for _ in range(300):
        if len(asyncio.all_tasks()) <= before:
            break
        await asyncio.sleep(0.01)
    assert len(asyncio.all_tasks()) <= before, tasks()
    gc.collect()
    fanout = stage.platform.fanout
    assert isinstance(fanout, LocalFanout)
    # The sockets' hubs hear who signs out, as long as they are there.
    assert set(fanout._channels) <= {"identity"}


async def test_a_reader_that_does_not_read_costs_no_memory(stage: Stage) -> None:
    """An export of 20 MB, of which nothing is read: what waits is a window, not the export."""
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    note = "n" * 900
    line = b'{"description":"Row","amount":"1.00","category":"Food","note":"%b"}\n' % note.encode()
    for _ in range(2):
        answer = await stage.http.post(
            f"/api/expenses/import?budgetId={budget.id}",
            content=line * 10_000,
            headers=ann.headers | {"Content-Type": "application/x-ndjson"},
        )
        assert answer.status_code == 207, answer.text
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    open_streams = []
    for _ in range(5):
        request = pb.ExportExpensesRequest(budget_id=budget.id)
        stream = stage.stream(ann, "ExpenseService/ExportExpenses", request, pb.Expense)
        await soon(stream.read())
        open_streams.append(stream)
    await asyncio.sleep(1)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 30_000, f"{grown} KiB for 5 readers of 20 MB who read nothing"
    # Who reads meanwhile is not held up.
    assert await soon(budget_of(stage, ann))
    for stream in open_streams:
        stream.cancel()
