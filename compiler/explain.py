"""One operation as all protocols see it, and the whole Contract as JSON."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any

from compiler.ir import Contract, Operation, Type
from compiler.source import Span


def dump(contract: Contract) -> str:
    """The Contract as JSON, spans as `file:line:col`, what says nothing left out."""
    return json.dumps(_plain(contract), indent=1, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Span):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _plain(item)
            for f in fields(value)
            if f.compare and not _is_nothing(item := getattr(value, f.name))
        }
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _is_nothing(value: Any) -> bool:
    """Whether a value says nothing. Zero says something: `minimum: 0`."""
    return value is None or value is False or value in ((), "")


def explain(contract: Contract, name: str) -> str:
    """The operation's page. Raises KeyError, with what may have been meant."""
    operation = next((o for o in contract.operations if name in (o.id, o.python)), None)
    if operation is None:
        near = get_close_matches(name, [o.id for o in contract.operations], 3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise KeyError(f"no operation is called {name}{hint}")
    rows = [(label, text) for label, text in _rows(contract, operation) if text]
    width = max(len(label) for label, _ in rows)
    head = f"{operation.id}: {operation.summary}".rstrip(": ")
    return "\n".join([head, *(f"  {label:<{width}}  {text}" for label, text in rows)])


def _rows(contract: Contract, operation: Operation) -> list[tuple[str, str]]:
    rows = [("declared", str(operation.span)), ("service", operation.service)]
    rest = operation.rest
    if rest:
        rows.append(("REST", f"{rest.method.upper()} {rest.path}"))
        for parameter in rest.parameters:
            need = "required" if parameter.required else "optional"
            rows.append(
                (f"  {parameter.location}", f"{parameter.name}: {_type(parameter.type)}, {need}")
            )
        for media in rest.body.content if rest.body else ():
            rows.append(("  body", f"{media.name}: {_type(media.type)}"))
        for response in rest.responses:
            content = ", ".join(f"{m.name}: {_type(m.type)}" for m in response.content)
            rows.append((f"  {response.status}", content or "no content"))
    if operation.rpc:
        rpc = operation.rpc
        stream = {False: "", True: "stream "}
        request = stream[rpc.client_stream] + rpc.request
        response_text = stream[rpc.server_stream] + rpc.response
        rows.append(("gRPC", f"{rpc.service}/{rpc.name}({request}) returns ({response_text})"))
    rows += [("GraphQL", f"{field.root} {field.name}") for field in operation.graphql]
    rows += [("left out", f"{protocol}: {reason}") for protocol, reason in operation.left_out]
    rows.append(("scope", operation.scope or ("public" if operation.public else "")))
    rows.append(("verified", "a verified address" if operation.verified else ""))
    rows += [
        ("access", f"{rule.least} of {rule.resource} {rule.argument}") for rule in operation.access
    ]
    rate = operation.rate
    rows.append(
        ("rate", f"{rate.limit} in {rate.window} s by {', '.join(rate.by)} ({rate.policy})")
    )
    rows.append(("deadline", f"{operation.deadline:g} s"))
    problems = {p.code: p for p in contract.problems}
    rows += [
        ("problem", f"{problems[c].status} {c}: {problems[c].title}") for c in operation.problems
    ]
    for type in operation.emits:
        takers = [c for c in contract.consumers if type in c.events]
        taken = ", ".join(f"{c.service}.{c.python}" for c in takers)
        rows.append(("emits", f"{type} → {taken}" if taken else type))
    rows.append(("handler", f"handlers/{operation.service}.py: {operation.python}"))
    return rows


def _type(type: Type) -> str:
    if type.ref:
        return type.ref
    if type.kind == "array" and type.item:
        return f"[{_type(type.item)}]"
    return f"{type.kind} ({type.format})" if type.format else type.kind
