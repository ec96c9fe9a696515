"""Who may do what over gRPC: the same table, and the streams beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from generated.errors import PROBLEMS
from generated.grpc import budget_pb2 as pb
from generated.operations import OPERATIONS
from runtime.operation import Operation
from tests.access.requests import Things
from tests.access.rpcs import CHAT, IMPORT, PATHS, STREAMS, WATCH_BUDGET, message_of
from tests.access.test_matrix import ENDING, KINDS, MAY_MISS, Cast, expected
from tests.grpc.messages import INTERNAL, PUBLIC, answer_class
from tests.grpc.stage import PACKAGE, Stage, code, signed

pytestmark = pytest.mark.anyio


class Rpcs(Cast):
    """The cast, asking by gRPC."""

    world: Stage

    async def told(self, operation: Operation, kind: str, things: Things) -> tuple[str, str] | None:
        """The refusal's status and code; None where there is none."""
        caller = self.accounts.get(kind)
        if operation.id == "removeBudgetMember" and caller and kind == "editor":
            things = Things(**{**_fields(things), "member": caller.id})
        path = PATHS[operation.id]
        message = message_of(operation.id, things)
        method = path.removeprefix(f"/{PACKAGE}.")
        try:
            if path in STREAMS:
                await self._begun(self.world.stream(caller, method, message, answer_class(path)))
            elif path == IMPORT:
                stream = self.world.collect(caller, method, answer_class(path))
                row = pb.ExpenseUpdate(description="Market", amount="1.00", category="Food")
                try:
                    await stream.write(message)
                    await stream.write(pb.ImportExpensesRequest(row=row))
                    await stream.done_writing()
                except grpc.aio.UsageError:
                    pass  # it was refused before all was said
                await stream
            else:
                await self.world.ask(caller, method, message, answer_class(path))
        except grpc.aio.AioRpcError as error:
            return error.code().name, code(error)
        return None

    async def watching(self, kind: str, things: Things) -> tuple[str, str] | None:
        """The same for WatchBudget."""
        stream = self.world.stream(
            self.accounts.get(kind),
            WATCH_BUDGET.removeprefix(f"/{PACKAGE}."),
            pb.WatchBudgetRequest(id=things.budget),
            pb.Budget,
        )
        try:
            await self._begun(stream)
        except grpc.aio.AioRpcError as error:
            return error.code().name, code(error)
        return None

    async def chatting(self, kind: str, things: Things, text: str) -> tuple[str, str] | None:
        """The same for Chat, in the owner's room: what is said is heard."""
        stream = self.world.talk(
            self.accounts.get(kind), CHAT.removeprefix(f"/{PACKAGE}."), pb.ChatMessage
        )
        body = pb.ChatMessageInput(text=text) if text else None
        try:
            await stream.write(pb.ChatRequest(room=things.owner, body=body))
            await self._begun(stream, reads=bool(text))
        except grpc.aio.AioRpcError as error:
            return error.code().name, code(error)
        return None

    @staticmethod
    async def _begun(stream: Any, *, reads: bool = False) -> None:
        """Waits until it was let in, or raises what it was told."""
        if not await stream.initial_metadata() or reads:
            await stream.read()
        stream.cancel()


def _fields(things: Things) -> dict[str, Any]:
    return {name: getattr(things, name) for name in Things.__slots__}


def wanted(operation: Operation, kind: str) -> tuple[str, str] | None:
    """The refusal that the contract demands, as gRPC tells it."""
    refusal = expected(operation, kind)
    return None if refusal is None else (PROBLEMS[refusal[1]].grpc, refusal[1])


@pytest.fixture
async def cast(tmp_path: Path) -> AsyncIterator[Rpcs]:
    """The platform with its nine kinds of callers."""
    stage = Stage(tmp_path)
    await stage.open()
    cast = Rpcs(stage)
    await cast.assemble()
    yield cast
    await stage.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_whom_the_contract_refuses_is_refused(cast: Rpcs, kind: str) -> None:
    things = await cast.things()
    wrong = []
    for operation in OPERATIONS.values():
        refusal = wanted(operation, kind)
        if refusal is not None:
            got = await cast.told(operation, kind, things)
            if got != refusal:
                wrong.append(f"{operation.id} as {kind}: {got}, the contract says {refusal}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", KINDS)
