"""How an operation's arguments are read from values that a protocol has parsed already.

GraphQL and gRPC know numbers from text, REST's parameters are all text: what is right, and what is
said of what is wrong, is the same, as the same parsers read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.call import Call
from runtime.decode import JsonBody, Param
from runtime.faults import sentence
from runtime.problem import InputError, InvalidInput
from runtime.rest import idempotency_key


class Inputs:
    """One operation's arguments: `params` by the handler's name, and the body.

    `body`: how JSON is read; None where there is no body or it is a file. `required`: a body is.
    """

    __slots__ = ("_body", "_params", "_required")

    def __init__(
        self,
        params: Sequence[tuple[str, Param[Any]]],
        body: JsonBody[Any] | None = None,
        *,
        required: bool = True,
    ) -> None:
        self._params = tuple(params)
        self._body = body
        self._required = required

    def read(self, call: Call, values: Mapping[str, Any]) -> dict[str, Any]:
        """The handler's arguments; what is None or not there was left out.

        `values` are by the handler's names, as in REST's JSON: `if_version` and `idempotency_key`
        go into the call, a file (runtime/upload.py) stays as it is. Raises InvalidInput with all
        faults and REST's pointers, or MalformedRequest without a body that is required.
        """
        faults: list[InputError] = []
        arguments = {
            name: param.read(_text(values.get(name)), faults) for name, param in self._params
        }
        operation = call.operation
        key, version = values.get("idempotency_key"), values.get("if_version")
        if key is not None and operation.idempotent:
            call.idempotency_key = idempotency_key(key.encode("utf-8", "surrogatepass"), faults)
        if version is not None and operation.conditional:
            if version < 1:
                faults.append(InputError("header:If-Match", "minimum", sentence("minimum", 1)))
            call.if_version = version
        body = values.get("body")
        if self._body is None:
            if body is not None:
                arguments["body"] = body
        elif body is not None or self._required:
            raw = b"" if body is None else json.dumps(body).encode()
            arguments["body"] = self._body.read(raw, faults)
        else:
            arguments["body"] = None
        if faults:
            raise InvalidInput(errors=faults)
        return arguments


def _text(value: Any) -> str | None:
    """A parameter as REST would have it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_text(item) or "" for item in value)
    return str(value)
