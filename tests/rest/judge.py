"""Sends what Schemathesis generates, and holds each answer to the contract: by all its checks, by
openapi-core, and by the table of refusals.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import schemathesis
from schemathesis.checks import CheckFunction
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.generation.case import Case as AnyCase
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
)

from runtime.monitor import Exchange, findings
from tests.rest.refusals import refusals
from tests.rest.stage import Stage
from tests.rest.stock import Stock

Case = AnyCase[Any]

# What a request may be refused with when it breaks the schemas on purpose.
_ILL_FORMED = {"invalid-input", "malformed-request", "unsupported-media-type", "method-not-allowed"}
# An event stream does not end; what comes in this time is looked at.
_LISTEN = 0.2


class Judge:
    """Sends cases, and holds each answer to the contract."""

    def __init__(self, stage: Stage, spec: dict[str, Any], contract: Any, stock: Stock) -> None:
        self._stage = stage
        self._contract = contract
        self._stock = stock
        self._refusals = refusals(spec)
        self.succeeded: set[str] = set()

    def try_out(self, case: Case) -> None:
        """One request, and its answer. Fails on one that breaks a promise."""
        self.check(case, *self.send(case))

    def send(self, case: Case) -> tuple[Response, dict[str, Any]]:
        """The answer to the case, with what exists put into it, and what it was called with."""
        name = name_of(case)
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
        if headers is not None:
            kwargs["headers"] = headers
        response = case.call(**kwargs)
        self._stock.met(response.text if response.content else "")
        return response, kwargs

    def check(
        self,
        case: Case,
        response: Response,
        kwargs: dict[str, Any],
        recorder: ScenarioRecorder | None = None,
    ) -> None:
        """Fails on an answer that breaks a promise."""
        name = name_of(case)
        excused = self._code(name, case, response, signed="headers" in kwargs)
        case.validate_response(
            response,
            headers=kwargs.get("headers"),
            transport_kwargs=kwargs,
            excluded_checks=_excluded(name, excused),
            recorder=recorder,
        )
        self._matches(case, response)
        if response.status_code < 300:
            self.succeeded.add(name)

    def _code(self, name: str, case: Case, response: Response, *, signed: bool) -> str | None:
        """The code that the answer was refused with, when the table lists it; fails when not."""
        if response.status_code < 400 or response.request.method == "HEAD":
            return None
        code = str(response.json()["code"])
        if code in self._refusals[name]:
            return code
        meta = case.meta
        assert meta is not None
        allowed = set(_ILL_FORMED) if meta.generation.mode.is_negative else set()
        if not signed:
            allowed.add("unauthenticated")
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


def name_of(case: Case) -> str:
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
