"""Our generated routes, with a gate that lets everything pass and handlers that know one budget."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any, cast

from bench.sample import BUDGET, BUDGET_ID, now
from generated.models import Budget, BudgetInput
from generated.rest import routes
from runtime.call import Call
from runtime.gate import Gate
from runtime.idempotency import Arguments, Chain
from runtime.model import Entity, assemble
from runtime.operation import Operation
from runtime.problem import InvalidInput, MalformedRequest, NotFound, UnsupportedMediaType
from runtime.rest import Receive, Request, Scope, Send

_KNOWN = Budget.model_validate_json(json.dumps(BUDGET))


async def _get_budget(call: Call, arguments: Arguments) -> Budget:
    if arguments["id"] != BUDGET_ID:
        raise NotFound
    return _KNOWN


async def _create_budget(call: Call, arguments: Arguments) -> Budget:
    body: BudgetInput = arguments["body"]
    moment = now()
    return assemble(
        Budget,
        {
            "created_at": moment,
            "currency": body.currency,
            "ends_on": body.ends_on,
            "id": BUDGET_ID,
            "limit": body.limit,
            "members": [],
            "name": body.name,
            "owner_id": _KNOWN.owner_id,
            "period": body.period,
            "spent": _NOTHING,
            "starts_on": body.starts_on or _FIRST,
            "updated_at": moment,
            "version": 1,
        },
    )


_NOTHING = Decimal("0.00")
_FIRST = date(2026, 3, 1)


async def _unused(call: Call, arguments: Arguments) -> Any:
    raise NotFound


_CHAINS: dict[str, Chain] = {"getBudget": _get_budget, "createBudget": _create_budget}


class _OpenGate:
    """No identity, no limits, no access, no idempotency: what is left is the contract."""

    async def admit(self, call: Call) -> None:
        """Everybody may enter."""

    def chain(self, operation: Operation) -> Chain:
        """The handler, and nothing before it."""
        return _CHAINS.get(operation.id, _unused)


_ROUTER = routes(cast(Gate, _OpenGate()))
# That an entity remembers its encoding is no part of this comparison: it is made to forget it.
_FORGET = Entity.__dict__["wire"].__delete__


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Routes, and answers refusals with their status; the edge (bench/steps.py) adds the rest."""
    found = _ROUTER.match(scope["path"])
    if found is None:
        await _plain(send, 404)
        return
    methods, arguments = found
    _, route = methods[scope["method"]]
    try:
        response = await route(Request(scope, receive, arguments))
    except UnsupportedMediaType:
        await _plain(send, 415)
        return
    except (InvalidInput, MalformedRequest):
        await _plain(send, 400)
        return
    except NotFound:
        await _plain(send, 404)
        return
    body = cast(bytes, response.body)
    if response.status == 200:
        _FORGET(_KNOWN)
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [*response.headers, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def _plain(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})
