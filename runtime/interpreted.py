"""The contract interpreted by connexion: no generated route takes part.

`serve --interpreted` runs it (edit a spec, restart, no codegen), and it is the second opinion that
the differential test compares the compiled routes with. connexion routes and validates; the
pipeline, the handlers and the problems are the same. Its known faults and how they are met:

- it reads Draft 4 with `jsonschema`: `jsonschema-rs` validates here instead, formats checked;
- NaN, invalid UTF-8 and chunked bodies fail in it: the body is read and parsed here;
- it stops at the first fault of the parameters: here all faults are collected, as everywhere.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import connexion
from connexion.middleware import MiddlewarePosition
from connexion.resolver import Resolution, Resolver
from connexion.validators import VALIDATOR_MAP
from pydantic import TypeAdapter

from runtime.foreign import Asgi, captured
from runtime.gate import Gate
from runtime.idempotency import Chain
from runtime.interpreted_input import REQUEST, BodyValidator, ParameterValidator, State
from runtime.operation import Operation
from runtime.problem import (
    MalformedRequest,
    NotFound,
    Problem,
)
from runtime.rest import JSON, Header, Receive, Request, Response, Scope, Send

Arguments = Mapping[str, Mapping[str, tuple[str, Any]]]
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_MEDIA = ("application/json", "text/csv", "application/x-ndjson")


class Interpreted:
    """Answers requests by the spec alone. `arguments` and `results` give the Python types."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        gate: Gate,
        operations: Mapping[str, Operation],
        arguments: Arguments,
        results: Mapping[str, Any],
    ) -> None:
        self._spec = _public(spec)
        self._gate = gate
        self._operations = operations
        self._arguments = arguments
        self._results = results
        base = self._spec["servers"][0]["url"]
        self._templates = [
            (
                re.compile(base + re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template))),
                {method.upper(): item[method] for method in item if method in _METHODS},
            )
            for template, item in self._spec["paths"].items()
        ]
        self._app = self._connexion()

    async def __call__(self, request: Request) -> Response:
        """The answer. Raises the refusal as a Problem."""
        state = State(request)
        scope = {**request.scope, REQUEST: state, "headers": _unread(request)}
        # The body is read here, by the operation's own limit; connexion must not wait for it.
        response = await captured(self._app, scope, state.nothing)
        if state.refused is not None:
            raise state.refused
        if state.broken is not None:
            raise state.broken
        if state.answer is not None:
            return state.answer
        if response.status >= 500:
            raise RuntimeError("connexion failed; its log says why")
        # Starlette would send `/budgets/` to `/budgets`; the contract has no such path.
        if response.status == 404 or 300 <= response.status < 400:
            raise NotFound("There is nothing at this path.")
        raise MalformedRequest("The request cannot be read.")

    def _connexion(self) -> Asgi:
        app = connexion.AsyncApp(__name__)
        app.add_middleware(_Admission, MiddlewarePosition.BEFORE_VALIDATION, interpreted=self)
        app.add_error_handler(Problem, _keep)
        bodies = dict.fromkeys(_MEDIA, BodyValidator)
        app.add_api(
            self._spec,
            base_path=self._spec["servers"][0]["url"],
            resolver=_Endpoints(self),
            strict_validation=True,
            validator_map={**VALIDATOR_MAP, "parameter": ParameterValidator, "body": bodies},
            swagger_ui_options=connexion.options.SwaggerUIOptions(swagger_ui=False),
        )
        return app  # type: ignore[no-any-return] # connexion is not typed

    def methods(self, path: str) -> Mapping[str, Any]:
        """What the contract has at `path`, by method; empty where it has no such path."""
        for template, item in self._templates:
            if template.fullmatch(path):
                return item
        return {}

    def operation(self, name: str) -> Operation:
        """The operation's descriptor."""
        return self._operations[name]

    async def admit(self, state: State, name: str) -> str | None:
        """The first half of the pipeline; gives the content type of a body that is to be read."""
        state.operation = self._operations[name]
        taken = _raw(self._spec, name).get("requestBody", {}).get("content", {})
        state.takes_body = bool(taken)
        await self._gate.admit(state.request.call(state.operation))
        state.request.query()
        return state.request.media_type(sorted(taken)) if taken else None

    def endpoint(self, name: str) -> Callable[..., Awaitable[Any]]:
        """The function that connexion calls for an operation, once it has let the request pass."""
        operation = self._operations[name]
        chain = self._gate.chain(operation)
        readers = {
            wire: (python, TypeAdapter(type))
            for wire, (python, type) in self._arguments[name].items()
        }
        writer = TypeAdapter(self._results[name]).serializer
        raw = _raw(self._spec, name)
        describe = _Answer(self._spec, raw)

        async def endpoint(**_: Any) -> Any:
            state: State = connexion.request.scope[REQUEST]
            try:
                state.answer = await _run(state, chain, readers, writer, describe)
            except Problem:
                raise
            except Exception as error:
                state.broken = error
            return connexion.lifecycle.ConnexionResponse(status_code=200, body=b"")

        return endpoint


