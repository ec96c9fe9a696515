"""The compiled routes answer as connexion does, which interprets the same contract."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import strategies as st
from schemathesis.config import SanitizationConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.generation.case import Case as AnyCase
from schemathesis.generation.hypothesis.builder import (
    HypothesisTestConfig,
    HypothesisTestMode,
    create_test,
)
from schemathesis.transport.prepare import prepare_request

from generated.models import Role
from generated.operations import OPERATIONS
from tests.rest.judge import Case, name_of
from tests.rest.junk import BODIES
from tests.rest.opinions import Opinions, opinions
from tests.rest.wire import Wire

pytestmark = pytest.mark.fuzz

SPEC = json.loads((Path(__file__).parents[2] / "generated" / "openapi.json").read_bytes())
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1000" if LONG else "15"))
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


class Both:
    """The two opinions, on a loop of their own."""

    def __init__(self, portal: BlockingPortal, both: Opinions) -> None:
        self.portal = portal
        self.opinions = both

    def same(self, *wires: Wire, patience: float = 30.0) -> int:
        """The status that both answer; fails when they differ in anything."""
        ask = partial(self.opinions.same, *wires, patience=patience)
        return self.portal.call(ask).status

    def case(self, case: Case) -> None:
        """A generated case, to each with what exists in its world."""
        name = name_of(case)
        meta = case.meta
        assert meta is not None
        well_formed = not meta.is_negative_at(ParameterLocation.BODY)
        wires = []
        for stock in self.opinions.stocks:
            mine: Case = AnyCase(
                case.operation,
                case.method,
                case.path,
                path_parameters=copy.deepcopy(case.path_parameters),
                query=copy.deepcopy(case.query),
                headers=case.headers.copy(),
                body=copy.deepcopy(case.body),
                media_type=case.media_type,
                multipart_content_types=case.multipart_content_types,
            )
            prepare = partial(stock.prepare, well_formed=well_formed)
            caller = self.portal.call(
                prepare, name, mine.path_parameters, mine.query, mine.headers, mine.body
            )
            signed = str(mine.headers.get("Authorization", "")).startswith("Bearer ")
            wires.append(_wire(mine, caller.headers if caller is not None and signed else None))
        self.same(*wires, patience=0.1 if name == "streamNotifications" else 30.0)


def _wire(case: Case, signature: dict[str, str] | None) -> Wire:
    sent = prepare_request(
        case, signature, config=SanitizationConfig(enabled=False), base_url="http://localhost/api"
    )
    headers = [
        (name.lower().encode("latin-1"), _bytes(value)) for name, value in sent.headers.items()
    ]
    return Wire(str(sent.method), sent.path_url, headers, _bytes(sent.body or b""))


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Two platforms that are always asked the same, so that their histories are the same."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal("asyncio", {"use_uvloop": True}))
        folder = tmp_path_factory.mktemp("opinions")
        two = stack.enter_context(portal.wrap_async_context_manager(opinions(folder)))
        yield Both(portal, two)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_both_answer_the_same_to_generated_requests(name: str, both: Both) -> None:
    """Boundaries broken one by one, and random requests, good and bad."""
    schema = schemathesis.openapi.from_dict(SPEC)
    schema.config.phases.coverage.generation.modes = [GenerationMode.NEGATIVE]
    test = create_test(
        operation=schema.find_operation_by_id(name),
        test_func=both.case,
        config=HypothesisTestConfig(
            project=schema.config, modes=list(HypothesisTestMode), settings=SETTINGS
        ),
    )
    test()


# --- what no generator of valid HTTP makes --------------------------------------------------------

_IDS = [
    "bud_01jd8z4k5qf6x8v0m2t7n9w301",
    "x",
    "%C3%A9",
    "%ff",
    "%00",
    "%2F",
    "%25",
    "a%20b",
    "..",
    "{id}",
    "import",
    "a" * 31,
]
_SEGMENTS = ["api", "budgets", "expenses", "auth", "me", "members", "import", "balance", "", *_IDS]
_QUERIES = [
    "pageSize=1",
    "pageSize=0",
    "pageSize=201",
    "pageSize=%201",
    "pageSize=1.0",
    "pageSize=%D9%A1",
    "pageSize=",
    "pageSize",
    "pageToken=abc",
    "pageToken=",
    "sort=name",
    "sort=+name,-createdAt",
    "sort=nobody",
    "sort=%00",
    "sort=%ff",
    "sort=%C3%A9",
    "currency=USD",
    "currency=usd",
    "period=monthly",
    "from=2026-02-30",
    "from=2026-1-1",
    "unread=TRUE",
    "unread=true",
    "a[b]=c",
    "%70ageSize=5",
    "",
    "=",
    "x;y",
]
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-type", b"application/json; charset=utf-8"),
    (b"content-type", b"APPLICATION/JSON"),
    (b"content-type", b"text/plain"),
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"content-type", b"multipart/form-data"),
    (b"content-type", b""),
    (b"content-type", b"\xff"),
    (b"content-encoding", b"gzip"),
    (b"content-length", b"abc"),
    (b"content-length", b"99999999"),
    (b"idempotency-key", b""),
    (b"idempotency-key", b"a b"),
    (b"idempotency-key", b"\xe9"),
    (b"idempotency-key", b"k" * 129),
    (b"if-match", b""),
    (b"if-match", b"1"),
    (b"if-match", b'"1"'),
    (b"if-match", b'W/"1"'),
    (b"if-match", b'"' + b"1" * 30 + b'"'),
    (b"authorization", b""),
    (b"authorization", b"Bearer x"),
    (b"authorization", b"Basic YTpi"),
    (b"origin", b"https://budget.example.com"),
    (b"origin", b"https://evil.example.com"),
    (b"access-control-request-method", b"PUT"),
    (b"accept", b"application/xml"),
    (b"x-request-id", b"\xff"),
    (b"traceparent", b"junk"),
    (b"expect", b"100-continue"),
]
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "FOO"]
_PLACES = sorted(SPEC["paths"])


@st.composite
def _raw(draw: st.DrawFn) -> tuple[Wire, Role | None]:
    """A request of odd parts, each of which is likely to be right, and who sends it."""
    if draw(st.integers(0, 4)):
        path = "/api" + draw(st.sampled_from(_PLACES))
        while "{" in path:
            before, _, rest = path.partition("{")
            path = (
                before
                + draw(st.sampled_from(_IDS[:-2])).replace("{id}", "%7B")
                + (rest.partition("}")[2])
            )
    else:
        path = "/" + "/".join(draw(st.lists(st.sampled_from(_SEGMENTS), max_size=5)))
    query = "&".join(draw(st.lists(st.sampled_from(_QUERIES), max_size=3)))
    headers = draw(st.lists(st.sampled_from(_HEADERS), max_size=3, unique_by=lambda each: each[0]))
    small = [body for body in BODIES.values() if len(body) < 1000]
    body = draw(st.sampled_from(small) | st.binary(max_size=20) | _JSON.map(_encoded))
    method = draw(st.sampled_from(_METHODS))
    role = draw(st.sampled_from([None, *Role]))
    chunk = draw(st.sampled_from([None, 1, 7]))
    target = f"{path}?{query}" if query else path
    return Wire(method, target, headers, body, chunk), role


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "limit", "email", "tags", "lines", "kind", "input", "~", "a/b", ""]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


@hypothesis.settings(SETTINGS, max_examples=EXAMPLES * 20)
@hypothesis.given(asked=_raw())
def test_both_answer_the_same_to_odd_requests(both: Both, asked: tuple[Wire, Role | None]) -> None:
    """Odd paths, queries, headers, methods and bodies, in any company."""
    wire, role = asked
    wires = []
    for stock in both.opinions.stocks:
        own = dict(wire.headers)
        if role is not None:
            own.setdefault(b"authorization", stock.people[role].headers["Authorization"].encode())
        wires.append(Wire(wire.method, wire.target, list(own.items()), wire.body, wire.chunk))
    both.same(*wires, patience=0.1 if "notifications/stream" in wire.target else 30.0)


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("path", ["/api/budgets", "/api/auth/login"])
def test_both_refuse_a_body_that_is_wrong_alike(both: Both, name: str, path: str) -> None:
    wires = [
        Wire(
            "POST",
            path,
            [
                (b"content-type", b"application/json"),
                (b"authorization", stock.people[Role.USER].headers["Authorization"].encode()),
            ],
            BODIES[name],
        )
        for stock in both.opinions.stocks
    ]
    both.same(*wires)
