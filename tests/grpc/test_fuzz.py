"""Whatever comes: no INTERNAL, no UNKNOWN, no closed server, no task left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import hypothesis
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import strategies as st

from generated.grpc import budget_pb2 as pb
from tests.grpc.messages import PUBLIC, RPCS, STREAMING, UNARY, answer_class, frames
from tests.grpc.stage import PACKAGE, Stage, signed
from tests.rest.world import Account

pytestmark = [
    pytest.mark.fuzz,
    # The server's own thread names requests while examples are drawn on this one.
    pytest.mark.filterwarnings("ignore:Do not use the `random` module"),
]

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1000" if LONG else "10"))
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
FAILURES = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS}
# What the client itself did to the rpc.
OWN = {grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}


class Target:
    """The server, on a loop of its own, and one of each thing that requests may be about."""

    def __init__(self, portal: BlockingPortal, stage: Stage) -> None:
        self.portal = portal
        self.stage = stage

    async def lay_in(self) -> None:
        """Makes an admin, who may do everything, and what there is to do it to."""
        from generated.models import Role

        self.admin = await self.stage.account(Role.ADMIN)
        budget = await self.stage.made(self.admin, "/budgets", {"name": "H", "limit": "1.00"})
        self.known = {"usr": self.admin.id, "bud": budget["id"]}
        self.tasks = len(asyncio.all_tasks())

    async def drained(self) -> None:
        """Waits until all that was asked is over, and no more runs than before anything was."""
        for _ in range(500):
            gc.collect()
            if len(asyncio.all_tasks()) <= self.tasks + 1:
                return
            await asyncio.sleep(0.01)
        left = [task for task in asyncio.all_tasks() if not task.done()]
        raise AssertionError(f"{len(left)} tasks, before there were {self.tasks}: {left}")

    async def caller(self) -> Account:
        """The admin, whatever the requests did to its sessions."""
        answer = await self.stage.send(self.admin, "GET", "/auth/me")
        if answer.status_code == 401:
            self.admin = await self.stage.sign_in(self.admin.email)
        return self.admin

    async def unary(self, path: str, raw: bytes, patience: float | None) -> None:
        """One request, given up after `patience` seconds."""
        metadata = signed(await self.caller(), {})
        asking: Any = self.stage.channel.unary_unary(path)
        rpc = asking(raw, metadata=metadata, timeout=patience or 30)
        with contextlib.suppress(grpc.aio.AioRpcError):
            answer_class(path).FromString(await rpc)
        code = await rpc.code()
        wrong = FAILURES if patience is not None else FAILURES | OWN
        assert code not in wrong, f"{path}: {code} {await rpc.details()}"

    async def stream(self, path: str, parts: list[bytes], reads: int, cancel: int) -> None:
        """A stream: so many parts are sent and so many answers read, cancelled at some step."""
        rpc = RPCS[path]
        metadata = signed(await self.caller(), {})
        asking: Any = self.stage.channel.stream_stream(path)
        stream = asking(metadata=metadata, timeout=5)
        steps = [("write", part) for part in (parts if rpc.client_streaming else parts[:1])]
        plan: list[Any] = [*steps, ("done", b""), *([("read", b"")] * reads)]
        try:
            for at, (what, part) in enumerate(plan):
                if at == cancel:
                    break
                if what == "write":
                    await stream.write(part)
                elif what == "done":
                    await stream.done_writing()
                else:
                    async with asyncio.timeout(0.05):
                        await stream.read()
        except (grpc.aio.AioRpcError, grpc.aio.UsageError, TimeoutError, asyncio.InvalidStateError):
            pass
        if not stream.done():
            stream.cancel()
        code = await stream.code()
        details = await stream.details()
        # What grpc.aio's client says of itself, where it was cancelled while it wrote.
        own = details == "Internal error from Core"
        assert own or code not in FAILURES, f"{path}: {code} {details}"

    async def unbroken(self) -> None:
        """The server's own count knows of no failure."""
        counted = (await self.stage.http.get("/metrics")).text
        lines = [line for line in counted.splitlines() if 'protocol="grpc"' in line]
        assert lines
        assert not [line for line in lines if 'status="INTERNAL"' in line or "UNKNOWN" in line]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One server for all: what one request does to it, the next would notice."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal("asyncio", {"use_uvloop": True}))
        stage = Stage(tmp_path_factory.mktemp("fuzz"))
        portal.call(stage.open)
        stack.callback(portal.call, stage.close)
        target = Target(portal, stage)
        portal.call(target.lay_in)
        yield target
        portal.call(target.drained)
        portal.call(target.unbroken)


