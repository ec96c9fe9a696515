"""The monitor finds answers that differ from the contract, and tells where without telling what."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from runtime.monitor import LONGEST, MOST_WAITING, UNMATCHED, Monitor

SPEC: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "t", "version": "1"},
    "servers": [{"url": "/api"}],
    "paths": {
        "/budgets/{id}": {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "get": {
                "operationId": "getBudget",
                "x-scope": "budgets:read",
                "responses": {
                    "200": {
                        "description": "The budget.",
                        "headers": {
                            "ETag": {
                                "required": True,
                                "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
                            }
                        },
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Budget"}}
                        },
                    },
                    "404": {
                        "description": "None.",
                        "content": {
                            "application/problem+json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {"status": {"type": "integer"}},
                                }
                            }
                        },
                    },
                },
            },
            "delete": {
                "operationId": "deleteBudget",
                "responses": {"204": {"description": "Gone."}},
            },
        },
        "/budgets/export": {
            "get": {
                "operationId": "exportBudgets",
                "responses": {
                    "200": {
                        "description": "All.",
                        "content": {"text/csv": {"schema": {"type": "string"}}},
                    }
                },
            }
        },
    },
    "components": {
        "schemas": {
            "Budget": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "name"],
                "properties": {
                    "id": {"type": "string", "pattern": "^bud_"},
                    "name": {"type": "string"},
                    "members": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["userId"],
                            "properties": {"userId": {"type": "string"}},
                        },
                    },
                    "notes": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            }
        }
    },
}
GOOD = {"id": "bud_1", "name": "hunter2"}
HEADERS = [(b"content-type", b"application/json"), (b"etag", b'"1"')]


class Watched:
    """A monitor of every answer, and what it found."""

    def __init__(self, rate: float = 1.0, **given: Any) -> None:
        self.drifted: list[str] = []
        self.monitor = Monitor(SPEC, rate, self.drifted.append, **given)

    def answer(
        self,
        body: Any,
        status: int = 200,
        *,
        method: str = "GET",
        path: str = "/api/budgets/bud_1",
        headers: list[tuple[bytes, bytes]] = HEADERS,
    ) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.monitor.offer(method, path, status, headers, raw)

    def found(self) -> list[str]:
        self.monitor.flush()
        return self.drifted


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.monitor.close()


def test_an_answer_that_keeps_to_the_contract_is_no_drift(watched: Watched) -> None:
    watched.answer(GOOD)
    watched.answer(b"", 204, method="DELETE", headers=[])
    csv = [(b"content-type", b"text/csv; charset=utf-8")]
    watched.answer(b"id,name\n", path="/api/budgets/export", headers=csv)
    problem = [(b"content-type", b"application/problem+json")]
    watched.answer({"status": 404}, 404, headers=problem)
    assert watched.found() == []
    assert watched.monitor.counts == {"checked": 4}


@pytest.mark.parametrize(
    ("body", "status", "headers", "finding"),
    [
        ({**GOOD, "name": 22}, 200, HEADERS, "getBudget 200: /name: type"),
        ({"members": []}, 200, HEADERS, "getBudget 200: /: required id, name"),
        ({**GOOD, "hunter2": 1}, 200, HEADERS, "getBudget 200: /: additionalProperties"),
        ({**GOOD, "id": "hunter2"}, 200, HEADERS, "getBudget 200: /id: pattern"),
        ({**GOOD, "members": [{}]}, 200, HEADERS, "getBudget 200: /members/0: required userId"),
        ({**GOOD, "notes": {"hunter2 x": 1}}, 200, HEADERS, "getBudget 200: /notes/*: type"),
        (
            {"status": "hunter2"},
            404,
            [(b"content-type", b"application/problem+json")],
            "getBudget 404: /status: type",
        ),
        (GOOD, 201, HEADERS, "getBudget 201: response not found"),
        (b'{"hunter2', 200, HEADERS, "getBudget 200: media type deserialize error"),
        (b"\xff", 200, HEADERS, "getBudget 200: media type deserialize error"),
        (b"", 200, HEADERS, "getBudget 200: missing data"),
        (GOOD, 200, HEADERS[:1], "getBudget 200: header ETag: missing required header"),
        (
            GOOD,
            200,
            [*HEADERS[:1], (b"ETag", b"hunter2")],
            "getBudget 200: header ETag: /: pattern",
        ),
        (
            GOOD,
            200,
            [(b"content-type", b"text/hunter2"), HEADERS[1]],
            "getBudget 200: media type not found",
        ),
    ],
)
def test_drift_is_counted_and_located_without_the_data(
    watched: Watched,
    caplog: pytest.LogCaptureFixture,
    body: Any,
    status: int,
    headers: list[tuple[bytes, bytes]],
    finding: str,
) -> None:
    with caplog.at_level(logging.WARNING):
        watched.answer(body, status, headers=headers)
        assert watched.found() == ["getBudget"]
    assert f"contract drift: {finding}" in caplog.messages
    assert "hunter2" not in caplog.text


def test_what_the_contract_does_not_know_is_drift_too(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        watched.answer(GOOD, path="/api/hunter2")
        watched.answer(GOOD, method="PATCH")
        assert watched.found() == [UNMATCHED, UNMATCHED]
    assert "hunter2" not in caplog.text


def test_the_same_finding_is_logged_once_and_counted_always(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            watched.answer({**GOOD, "name": 1})
        assert watched.found() == ["getBudget"] * 5
    assert len(caplog.messages) == 1


def test_only_the_share_asked_for_is_checked() -> None:
    never = Watched(0.0)
    sometimes = Watched(0.05, read=lambda spec: None)
    for _ in range(2000):
        never.answer(GOOD)
        sometimes.answer(GOOD)
    for each in (never, sometimes):
        each.monitor.close()
    assert sum(never.monitor.counts.values()) == 0
    assert 30 < sum(sometimes.monitor.counts.values()) < 300


def held(gate: threading.Event) -> Callable[[Mapping[str, Any]], Any]:
    def read(spec: Mapping[str, Any]) -> Any:
        gate.wait(10)
        raise ValueError("hunter2")

    return read


def test_when_it_cannot_keep_up_answers_are_passed_over_and_nobody_waits() -> None:
    gate = threading.Event()
    watched = Watched(read=held(gate))
    for _ in range(MOST_WAITING * 3):
        watched.answer(GOOD)
    passed = watched.monitor.counts["passed over"]
    assert MOST_WAITING * 2 - 1 <= passed <= MOST_WAITING * 2
    gate.set()
    watched.monitor.close()


def test_a_very_large_answer_is_passed_over(watched: Watched) -> None:
    watched.answer(b"x" * (LONGEST + 1))
    assert watched.found() == []
    assert watched.monitor.counts == {"passed over": 1}


def test_a_monitor_that_fails_harms_nothing_and_tells_no_data(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = threading.Event()
    gate.set()
    with caplog.at_level(logging.WARNING):
        watched = Watched(read=held(gate))
        watched.answer(GOOD)
        assert watched.found() == []
        watched.monitor.close()
    assert watched.monitor.counts == {"failed": 1}
    assert "could not be checked: ValueError" in caplog.text
    assert "hunter2" not in caplog.text


def test_closing_checks_what_waits_and_takes_no_more(watched: Watched) -> None:
    watched.answer({**GOOD, "name": 1})
    watched.monitor.close(10)
    watched.answer({**GOOD, "name": 1})
    assert watched.drifted == ["getBudget"]
    watched.monitor.close()
