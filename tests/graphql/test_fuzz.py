"""No document that Schemathesis finds breaks a promise: none fails inside, each has its problem.

FUZZ_EXAMPLES is how many documents each field gets; the seeds are fixed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import given
from schemathesis.core.result import Ok

from generated.errors import PROBLEMS
from generated.models import Role
from tests.rest.stage import Stage, staged
from tests.rest.stock import Stock

pytestmark = pytest.mark.fuzz

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300" if LONG else "15"))
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
# What a GraphQL client may be told: never that something failed inside.
CODES = {kind.code for kind in PROBLEMS.values()} - {"internal", "unavailable"}


_TEXTS = {
    "Decimal": hypothesis.strategies.from_regex(
        r"-?(0|[1-9][0-9]{0,12})([.][0-9]{1,4})?", fullmatch=True
    ),
    "Date": hypothesis.strategies.dates().map(str),
    "DateTime": hypothesis.strategies.datetimes().map(lambda at: f"{at.isoformat()}Z"),
}
for _name, _texts in _TEXTS.items():
    # Well formed, nearly so, and not at all.
    _any = hypothesis.strategies.one_of(_texts, hypothesis.strategies.text(max_size=12))
    schemathesis.graphql.scalar(_name, _any.map(schemathesis.graphql.nodes.String))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Where the world is on."""
    with staged() as stage:
        yield stage


@pytest.fixture(scope="module")
def admin(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What signs an admin's requests, in a world with one of each kind."""
    with stage.showing(tmp_path_factory.mktemp("world")) as world:
        stock = Stock(world)
        stage.run(stock.lay_in)
        yield {
            "Authorization": f"Bearer {stock.people[Role.ADMIN].access}",
            "Accept": "application/graphql-response+json",
        }


def fields(stage: Stage) -> dict[str, Any]:
    """Every field at a root, as Schemathesis reads the schema from our own introspection."""
    schema = schemathesis.graphql.from_asgi("/api/graphql", stage)
    return {
        result.ok().label: result.ok()
        for result in schema.get_all_operations()
        if isinstance(result, Ok)
    }


def test_no_document_breaks_a_promise(stage: Stage, admin: dict[str, str]) -> None:
    found = fields(stage)
    assert len(found) > 60
    for label, operation in sorted(found.items()):
        if label != "Mutation.deleteAccount":  # the caller's own
            try_out(label, operation, admin)


def try_out(label: str, operation: Any, headers: dict[str, str]) -> None:
    """Many documents for one field."""

    @SETTINGS
    @given(case=operation.as_strategy())
    def holds(case: Any) -> None:
        response = case.call(headers=headers)
        told = response.json()
        assert response.status_code in (200, 400), (label, case.body, response.text)
        assert response.headers["content-type"][0].startswith("application/graphql-response")
        for error in told.get("errors", ()):
            code = error["extensions"]["problem"]["code"]
            assert code in CODES, (label, case.body, error)
        assert "data" in told or told["errors"], (label, case.body)

    holds()


def test_what_is_no_document_is_refused(stage: Stage, admin: dict[str, str]) -> None:
    """Text that is nearly one: cut off, doubled, with something of everything in it."""
    good = "query Q($n: Int = 5) { budgets(first: $n) { id ...F @include(if: true) } } "
    good += "fragment F on Budget { name expenses(first: 2) { amount tags } }"
    pieces = hypothesis.strategies.sampled_from(
        [
            *("{", "}", "(", "$", ":", "...", "@skip", '"', '"""', "#", "\x00", "\ufeff", "[", "!"),
            *("null", "on", "fragment", "subscription", "__schema", "é", "\U0001f600", "1e999"),
        ]
    )

    @SETTINGS
    @given(
        at=hypothesis.strategies.integers(0, len(good)),
        to=hypothesis.strategies.integers(0, len(good)),
        piece=hypothesis.strategies.one_of(pieces, hypothesis.strategies.text(max_size=5)),
    )
    def holds(at: int, to: int, piece: str) -> None:
        import httpx

        async def send() -> httpx.Response:
            body = {"query": good[:at] + piece + good[to:]}
            return await stage.world.http.post("/api/graphql", json=body, headers=admin)

        try:
            response = stage.run(send)
        except UnicodeEncodeError:
            return  # no client can send it
        assert response.status_code in (200, 400), response.text
        for error in response.json().get("errors", ()):
            assert error["extensions"]["problem"]["code"] in CODES, (at, to, piece, error)

    holds()


def test_the_tests_have_a_schema_to_go_by(stage: Stage, tmp_path: Path) -> None:
    """Introspection is on where they run."""
    with stage.showing(tmp_path):
        assert "Query.budgets" in fields(stage)