@pytest.mark.parametrize("path", UNARY, ids=lambda path: path.rpartition("/")[2])
def test_no_request_breaks_an_rpc(path: str, target: Target) -> None:
    """Right and wrong messages, unknown fields, parts of messages, garbage; some given up early."""
    impatient = st.sampled_from([None, None, None, 0.0005, 0.002])

    @hypothesis.settings(SETTINGS)
    @hypothesis.given(frames(RPCS[path].input_type, target.known), impatient)
    def ask(raw: bytes, patience: float | None) -> None:
        target.portal.call(target.unary, path, raw, patience)

    ask()


@pytest.mark.parametrize("path", STREAMING, ids=lambda path: path.rpartition("/")[2])
def test_no_stream_breaks_wherever_it_is_cancelled(path: str, target: Target) -> None:
    parts = st.lists(frames(RPCS[path].input_type, target.known), min_size=1, max_size=4)

    @hypothesis.settings(SETTINGS, max_examples=EXAMPLES * 5)
    @hypothesis.given(parts, st.integers(0, 3), st.integers(0, 8))
    def ask(sent: list[bytes], reads: int, cancel: int) -> None:
        target.portal.call(target.stream, path, sent, reads, cancel)

    ask()
    target.portal.call(target.drained)


def test_no_metadata_breaks_a_call(target: Target) -> None:
    """Whatever stands where a name, a token, a trace or an address is expected."""
    keys = st.sampled_from(
        [
            *("authorization", "x-request-id", "traceparent", "x-service", "x-forwarded-for"),
            *("x-user-agent", "x-media", "grpc-tags-bin", "x-bin"),
        ]
    )
    texts = st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=50),
        st.sampled_from(["Bearer ", "Bearer x", "Service x", "a.b.c", "00-" + "0" * 52]),
    )

    async def ask(pairs: list[tuple[str, str]]) -> None:
        metadata = [
            (key, value.encode() if key.endswith("-bin") else value) for key, value in pairs
        ]
        for path in (PUBLIC[0], "/budget.v1.IdentityService/CheckSession", f"/{PACKAGE}.X/Y"):
            asking: Any = target.stage.channel.unary_unary(path)
            rpc = asking(b"", metadata=metadata, timeout=30)
            code = await rpc.code()
            assert code not in FAILURES | OWN, f"{path}: {code} {await rpc.details()}"

    @hypothesis.settings(SETTINGS, max_examples=EXAMPLES * 10)
    @hypothesis.given(st.lists(st.tuples(keys, texts), max_size=4))
    def send(pairs: list[tuple[str, str]]) -> None:
        target.portal.call(ask, pairs)

    send()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 1000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        bytes(range(256)) * 100,
    ],
)
def test_no_garbage_on_the_wire_closes_the_server(sent: bytes, target: Target) -> None:
    async def throw() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.stage.rpcs.port)
        writer.write(sent)
        try:
            async with asyncio.timeout(0.2):
                await reader.read()
        except (TimeoutError, ConnectionError):
            pass
        writer.close()
        admin = await target.caller()
        request = pb.GetProfileRequest()
        assert await target.stage.ask(admin, "AuthService/GetProfile", request, pb.User)

    target.portal.call(throw)
