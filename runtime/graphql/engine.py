"""Answers one GraphQL request after another, whatever they came by.

It needs graphql-core and Strawberry, so it is loaded when the first request comes (gateway.py).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLSchema, OperationType
from graphql.execution.values import VariableValues, get_variable_values

from runtime.graphql.asked import Answer, Asked, Asker
from runtime.graphql.documents import Document, Documents, Refused
from runtime.graphql.errors import ErrorWriter
from runtime.graphql.execute import Execution, Outcome
from runtime.graphql.explain import explain
from runtime.graphql.limits import Limits
from runtime.graphql.plan import Plan, plan
from runtime.graphql.resolve import Fields, Resolver
from runtime.operation import RateRule
from runtime.problem import (
    DeadlineExceeded,
    InvalidInput,
    MethodNotAllowed,
    Problem,
    ProblemKind,
    RateLimited,
)
from runtime.ratelimit import Limiter, address_key

# Documents that are not remembered, of one address in a minute; variables make many requests one
# document.
_DOCUMENTS = RateRule("graphql-documents", 300, 60)
# Seconds for a whole document; each of its operations has a deadline of its own.
DEADLINE = 30.0
_MOST_ERRORS = 20
_MOST_PLANS = 16
# Where nothing was done, and a client can do something about it by the status alone.
_TELLING = (401, 429)


@dataclass(slots=True)
class Prepared:
    """A request that may be executed."""

    plan: Plan
    variables: VariableValues
    resolver: Resolver
    execution: Execution

    @property
    def streams(self) -> bool:
        """Whether it is a subscription."""
        return self.plan.operation.operation is OperationType.SUBSCRIPTION


class Engine:
    """The schema with everything that is known of it."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fields: Fields,
        problems: Mapping[str, ProblemKind],
        limits: Limits,
        limiter: Limiter,
        known: Mapping[str, str],
        *,
        only_known: bool,
    ) -> None:
        self.schema = schema
        self.fields = fields
        self.limits = limits
        self.errors = ErrorWriter(problems)
        self.documents = Documents(schema, limits)
        self._limiter = limiter
        self._known = known
        self._only_known = only_known

    async def answer(self, asked: Asked, asker: Asker, *, safe: bool = False) -> Answer:
        """The answer to a query or a mutation. `safe`: mutations are not taken, as by GET."""
        prepared = await self.ready(asked, asker, safe=safe)
        if isinstance(prepared, Answer):
            return prepared
        if prepared.streams:
            streams = Refused(*_said("Subscriptions are answered over graphql-transport-ws."))
            return self._refusal(streams, asker.request_id, prepared.resolver)
        return await self.execute(prepared, asker)

    async def ready(self, asked: Asked, asker: Asker, *, safe: bool = False) -> Prepared | Answer:
        """What may be executed; else the answer that says why not."""
        resolver = Resolver(self.fields, asker)
        try:
            return await self._prepared(asked, resolver, safe)
        except Refused as refused:
            return self._refusal(refused, asker.request_id, resolver)

    async def execute(self, prepared: Prepared, asker: Asker) -> Answer:
        """The answer to a query or a mutation that was prepared."""
        execution = prepared.execution
        try:
            if len(prepared.plan.selection.fields) == 1:
                outcome = await execution.run()
            else:
                async with asyncio.timeout(DEADLINE):
                    outcome = await execution.run()
        except TimeoutError:
            late = DeadlineExceeded("It took longer than allowed.", retry_after=1)
            over = Refused(late, [GraphQLError(late.detail)])
            return self._refusal(over, asker.request_id, prepared.resolver)
        return self._told(outcome, prepared, asker.request_id)

    async def _prepared(self, asked: Asked, resolver: Resolver, safe: bool) -> Prepared:
        """Reads the document and the variables. Raises Refused."""
        text = self._text(asked)
        if text not in self.documents:
            # Reading one takes milliseconds, whoever sends it: so it is counted.
            verdict = self._limiter.take(address_key(resolver.address), _DOCUMENTS)
            if not verdict.allowed:
                late = RateLimited("Too many new documents.", retry_after=verdict.retry_after)
                raise Refused(late, [GraphQLError(late.detail)])
        document = self.documents.get(text)
        operation = document.operation(asked.operation_name)
        if safe and operation.operation is not OperationType.QUERY:
            problem = MethodNotAllowed("A mutation takes POST.")
            problem.args = (problem.detail, "POST")
            raise Refused(problem, [GraphQLError(problem.detail, operation)])
        given = dict(asked.variables)
        values = get_variable_values(
            self.schema,
            operation.variable_definitions or (),
            given,
            max_errors=_MOST_ERRORS,
            hide_suggestions=not self.limits.introspection,
        )
        conditions = {} if isinstance(values, list) else values.coerced
        way = self._plan(document, asked.operation_name, conditions)
        if isinstance(values, list):
            raise await explain(way, resolver, given, values)
        execution = Execution(way, resolver, values)
        try:
            execution.check_cost(self.limits)
        except GraphQLError as error:
            raise Refused(InvalidInput(error.message), [error]) from None
        return Prepared(way, values, resolver, execution)

    def _text(self, asked: Asked) -> str:
        """The document, which a client that is known may name only. Raises Refused."""
        if asked.document_id is not None:
            text = self._known.get(asked.document_id)
            if text is not None:
                return text
            if asked.query is None or self._only_known:
                problem = InvalidInput("There is no document of this id.")
                raise Refused(problem, [GraphQLError("PersistedQueryNotFound")])
        if asked.query is None:
            raise Refused(*_said("Send a document as `query`."))
        if self._only_known and asked.query not in self._known.values():
            raise Refused(*_said("Only documents that are registered here are executed."))
        return asked.query

    def _plan(self, document: Document, name: str | None, conditions: Mapping[str, Any]) -> Plan:
        key = (name, tuple(conditions.get(each) for each in document.conditions))
        found: Plan | None = document.plans.get(key)
        if found is None:
            if len(document.plans) >= _MOST_PLANS:
                document.plans.clear()
            operation = document.operation(name)
            found = plan(self.schema, self.fields, document, operation, conditions)
            document.plans[key] = found
        return found

    def _refusal(self, refused: Refused, request_id: str, resolver: Resolver) -> Answer:
        """The answer to a request that is not executed."""
        entries = [
            self.errors.request_entry(error, refused.problem, request_id)
            for error in refused.errors
        ]
        text = json.dumps({"errors": entries}, separators=(",", ":"))
        return Answer(text, False, refused.problem, resolver.calls)

    def _told(self, outcome: Outcome, prepared: Prepared, request_id: str) -> Answer:
        failures = outcome.failures
        calls = prepared.resolver.calls
        if not failures:
            return Answer(f'{{"data":{outcome.data}}}', True, None, calls)
        errors = self._errors(outcome, request_id)
        first = failures[0][0]
        if (
            outcome.data == "null"
            and len(failures) == len(prepared.plan.selection.fields)
            and isinstance(first, Problem)
            and self.errors.status(first) in _TELLING
            and all(type(failure[0]) is type(first) for failure in failures)
        ):
            return Answer(f'{{"errors":{errors}}}', False, first, calls)
        return Answer(f'{{"errors":{errors},"data":{outcome.data}}}', True, None, calls)

    async def event(self, prepared: Prepared, asker: Asker, value: Any) -> str:
        """The text of the result that one event of a subscription is."""
        resolver = Resolver(self.fields, asker)
        execution = Execution(prepared.plan, resolver, prepared.variables)
        execution.check_cost(self.limits)
        outcome = await execution.event(value)
        if not outcome.failures:
            return f'{{"data":{outcome.data}}}'
        errors = self._errors(outcome, asker.request_id)
        return f'{{"errors":{errors},"data":{outcome.data}}}'

    def _errors(self, outcome: Outcome, request_id: str) -> str:
        entries = [
            self.errors.entry(error, request_id, nodes, path)
            for error, nodes, path in outcome.failures
        ]
        return json.dumps(entries, separators=(",", ":"))


def _said(message: str) -> tuple[Problem, list[GraphQLError]]:
    return InvalidInput(message), [GraphQLError(message)]
