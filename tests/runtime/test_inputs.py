"""Arguments that a protocol has parsed are read as REST reads them, and refused in its words."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from generated.inputs import INPUTS
from generated.models import BudgetInput, Period
from generated.operations import OPERATIONS
from runtime.call import Call
from runtime.problem import InvalidInput, MalformedRequest

BUDGET = "bud_01jd8z4k5qf6x8v0m2t7n9p1c3"


def read(operation: str, **values: Any) -> tuple[Call, dict[str, Any]]:
    call = Call(OPERATIONS[operation], "test", "r1")
    return call, INPUTS[operation].read(call, values)


def refused(operation: str, **values: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as raised:
        read(operation, **values)
    return [(error.pointer, error.code) for error in raised.value.errors]


def test_values_become_what_handlers_take() -> None:
    _, found = read("listBudgets", page_size=3, period="monthly", currency=None)
    assert (found["page_size"], found["period"], found["currency"]) == (3, Period.MONTHLY, None)
    assert read("listBudgets")[1]["page_size"] == 50
    assert read("getBudgetSummary", id=BUDGET, day="2026-02-28")[1]["day"] == date(2026, 2, 28)
    assert read("listNotifications", unread=True)[1]["unread"] is True
    body = read("createBudget", body={"name": "Home", "limit": "10.5"})[1]["body"]
    assert isinstance(body, BudgetInput)
    assert body.name == "Home"


def test_conditions_go_into_the_call() -> None:
    call, found = read("deleteBudget", id=BUDGET, if_version=7, idempotency_key="k-1")
    assert (call.if_version, call.idempotency_key, found) == (7, "k-1", {"id": BUDGET})


def test_all_faults_are_told_at_once_by_rests_places() -> None:
    assert refused("listBudgets", page_size=0, sort="colour", period="daily") == [
        ("?pageSize", "minimum"),
        ("?period", "enum"),
        ("?sort", "pattern"),
    ]
    body = {"name": "", "limit": 5, "colour": "red"}
    assert refused(
        "updateBudget", id="nonsense", body=body, if_version=0, idempotency_key="a b"
    ) == [
        ("path:id", "minLength"),
        ("header:Idempotency-Key", "pattern"),
        ("header:If-Match", "minimum"),
        ("/limit", "type"),
        ("/name", "minLength"),
        ("/colour", "unknown"),
    ]
    assert refused("getBudget") == [("path:id", "required")]


def test_a_body_that_must_be_there_is_missed() -> None:
    with pytest.raises(MalformedRequest):
        read("createBudget")
