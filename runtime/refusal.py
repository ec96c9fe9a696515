"""A refusal as HTTP tells it: RFC 9457 problem+json, and the headers that go with its status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runtime.problem import MethodNotAllowed, Problem, ProblemKind
from runtime.rest import PROBLEM_JSON, Header, Response


def refusal(problems: Mapping[str, ProblemKind], problem: Problem, request_id: str) -> Response:
    """The answer that `problem` is; `problems` is the contract's table."""
    kind = problems.get(problem.code) or problems["internal"]
    headers: list[Header] = [PROBLEM_JSON]
    if problem.retry_after is not None or kind.status in (429, 503):
        seconds = max(1, int((problem.retry_after or 0) + 0.999))
        headers.append((b"retry-after", b"%d" % seconds))
    if kind.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if kind.code == MethodNotAllowed.code:
        headers.append((b"allow", problem.args[1].encode() if len(problem.args) > 1 else b""))
    return Response(kind.status, headers, document(problems, problem, request_id))


def document(problems: Mapping[str, ProblemKind], problem: Problem, request_id: str) -> bytes:
    """The problem in JSON, as every protocol that speaks JSON tells it."""
    kind = problems.get(problem.code) or problems["internal"]
    told: dict[str, Any] = {
        "type": f"/docs/problems#{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "code": kind.code,
        "requestId": request_id,
    }
    if problem.detail:
        told["detail"] = problem.detail
    if problem.errors:
        told["errors"] = [
            {"pointer": error.pointer, "code": error.code, "message": error.message}
            for error in problem.errors
        ]
    return json.dumps(told).encode()