async def _run(
    state: State,
    chain: Chain,
    readers: Mapping[str, tuple[str, TypeAdapter[Any]]],
    writer: Any,
    describe: _Answer,
) -> Response:
    call = state.request.call_made
    if call is None:
        raise RuntimeError("connexion called an operation that was not admitted")
    state.request.conditions(call, [])
    arguments: dict[str, Any] = {}
    for wire, (python, adapter) in readers.items():
        value = state.values.get(wire)
        arguments[python] = adapter.validator.validate_json(json.dumps(value), by_name=False)
    if state.upload is not None:
        arguments["body"] = state.upload
    answer = await chain(call, arguments)
    return describe(answer, writer)


def _unread(request: Request) -> list[Header]:
    """The headers without the body's: connexion must not judge what it does not read."""
    own = (b"content-type", b"content-length", b"content-encoding", b"transfer-encoding")
    return [(name, value) for name, value in request.scope["headers"] if name not in own]


class _Admission:
    """Identity, rate limit and scope, before connexion validates."""

    def __init__(self, app: Asgi, interpreted: Interpreted) -> None:
        self._app = app
        self._interpreted = interpreted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        routing = scope.get("extensions", {}).get("connexion_routing", {})
        name = routing.get("operation_id")
        if name is not None:
            media = await self._interpreted.admit(scope[REQUEST], name)
            if media is not None:
                scope["headers"] = [*scope["headers"], (b"content-type", media.encode())]
        await self._app(scope, receive, send)


class _Endpoints(Resolver):  # type: ignore[misc] # connexion is not typed
    def __init__(self, interpreted: Interpreted) -> None:
        super().__init__()
        self._interpreted = interpreted

    def resolve(self, operation: Any) -> Resolution:
        name = operation.operation_id
        return Resolution(self._interpreted.endpoint(name), name)


async def _keep(request: Any, error: Problem) -> Any:
    """Keeps a refusal for `Interpreted`, which raises it outside of connexion."""
    request.scope[REQUEST].refused = error
    return connexion.lifecycle.ConnexionResponse(status_code=500, body=b"")


class _Answer:
    """How the contract says an operation's answer looks: status, headers, place."""

    def __init__(self, spec: Mapping[str, Any], operation: Mapping[str, Any]) -> None:
        status, response = min(
            (code, response)
            for code, response in operation["responses"].items()
            if code.startswith("2")
        )
        self._status = int(status)
        self._content = next(iter(response.get("content", {})), None)
        headers = {name.lower() for name in response.get("headers", {})}
        self._etag = "etag" in headers
        links = [
            (_schema(item["get"]["responses"].get("200", {})) == _schema(response), path, link)
            for link in (response.get("links", {}).values() if "location" in headers else ())
            for path, item in spec["paths"].items()
            if item.get("get", {}).get("operationId") == link.get("operationId")
        ]
        # Where the same kind of thing is read; else the first place that is read at all.
        self._links = [(path, link) for _, path, link in sorted(links, key=lambda one: not one[0])]
        self._base = spec["servers"][0]["url"]

    def __call__(self, answer: Any, writer: Any) -> Response:
        if self._content is None:
            return Response(self._status)
        if self._content != "application/json":
            return Response(self._status, [(b"content-type", self._content.encode())], answer)
        body: bytes = writer.to_json(answer, by_alias=True)
        response = Response(self._status, [JSON], body)
        if self._links:
            response.headers.append((b"location", self._location(json.loads(body)).encode()))
        if self._etag:
            response.headers.append((b"etag", b'"%d"' % answer.version))
        return response

    def _location(self, document: Any) -> str:
        path, link = self._links[0]
        for name, expression in link.get("parameters", {}).items():
            value = document
            for word in str(expression).removeprefix("$response.body#/").split("/"):
                value = value[word]
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        return f"{self._base}{path}"


def _raw(spec: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The operation called `name`, as the spec has it; empty when there is none."""
    for path in spec["paths"].values():
        for item in path.values():
            if isinstance(item, dict) and item.get("operationId") == name:
                return item
    return {}


def _schema(response: Mapping[str, Any]) -> Any:
    return response.get("content", {}).get("application/json", {}).get("schema")


def _public(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec without security, which the pipeline holds, and without our own notes."""

    def clean(node: Any) -> Any:
        if isinstance(node, dict):
            return {
                key: clean(value)
                for key, value in node.items()
                if not str(key).startswith("x-") and key not in ("security", "example", "examples")
            }
        return [clean(item) for item in node] if isinstance(node, list) else node

    document: dict[str, Any] = clean(copy.deepcopy(dict(spec)))
    # connexion takes the first path that fits, and knows no type behind an allOf.
    document["paths"] = dict(sorted(document["paths"].items(), key=_literal_first))
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                _flatten(parameter, document["components"]["schemas"])
    return document


def _literal_first(named: tuple[str, Any]) -> list[bool]:
    return ["{" in part for part in named[0].split("/")]


def _flatten(parameter: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """Puts the one schema of an allOf in its place, as is done to give a reference a default."""
    schema = parameter.get("schema", {})
    if len(schema.get("allOf", ())) == 1 and "$ref" in schema["allOf"][0]:
        target = schemas[schema["allOf"][0]["$ref"].rpartition("/")[2]]
        own = {key: value for key, value in schema.items() if key != "allOf"}
        parameter["schema"] = {**target, **own}
