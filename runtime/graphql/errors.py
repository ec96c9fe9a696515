"""Failures as GraphQL tells them: `extensions` carry REST's problem, and the contract's code."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError, Node, get_location

from runtime.problem import Internal, InvalidInput, Problem, ProblemKind
from runtime.refusal import document

logger = logging.getLogger("budget.graphql")


class ErrorWriter:
    """Turns exceptions into the entries of `errors`; nothing of ours shows in them."""

    def __init__(self, problems: Mapping[str, ProblemKind]) -> None:
        self._problems = problems

    def status(self, problem: Problem) -> int:
        """The HTTP status that the problem has on REST."""
        return (self._problems.get(problem.code) or self._problems["internal"]).status

    def entry(
        self,
        error: Exception,
        request_id: str,
        nodes: Sequence[Node] = (),
        path: Sequence[str | int] = (),
    ) -> dict[str, Any]:
        """A field's failure."""
        problem = self.problem(error, request_id)
        entry: dict[str, Any] = {"message": problem.detail or self._kind(problem).title}
        locations = [
            {"line": place.line, "column": place.column}
            for node in nodes
            if node.loc is not None
            for place in (get_location(node.loc.source, node.loc.start),)
        ]
        if locations:
            entry["locations"] = locations
        if path:
            entry["path"] = list(path)
        entry["extensions"] = self.extensions(problem, request_id)
        return entry

    def request_entry(
        self, error: GraphQLError, problem: Problem, request_id: str
    ) -> dict[str, Any]:
        """An entry of a request that is not executed: graphql-core's words, and our problem."""
        entry: dict[str, Any] = {"message": error.message}
        if error.locations:
            entry["locations"] = [
                {"line": place.line, "column": place.column} for place in error.locations
            ]
        entry["extensions"] = self.extensions(problem, request_id)
        return entry

    def problem(self, error: Exception, request_id: str) -> Problem:
        """The refusal that an exception is; what is none goes to the log alone."""
        if isinstance(error, Problem):
            return error
        if isinstance(error, GraphQLError):
            if error.original_error is not None:
                return self.problem(error.original_error, request_id)
            return InvalidInput(error.message)
        logger.error("operation failed", exc_info=error, extra={"requestId": request_id})
        return Internal()

    def extensions(self, problem: Problem, request_id: str) -> dict[str, Any]:
        """`code` for GraphQL's clients, `problem` as REST answers it."""
        told: dict[str, Any] = {
            "code": self._kind(problem).graphql,
            "problem": json.loads(document(self._problems, problem, request_id)),
        }
        if problem.retry_after is not None:
            told["retryAfter"] = max(1, int(problem.retry_after + 0.999))
        return told

    def _kind(self, problem: Problem) -> ProblemKind:
        return self._problems.get(problem.code) or self._problems["internal"]
