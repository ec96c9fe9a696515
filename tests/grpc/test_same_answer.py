"""REST and gRPC give one answer: the same value, or the same refusal with the same pointers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, cast

import grpc
import httpx
import hypothesis
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from google.protobuf.message import Message

from generated.errors import PROBLEMS
from generated.grpc.methods import METHODS
from generated.models import Role
from generated.operations import OPERATIONS, ROLES
from tests.grpc.messages import RPCS, UNARY, answer_class, filled
from tests.grpc.stage import PACKAGE, Stage, code, pointers
from tests.grpc.twin import as_message, twin
from tests.rest.stock import Stock
from tests.rest.world import Account

pytestmark = pytest.mark.fuzz

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300" if LONG else "8"))
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
# Whoever calls them is somebody else, or nobody, afterwards.
LAST_ACTS = {"logout", "deleteAccount", "changePassword", "revokeSession"}
# What they change is the caller's own, and there is one of it.
OWN = {"updateProfile", "markAllNotificationsRead"}
_ID = re.compile(r"\b([a-z]{3})_[0-7][0-9a-hjkmnp-tv-z]{25}\b")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_SECRET = re.compile(r'(access_token|refresh_token|ticket|next_page_token|email): "[^"]+"')


class Pair:
    """One platform, and two of everything in it: REST changes the one, gRPC the other."""

    def __init__(self, portal: BlockingPortal, stage: Stage) -> None:
        self.portal = portal
        self.stage = stage
        self.stock = Stock(stage)
        self._turns = 0

    async def lay_in(self) -> None:
        """Makes both."""
        await self.stock.lay_in()
        self.mine = dict(self.stock.ids)
        self.other: dict[str, str] = {}

    async def freshen(self) -> None:
        """Two new ones of each kind, that are alike."""
        for known in (self.mine, self.other):
            for kind in ("bud", "exp", "cus", "ord", "txn", "ntf", "tsk"):
                known[kind] = self.stock.ids[kind] = await self.stock.fresh(kind)

    def caller(self, operation: str) -> Account | None:
        """The account with the least role that may call it."""
        scope = OPERATIONS[operation].scope
        if OPERATIONS[operation].public:
            return None
        return next(
            self.stock.people[role] for role in Role if scope is None or scope in ROLES[role.value]
        )

    def same(self, path: str, message: Message) -> None:
        """Asks both, and compares."""
        self.portal.call(self._same, path, message)

    async def _same(self, path: str, message: Message) -> None:
        operation = METHODS[path].operation
        self._turns += 1
        asked, message = twin(path, self._own(message, "r")), self._own(message, "g")
        if asked is None:
            return
        callers = [self.caller(operation.id)] * 2
        if operation.id in LAST_ACTS | OWN:
            callers = [await self.stage.account(), await self.stage.account()]
        rest = await self.stage.http.request(
            asked.method,
            asked.path,
            content=asked.body,
            headers=asked.headers | (callers[0].headers if callers[0] else {}),
        )
        raw = message.SerializeToString()
        if operation.write:
            for kind, id in self.mine.items():
                raw = raw.replace(id.encode(), self.other.get(kind, id).encode())
        method = path.removeprefix(f"/{PACKAGE}.")
        try:
            answer = await self.stage.ask(callers[1], method, raw, answer_class(path))
        except grpc.aio.AioRpcError as error:
            self._refused(rest, error)
            return
        assert rest.is_success, f"{rest.status_code} {rest.text}, but gRPC: {answer}"
        expected = as_message(answer_class(path), rest.json() if rest.content else {})
        if operation.write:
            assert _plain(answer) == _plain(expected)
        else:
            assert answer == expected

    def _own(self, message: Message, whose: str) -> Message:
        """The message, with what may be used once made its own."""
        own: Any = type(message)()
        own.CopyFrom(message)
        known = {field.name for field in own.DESCRIPTOR.fields}
        key = own.idempotency_key if "idempotency_key" in known else ""
        if key.isascii() and 0 < len(key) < 100:
            own.idempotency_key += f"{self._turns}{whose}"
        if own.DESCRIPTOR.name == "RegisterRequest" and own.body.email[:1].isalnum():
            own.body.email = f"{whose}{self._turns}{own.body.email}"
        return cast("Message", own)

    @staticmethod
    def _refused(rest: httpx.Response, error: grpc.aio.AioRpcError) -> None:
        told: dict[str, Any] = rest.json()
        wanted = (told["code"], sorted(e["pointer"] for e in told.get("errors", ())))
        assert (code(error), sorted(pointers(error))) == wanted, rest.text
        assert error.code().name == PROBLEMS[told["code"]].grpc


def _plain(message: Message) -> str:
    """What is made anew each time has no name."""
    text = _SECRET.sub(r"\1", str(message))
    return _MOMENT.sub("moment", _ID.sub(r"\1_", text))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The platform on a loop of its own, as hypothesis knows none."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal("asyncio", {"use_uvloop": True}))
        stage = Stage(tmp_path_factory.mktemp("pair"))
        portal.call(stage.open)
        stack.callback(portal.call, stage.close)
        pair = Pair(portal, stage)
        portal.call(pair.lay_in)
        yield pair


@pytest.mark.parametrize("path", UNARY, ids=lambda path: path.rpartition("/")[2])
def test_rest_and_grpc_answer_alike(path: str, pair: Pair) -> None:
    """Requests made of the descriptors, good and bad, to each operation."""
    if METHODS[path].operation.write:
        pair.portal.call(pair.freshen)

    @hypothesis.settings(SETTINGS)
    @hypothesis.given(filled(RPCS[path].input_type, pair.mine))
    def ask(message: Message) -> None:
        pair.same(path, message)

    ask()
