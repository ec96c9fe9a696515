"""What one would write by hand for these two operations alone: bare ASGI and pydantic-core.

No framework, no models: typed dicts that pydantic-core reads and writes. Values are Python's own
(Decimal, date, datetime, as a handler needs them), and refusals keep their status only.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic_core import SchemaSerializer, SchemaValidator, ValidationError, core_schema

from bench.contract.drive import Asgi
from bench.peers.fastapi_models import Currency, Period
from bench.sample import BUDGET, BUDGET_ID, now

_ID = re.compile(r"bud_[0-7][0-9a-hjkmnp-tv-z]{25}").fullmatch
_DAY = r"^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
_MONEY = r"^([1-9][0-9]{0,11}(\.[0-9]{1,3})?|0\.([1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9]))$"
_NAME = r"^ *[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"


def _rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


_field = core_schema.typed_dict_field
_money = core_schema.no_info_after_validator_function(
    Decimal,
    core_schema.str_schema(pattern=_MONEY, max_length=16),
    serialization=core_schema.to_string_ser_schema(),
)
_day = core_schema.no_info_after_validator_function(
    date.fromisoformat,
    core_schema.str_schema(pattern=_DAY, max_length=10),
    serialization=core_schema.to_string_ser_schema(),
)
_moment = core_schema.datetime_schema(
    serialization=core_schema.plain_serializer_function_ser_schema(
        _rfc3339, return_schema=core_schema.str_schema()
    )
)
_text = core_schema.str_schema(min_length=1, max_length=100, pattern=_NAME)
_currency = core_schema.literal_schema([each.value for each in Currency])
_period = core_schema.literal_schema([each.value for each in Period])
_nullable_day = core_schema.nullable_schema(_day)

_READ = SchemaValidator(
    core_schema.typed_dict_schema(
        {
            "name": _field(_text),
            "limit": _field(_money),
            "currency": _field(core_schema.with_default_schema(_currency, default="USD")),
            "period": _field(core_schema.with_default_schema(_period, default="monthly")),
            "startsOn": _field(core_schema.with_default_schema(_nullable_day, default=None)),
            "endsOn": _field(core_schema.with_default_schema(_nullable_day, default=None)),
        },
        extra_behavior="forbid",
        config=core_schema.CoreConfig(strict=True),
    )
).validate_json
_BUDGET = core_schema.typed_dict_schema(
    {
        "id": _field(core_schema.str_schema()),
        "version": _field(core_schema.int_schema()),
        "createdAt": _field(_moment),
        "updatedAt": _field(_moment),
        "ownerId": _field(core_schema.str_schema()),
        "name": _field(core_schema.str_schema()),
        "limit": _field(_money),
        "currency": _field(core_schema.str_schema()),
        "period": _field(core_schema.str_schema()),
        "startsOn": _field(_day),
        "endsOn": _field(_nullable_day),
        "spent": _field(_money),
        "members": _field(
            core_schema.list_schema(
                core_schema.typed_dict_schema(
                    {
                        "userId": _field(core_schema.str_schema()),
                        "role": _field(core_schema.str_schema()),
                    }
                )
            )
        ),
    }
)
_WRITE = SchemaSerializer(_BUDGET).to_json
_KNOWN: dict[str, Any] = {
    **BUDGET,
    "createdAt": datetime.fromisoformat(BUDGET["createdAt"]),
    "updatedAt": datetime.fromisoformat(BUDGET["updatedAt"]),
    "limit": Decimal(BUDGET["limit"]),
    "spent": Decimal(BUDGET["spent"]),
    "startsOn": date.fromisoformat(BUDGET["startsOn"]),
}
_NOTHING = Decimal("0.00")
_FIRST = date(2026, 3, 1)
_LIMIT = 1 << 20
_JSON = b"application/json"


async def _answer(send: Any, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def _app(scope: Any, receive: Any, send: Any) -> None:
    parts = scope["path"].split("/")
    if scope["query_string"]:
        # The contract has none here, and refuses what it does not know.
        await _answer(send, 400, b"")
    elif parts[:3] != ["", "api", "budgets"]:
        await _answer(send, 404, b"")
    elif len(parts) == 4 and scope["method"] == "GET":
        await _get(parts[3], send)
    elif len(parts) == 3 and scope["method"] == "POST":
        await _create(scope, receive, send)
    else:
        await _answer(send, 404, b"")


async def _get(id: str, send: Any) -> None:
    if not _ID(id):
        await _answer(send, 400, b"")
        return
    if id != BUDGET_ID:
        await _answer(send, 404, b"")
        return
    budget = _KNOWN
    await _answer(send, 200, _WRITE(budget), (b"etag", b'"%d"' % budget["version"]))


async def _create(scope: Any, receive: Any, send: Any) -> None:
    headers = dict(scope["headers"])
    if headers.get(b"content-type", _JSON).partition(b";")[0].strip().lower() != _JSON:
        await _answer(send, 415, b"")
        return
    if int(headers.get(b"content-length", b"0")) > _LIMIT:
        await _answer(send, 413, b"")
        return
    message = await receive()
    raw = message["body"]
    while message.get("more_body", False) and len(raw) <= _LIMIT:
        message = await receive()
        raw += message["body"]
    if len(raw) > _LIMIT:
        await _answer(send, 413, b"")
        return
    try:
        body = _READ(raw)
    except ValidationError:
        await _answer(send, 400, b"")
        return
    moment = now()
    budget = {
        "id": BUDGET_ID,
        "version": 1,
        "createdAt": moment,
        "updatedAt": moment,
        "ownerId": _KNOWN["ownerId"],
        "name": body["name"],
        "limit": body["limit"],
        "currency": body["currency"],
        "period": body["period"],
        "startsOn": body["startsOn"] or _FIRST,
        "endsOn": body["endsOn"],
        "spent": _NOTHING,
        "members": [],
    }
    await _answer(
        send,
        201,
        _WRITE(budget),
        (b"etag", b'"1"'),
        (b"location", b"/api/budgets/" + BUDGET_ID.encode("ascii")),
    )


app: Asgi = _app
