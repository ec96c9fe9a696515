"""A GraphQL request as it was asked, and its answer: nothing here knows of the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.call import Call
from runtime.problem import InvalidInput, Problem


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, by which request."""

    request_id: str
    token: str | None
    address: str
    traceparent: str
    user_agent: str = ""
    # Of a socket that has signed in: its session stands for a token.
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A document or the id of a known one, and what to execute it with."""

    query: str | None
    operation_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    document_id: str | None = None


@dataclass(slots=True)
class Answer:
    """The text of a GraphQL response, and what HTTP should say of it.

    `executed`: there is a `data` entry. `problem` is why there is none.
    """

    text: str
    executed: bool
    problem: Problem | None = None
    calls: list[Call] = field(default_factory=list)


def read_asked(body: Any) -> Asked:
    """The request in a JSON value, as GraphQL over HTTP and its siblings have it.

    `documentId`, or `extensions.persistedQuery.sha256Hash` as Apollo's clients send it, names a
    known document. Raises InvalidInput.
    """
    if not isinstance(body, dict):
        raise InvalidInput("The body must be an object with `query`.")
    query = _text(body, "query")
    variables = body.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise InvalidInput("`variables` must be an object.")
    extensions = body.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise InvalidInput("`extensions` must be an object.")
    document_id = _text(body, "documentId")
    if document_id is None and extensions:
        persisted = extensions.get("persistedQuery")
        if isinstance(persisted, dict):
            document_id = _text(persisted, "sha256Hash")
    if query is None and document_id is None:
        raise InvalidInput("Send a document as `query`.")
    if document_id is not None:
        document_id = document_id.removeprefix("sha256:")
    return Asked(query, _text(body, "operationName"), variables or {}, document_id)


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"`{name}` must be a string.")
    return value
