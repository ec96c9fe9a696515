"""How the interpreted path reads and checks input: `jsonschema-rs` in the place of connexion's own.

connexion would stop at the first fault, check no formats, and fail on NaN, invalid UTF-8 and
chunked bodies; see runtime/interpreted.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from runtime.faults import FORMATS, TYPES, listed, pointer, sentence
from runtime.operation import Operation
from runtime.problem import MOST_ERRORS, InputError, InvalidInput, MalformedRequest, Problem
from runtime.rest import RESUMED_FROM, Receive, Request, Response, Scope
from runtime.upload import Upload

# Where a request's state travels through connexion: a key of its ASGI scope.
REQUEST = "budget.request"


class State:
    """One request on its way through connexion."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.operation: Operation | None = None
        # Whether faults of the parameters wait for those of a body.
        self.takes_body = False
        self.values: dict[str, Any] = {}
        self.faults: list[InputError] = []
        self.upload: Upload | None = None
        self.answer: Response | None = None
        self.refused: Problem | None = None
        self.broken: Exception | None = None

    async def nothing(self) -> Any:
        """What connexion receives: an empty body."""
        return {"type": "http.request", "body": b"", "more_body": False}


class ParameterValidator:
    """Reads and checks all parameters at once; connexion would stop at the first fault."""

    def __init__(self, parameters: list[dict[str, Any]], **_: Any) -> None:
        self._parameters = parameters

    def validate(self, scope: Scope) -> None:
        """Fills the state's values; faults wait for those of the body."""
        state: State = scope[REQUEST]
        query = state.request.query()
        declared = {p["name"] for p in self._parameters if p["in"] == "query"}
        if state.operation is not None and state.operation.ticket is not None:
            declared |= {state.operation.ticket, RESUMED_FROM}
        path = scope["path_params"]
        found: dict[str, list[InputError]] = {"path": [], "query": [], "header": []}
        found["query"] += [
            InputError(f"?{name[:100]}", "unknown", "is not a parameter here")
            for name in query
            if name not in declared
        ]
        for parameter in self._parameters:
            name, where = parameter["name"], parameter["in"]
            pointer = {"path": f"path:{name}", "query": f"?{name}"}.get(where, f"header:{name}")
            text = {
                "path": lambda n: path.get(n),
                "query": query.get,
                "header": lambda n: state.request.header(n.lower()),
            }[where](name)
            schema = parameter["schema"]
            if text is None:
                if parameter.get("required"):
                    found[where].append(InputError(pointer, "required", "is required"))
                state.values[f"{where}:{name}"] = _default(schema)
                continue
            value = _coerced(text, schema)
            faults = _faults(schema, value, pointer)
            found[where] += faults
            state.values[f"{where}:{name}"] = value
        state.faults = found["path"] + found["query"] + found["header"]
        if state.faults and not state.takes_body:
            raise InvalidInput(errors=state.faults)


def _default(schema: Mapping[str, Any]) -> Any:
    return schema.get("default")


_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")


def _coerced(text: str, schema: Mapping[str, Any]) -> Any:
    """Text as the JSON value that the schema asks for, or as it is where it is none."""
    kind = schema.get("type")
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "array":
        return [_coerced(part, schema["items"]) for part in text.split(",")] if text else []
    return text


class BodyValidator:
    """Reads the body by the operation's limit, parses and checks it."""

    def __init__(self, *, schema: dict[str, Any], required: bool, **_: Any) -> None:
        self._schema = schema
        self._required = required

    async def wrap_receive(self, receive: Receive, *, scope: Scope) -> tuple[Receive, Scope]:
        """Fills the state's body; raises all faults together with those of the parameters."""
        state: State = scope[REQUEST]
        operation = state.operation
        if operation is None:
            raise RuntimeError("connexion read a body before the admission")
        if self._schema.get("type") == "string":
            if state.faults:
                raise InvalidInput(errors=state.faults)
            media = state.request.headers.get(b"content-type", b"text/csv").partition(b";")[0]
            chunks = state.request.stream(operation.body_limit)
            state.upload = Upload(media.strip().lower().decode("latin-1"), chunks)
            return receive, scope
        raw = await state.request.body(operation.body_limit)
        if raw or self._required:
            value = _parsed(raw)
            state.values["body"] = value
            state.faults += _faults(self._schema, value, "")
        if state.faults:
            raise InvalidInput(errors=state.faults)
        return receive, scope


def _parsed(raw: bytes) -> Any:
    """The JSON in `raw`: UTF-8, no NaN."""

    def refuse(word: str) -> Any:
        raise ValueError(word)

    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=refuse)
        # A lone surrogate is no text: this is where it shows.
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None


_VALIDATORS: dict[int, tuple[Any, Any]] = {}


def _faults(schema: Mapping[str, Any], value: Any, root: str) -> list[InputError]:
    """What `jsonschema-rs` finds, in our words: at most one fault a place, the widest first."""
    kept = _VALIDATORS.get(id(schema))
    if kept is None:
        kept = (schema, jsonschema_rs.Draft4Validator(_draft4(schema), validate_formats=True))
        _VALIDATORS[id(schema)] = kept
    found: dict[str, InputError] = {}
    for error in kept[1].iter_errors(value):
        for fault in _words(error, root):
            known = found.get(fault.pointer)
            if known is None or _rank(fault) < _rank(known):
                found[fault.pointer] = fault
    for at in [fault.pointer for fault in found.values() if fault.code in _WHOLE]:
        below = [inner for inner in found if inner.startswith(f"{at}/")]
        # As pydantic does: too long a list is not looked into, and a wrong one not compared.
        for other in below if found[at].code == "maxItems" else [at] * bool(below):
            del found[other]
    return sorted(found.values(), key=lambda fault: fault.pointer)[:MOST_ERRORS]


# Of two faults in one place the first is told; what is none of an enum's has no other type to have.
_ORDER = ("enum", "type", "maxItems", "minLength", "maxLength", "pattern", "format")
_WHOLE = ("maxItems", "uniqueItems")


def _rank(fault: InputError) -> int:
    return _ORDER.index(fault.code) if fault.code in _ORDER else len(_ORDER)


def _words(error: Any, root: str) -> list[InputError]:
    """The error in the words that the compiled routes use."""
    at = root + pointer(tuple(error.instance_path))
    kind = error.kind
    match kind.name:
        case "required":
            return [
                InputError(at + pointer((kind.property,)), "required", sentence("required", ""))
            ]
        case "additionalProperties":
            unknown = sentence("unknown", "")
            return [
                InputError(at + pointer((name,)), "unknown", unknown) for name in kind.unexpected
            ]
        case "type":
            limit: object = TYPES[next(t for t in kind.types if t != "null")]
        case "enum":
            limit = listed([str(option) for option in kind.options if option is not None])
        case "format":
            limit = FORMATS.get(kind.format, kind.format)
        case "pattern":
            limit = kind.pattern
        case _:
            limit = getattr(kind, "limit", "")
    return [InputError(at, kind.name, sentence(kind.name, limit))]


def _draft4(schema: Any) -> Any:
    """An OpenAPI 3.0 schema as Draft 4: `nullable` becomes a type."""
    if isinstance(schema, list):
        return [_draft4(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain = {key: _draft4(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") is True and isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
    return plain
