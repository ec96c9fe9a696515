"""No request that Schemathesis finds breaks a promise of the contract; every operation succeeds.

Each operation gets a world of its own, so that a failure does not depend on what ran before it. The
seeds are fixed. FUZZ_EXAMPLES is how many cases each operation gets beside the examples of the spec
and the boundaries of its schemas, which are always tried.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import CheckFunction
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case as AnyCase
from schemathesis.generation.hypothesis.builder import (
    HypothesisTestConfig,
    HypothesisTestMode,
    create_test,
)
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
)

from generated.operations import OPERATIONS
from runtime.monitor import Exchange, findings, read_contract
from tests.rest.refusals import refusals
from tests.rest.stage import Stage, staged
from tests.rest.stock import Stock

Case = AnyCase[Any]

pytestmark = pytest.mark.fuzz

SPEC = json.loads((Path(__file__).parents[2] / "generated" / "openapi.json").read_bytes())
REFUSALS = refusals(SPEC)
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3000" if LONG else "30"))
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
# What a request may be refused with when it breaks the schemas on purpose.
_ILL_FORMED = {"invalid-input", "malformed-request", "unsupported-media-type", "method-not-allowed"}
# An event stream does not end; what comes in this time is looked at.
_LISTEN = 0.2


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Where the worlds are on, one after the other."""
    with staged() as stage:
        yield stage


@pytest.fixture(scope="module")
def contract() -> Any:
    """The contract as openapi-core reads it."""
    return read_contract(SPEC)


class Judge:
    """Sends cases, and holds each answer to the contract."""

    def __init__(self, stage: Stage, contract: Any, stock: Stock) -> None:
        self._stage = stage
        self._contract = contract
        self._stock = stock
        self.succeeded: set[str] = set()

    def try_out(self, case: Case) -> None:
        """One request. Fails on an answer that breaks a promise."""
        name = _name(case)
        _mend(case)
        meta = case.meta
        assert meta is not None
        prepare = partial(
            self._stock.prepare, well_formed=not meta.is_negative_at(ParameterLocation.BODY)
        )
        caller = self._stage.run(
            prepare, name, case.path_parameters, case.query, case.headers, case.body
        )
        kwargs: dict[str, Any] = {"app": self._stage}
        if name == "streamNotifications":
            kwargs["timeout"] = _LISTEN
        signed = caller is not None and _says_who(case)
        headers = dict(caller.headers) if caller is not None and signed else None
        response = case.call(headers=headers, **kwargs)
        excused = self._code(name, case, response, signed=signed)
        case.validate_response(
            response,
            headers=headers,
            transport_kwargs=kwargs | ({"headers": headers} if headers else {}),
            excluded_checks=_excluded(name, excused),
        )
        self._matches(case, response)
        if response.status_code < 300:
            self.succeeded.add(name)

    def _code(self, name: str, case: Case, response: Response, *, signed: bool) -> str | None:
        """The code that the answer was refused with, when the table lists it; fails when not."""
        if response.status_code < 400 or response.request.method == "HEAD":
            return None
        code = str(response.json()["code"])
        if code in REFUSALS[name]:
            return code
        meta = case.meta
        assert meta is not None
        allowed = set(_ILL_FORMED) if meta.generation.mode.is_negative else set()
        if not signed:
            allowed.add("unauthenticated")
        if "{" in case.path:
            allowed.add("not-found")
        assert code in allowed, f"{name} refused what is well-formed: {response.text}\n{case!r}"
        return None

    def _matches(self, case: Case, response: Response) -> None:
        """A second library reads the answer by the same contract."""
        if response.status_code == 405 or response.request.method in ("HEAD", "OPTIONS"):
            return
        declared = case.operation.definition.raw["responses"]
        assert str(response.status_code) in declared, f"undeclared: {response.text}"
        path = str(response.request.path_url).partition("?")[0]
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, values in response.headers.items()
            for value in values
        ]
        exchange = Exchange(case.method, path, response.status_code, headers, response.content)
        operation, differences = findings(self._contract, exchange)
        assert not differences, (
            f"{operation} {response.status_code}: {differences}\n{response.text}"
        )


def _name(case: Case) -> str:
    return str(case.operation.definition.raw["operationId"])


def _excluded(name: str, excused: str | None) -> list[CheckFunction]:
    """The checks that do not apply to an answer."""
    checks: list[CheckFunction] = []
    if excused:
        checks.append(positive_data_acceptance)
    if name == "streamNotifications":
        # The contract says what the whole stream is: text. This check takes it for each event's.
        checks.append(response_schema_conformance)
    if name == "importExpenses":
        # Its body is text, which anything is; its rows are judged one by one, in a 207.
        checks.append(negative_data_rejection)
    return checks


@schemathesis.serializer("application/x-ndjson")
def _lines(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """JSON lines go as they are generated: as text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def _says_who(case: Case) -> bool:
    """Whether the case has a token, if an invented one; a case may be about having none."""
    return str(case.headers.get("Authorization", "")).startswith("Bearer ")


def _mend(case: Case) -> None:
    """Takes out what Schemathesis 4.32 leaves in by mistake: when it has tried too long a text in a
    header with a pattern, the next coverage cases keep that text while they call it well-formed.
    """
    meta = case.meta
    if meta is None or meta.phase.name is not TestPhase.COVERAGE:
        return
    for parameter in case.operation.headers:
        value = case.headers.get(parameter.name)
        if value and set(value) == {"a"} and meta.phase.data.parameter != parameter.name:
            del case.headers[parameter.name]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_no_request_breaks_a_promise_and_some_succeed(
    name: str, stage: Stage, contract: Any, tmp_path: Path
) -> None:
    """Examples, boundaries and random cases, well-formed and not, over one operation."""
    with stage.showing(tmp_path) as world:
        stock = Stock(world)
        stage.run(stock.lay_in)
        judge = Judge(stage, contract, stock)
        schema = schemathesis.openapi.from_asgi("/openapi.json", stage)
        operation = schema.find_operation_by_id(name)
        test = create_test(
            operation=operation,
            test_func=judge.try_out,
            config=HypothesisTestConfig(
                project=schema.config, modes=list(HypothesisTestMode), settings=SETTINGS
            ),
        )
        test()
        assert name in judge.succeeded, f"{name} never succeeded"


def test_every_operation_that_is_served_is_tried(stage: Stage, tmp_path: Path) -> None:
    """/openapi.json has the operations that the tests above are made of."""
    with stage.showing(tmp_path):
        schema = schemathesis.openapi.from_asgi("/openapi.json", stage)
        served = {
            result.ok().definition.raw["operationId"]
            for result in schema.get_all_operations()
            if isinstance(result, Ok)
        }
    assert served == set(OPERATIONS)
