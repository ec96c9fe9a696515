"""No request that Schemathesis finds breaks a promise of the contract; every operation succeeds.

Each operation gets a world of its own, so that a failure does not depend on what ran before it. The
seeds are fixed. FUZZ_EXAMPLES is how many cases each operation gets beside the examples of the spec
and the boundaries of its schemas, which are always tried.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.core.result import Ok
from schemathesis.generation.hypothesis.builder import (
    HypothesisTestConfig,
    HypothesisTestMode,
    create_test,
)

from generated.operations import OPERATIONS
from runtime.monitor import read_contract
from tests.rest.judge import Case, Judge
from tests.rest.stage import Stage, staged
from tests.rest.stock import Stock

pytestmark = pytest.mark.fuzz

SPEC = json.loads((Path(__file__).parents[2] / "generated" / "openapi.json").read_bytes())
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1000" if LONG else "30"))
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    stateful_step_count=12,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Where the worlds are on, one after the other."""
    with staged() as stage:
        yield stage


@pytest.fixture(scope="module")
def contract() -> Any:
    """The contract as openapi-core reads it."""
    return read_contract(SPEC)


@pytest.fixture
def judge(stage: Stage, contract: Any, tmp_path: Path) -> Iterator[Judge]:
    """A judge, in a new world with one of each kind."""
    with stage.showing(tmp_path) as world:
        stock = Stock(world)
        stage.run(stock.lay_in)
        yield Judge(stage, SPEC, contract, stock)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_no_request_breaks_a_promise_and_some_succeed(
    name: str, stage: Stage, judge: Judge
) -> None:
    """Examples, boundaries and random cases, well-formed and not, over one operation."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", stage)
    test = create_test(
        operation=schema.find_operation_by_id(name),
        test_func=judge.try_out,
        config=HypothesisTestConfig(
            project=schema.config, modes=list(HypothesisTestMode), settings=SETTINGS
        ),
    )
    test()
    assert name in judge.succeeded, f"{name} never succeeded"


def test_no_sequence_along_the_links_breaks_a_promise(stage: Stage, judge: Judge) -> None:
    """What one answer names, the next request is about: made, read, changed, deleted, gone."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", stage)
    schema.config.phases.stateful.inference.algorithms = []

    class Story(schema.as_state_machine()):  # type: ignore[misc] # a class made at run time
        def call(self, case: Case, **_: Any) -> Any:
            response, self.called_with = judge.send(case)
            return response

        def validate_response(self, response: Any, case: Case, *_: Any, **__: Any) -> None:
            judge.check(case, response, self.called_with, self.recorder)

    Story.run(settings=SETTINGS)
    linked = {
        target
        for item in SPEC["paths"].values()
        for operation in item.values()
        for response in operation["responses"].values()
        for target in response.get("links", ())
    }
    followed = linked & judge.succeeded
    assert len(followed) > len(linked) / 2, f"hardly any link was followed: {sorted(followed)}"


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