async def test_whom_the_contract_lets_is_let(cast: Rpcs, kind: str) -> None:
    things = await cast.things()
    wrong = []
    for operation in sorted(OPERATIONS.values(), key=lambda o: (o.id in ENDING, o.id)):
        if expected(operation, kind) is not None or operation.id == "deleteAccount":
            continue
        if operation.id in ENDING:
            for each in {kind, "owner", "admin"} - {"anonymous"}:
                account = cast.accounts[each]
                cast.accounts[each] = await cast.world.sign_in(account.email, account.password)
            things = await cast.things()
        got = await cast.told(operation, kind, things)
        own = set(operation.problems) | MAY_MISS.get(operation.id, set())
        if got is not None and got[0] in ("UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND"):
            if got[1] not in own - {"unauthenticated", "forbidden", "not-found"}:
                wrong.append(f"{operation.id} as {kind}: {got}")
        elif got is not None and got[0] in ("INTERNAL", "UNKNOWN", "UNAVAILABLE"):
            wrong.append(f"{operation.id} as {kind}: {got}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", KINDS)
async def test_streams_let_whom_their_operation_lets(cast: Rpcs, kind: str) -> None:
    """A stream is under the scope and the access of what it watches, and of what it sends."""
    things = await cast.things()
    assert await cast.watching(kind, things) == wanted(OPERATIONS["getBudget"], kind)
    listening = wanted(OPERATIONS["listChatMessages"], kind)
    assert await cast.chatting(kind, things, "") == listening
    saying = wanted(OPERATIONS["sendChatMessage"], kind)
    assert await cast.chatting(kind, things, "Hello") == (listening or saying)


# --- who says to be somebody ----------------------------------------------------------------------


async def test_forged_tokens_open_no_rpc(cast: Rpcs) -> None:
    """Other algorithms, keys and types, half a token, another scheme: every rpc and stream."""
    good = cast.accounts["owner"].access
    head, payload, signature = good.split(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"
    forged = (
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        f"{head}.{payload}.{signature[::-1]}",
        f"{head}.{payload[:-2]}.{signature}",
        cast.accounts["owner"].refresh,
        "x",
        good + "=",
        "a" * 5000,
    )
    for path in PUBLIC:
        operation = OPERATIONS.get(_operation(path))
        if operation is not None and operation.public:
            continue
        for token in forged if path in STREAMS or path.endswith("GetBudget") else forged[:2]:
            told = await _told(cast.world, path, [("authorization", f"Bearer {token}")])
            assert told == "UNAUTHENTICATED", f"{path} with {token[:60]}"
        for value in ("", "Bearer", "Basic YTpi", f"Service {good}", good):
            told = await _told(cast.world, path, [("authorization", value)])
            assert told == "UNAUTHENTICATED", f"{path} with {value[:60]}"


def _operation(path: str) -> str:
    return next((id for id, its in PATHS.items() if its == path), "")


async def _told(stage: Stage, path: str, metadata: list[tuple[str, str]]) -> str:
    """The status of an empty request; any rpc may be asked as one both ways."""
    asking: Any = stage.channel.stream_stream(path)
    stream = asking(metadata=metadata, timeout=10)
    try:
        await stream.write(b"")
        await stream.done_writing()
        while await stream.read() is not grpc.aio.EOF:
            pass
    except (grpc.aio.AioRpcError, grpc.aio.UsageError):
        pass
    status: str = (await stream.code()).name
    return status


async def test_users_ask_for_nothing_between_services(cast: Rpcs) -> None:
    """Not with any role's token, not with a token in the voucher's place, not with a voucher for
    something else.
    """
    admin = cast.accounts["admin"]
    files = [f"{path}.file" for path in (*STREAMS[:2], IMPORT)]
    other = cast.world.vouchers.issue("getBudget")
    for path in (*INTERNAL, *files):
        for more in (
            [],
            [("x-service", admin.access)],
            [("x-service", other)],
            [("x-service", "")],
        ):
            told = await _told(cast.world, path, [*signed(admin, {}), *more])
            assert told == "UNAUTHENTICATED", f"{path} with {more}"


async def test_a_voucher_is_no_access_token(cast: Rpcs) -> None:
    voucher = cast.world.vouchers.issue("getProfile")
    told = await _told(cast.world, PATHS["getProfile"], [("authorization", f"Bearer {voucher}")])
    assert told == "UNAUTHENTICATED"
    answer = await cast.world.http.get(
        "/api/auth/me", headers={"Authorization": f"Bearer {voucher}"}
    )
    assert answer.status_code == 401
