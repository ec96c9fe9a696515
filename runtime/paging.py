"""Lists: what a caller asks for becomes a keyset query, and its end the token of the next page.

A token is the last item's sort values, with a MAC over them and over what the list is: operation,
caller, sort and filters. So a token fits only the list that gave it, and nothing is kept for it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from runtime.call import Call
from runtime.operation import ListRule
from runtime.ports import Page, Query, Where
from runtime.problem import InputError, InvalidInput, InvalidPageToken
from runtime.tokens import derive_key

DEFAULT_SIZE = 50
MOST = 200
# The contract's bound (components/parameters/PageToken).
LONGEST = 1024

_MAC = 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_NONE: Mapping[str, Any] = {}

Sort = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Listing(Query):
    """A query, and the filters that make it one list: `Pager.next` needs them for the token."""

    filters: tuple[tuple[str, str, Any], ...] = ()


class Pager:
    """Makes queries of lists, and their page tokens. `secret` is the platform's (32 bytes)."""

    def __init__(self, secret: bytes) -> None:
        self._key = derive_key(secret, "page token")

    def query(
        self,
        call: Call,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        sort: str | None = None,
        filters: Mapping[str, Any] = _NONE,
        where: Sequence[Where] = (),
    ) -> Listing:
        """The query that the arguments of a list operation ask for.

        `filters` holds the operation's arguments by name; None is one left out. `where` is what
        else holds for every page: its `eq` and `has` belong to the list as filters do, while its
        other comparisons, such as the budgets that a caller sees, may differ from page to page.
        Raises InvalidInput and InvalidPageToken.
        """
        rule = call.operation.listing
        if rule is None:
            raise TypeError(f"{call.operation.id} is not a list")
        order = parse_sort(sort, rule)
        if page_size is None:
            page_size = DEFAULT_SIZE
        elif not 1 <= page_size <= MOST:
            fault = InputError("?pageSize", "out-of-range", f"must be from 1 to {MOST}")
            raise InvalidInput(errors=[fault])
        tests = list(where)
        if filters:
            fields = _fields(rule)
            for name, value in filters.items():
                # Looked up in any case: a filter that the contract does not declare is a defect.
                field, op = fields[name.rstrip("_")]
                if value is not None:
                    tests.append(Where(field, op, value))
        identity = tuple(
            (test.field, test.op, test.value)
            for place, test in enumerate(tests)
            if place >= len(where) or test.op in ("eq", "has")
        )
        after = None
        if page_token is not None:
            after = self._read(page_token, call, order, identity)
        return Listing(tuple(tests), order, page_size, after, identity)

    def next(self, call: Call, query: Listing, page: Page[Any]) -> str | None:
        """The token of the page behind `page`, which `query` gave; None on the last one."""
        if not page.more:
            return None
        last = page.items[-1]
        values = [getattr(last, field) for field, _ in query.sort]
        text = _json([_write(value) for value in (*values, last.id)])
        mac = self._mac(text, call, query.sort, query.filters)
        token = base64.urlsafe_b64encode(mac + text).rstrip(b"=").decode()
        if len(token) > LONGEST:
            raise ValueError(f"{call.operation.id} sorts by more than fits into a page token")
        return token

    def _read(
        self, token: str, call: Call, sort: Sort, filters: tuple[tuple[str, str, Any], ...]
    ) -> tuple[Any, ...]:
        if len(token) <= LONGEST and _TOKEN.fullmatch(token):
            try:
                raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            except binascii.Error:
                raw = b""
            mac, text = raw[:_MAC], raw[_MAC:]
            # The second test: one page has one token, though base64 has spare bits at its end.
            if hmac.compare_digest(mac, self._mac(text, call, sort, filters)) and (
                base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == token
            ):
                return tuple(_read(value) for value in json.loads(text))
        raise InvalidPageToken(
            "This page token is not one of this list.",
            pointer="?pageToken",
            message="is not of this list with this sort and these filters, or not yours",
        )

    def _mac(
        self, text: bytes, call: Call, sort: Sort, filters: tuple[tuple[str, str, Any], ...]
    ) -> bytes:
        known = [(field, op, _write(value)) for field, op, value in filters]
        known.sort(key=repr)
        this = _json([call.operation.id, call.caller.user_id, sort, known])
        # JSON has no line feed outside of its escapes, so the two parts cannot be shifted.
        return blake2b(this + b"\n" + text, key=self._key, digest_size=_MAC).digest()


@lru_cache(maxsize=1024)
def parse_sort(text: str | None, rule: ListRule) -> Sort:
    """`+spentOn,-amount` as (attribute, descending) pairs; the list's own order where it is None.

    Only declared fields; a second mention of one orders nothing any more. A plus that a URL turned
    into a blank is still one.
    Raises InvalidInput with every fault.
    """
    fields = dict(rule.sort)
    order: dict[str, bool] = {}
    faults: list[InputError] = []
    for part in (rule.default if text is None else text).split(","):
        name = part[1:] if part[:1] in ("+", "-", " ") else part
        field = fields.get(name)
        if field is None:
            message = f"sorts by {', '.join(fields)} only"
            faults.append(InputError("?sort", "unknown-sort-field", message))
        else:
            order.setdefault(field, part[:1] == "-")
    if faults:
        raise InvalidInput(errors=faults)
    return tuple(order.items())


@lru_cache(maxsize=256)
def _fields(rule: ListRule) -> dict[str, tuple[str, str]]:
    # An argument that is a word of Python's ends in _ there (`from_`).
    return {argument.rstrip("_"): (field, op) for argument, field, op in rule.filters}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


# Values as JSON that keeps their type: text has a letter before it that says which.


def _write(value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return "s" + value
    if isinstance(value, datetime):
        return "t" + value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return "d" + value.isoformat()
    if isinstance(value, Decimal):
        return f"n{value:f}"
    raise TypeError(f"a list is not sorted or filtered by {type(value).__name__}")


_READERS: dict[str, Callable[[str], Any]] = {
    "s": str,
    "t": datetime.fromisoformat,
    "d": date.fromisoformat,
    "n": Decimal,
}


def _read(value: Any) -> Any:
    return _READERS[value[0]](value[1:]) if isinstance(value, str) else value
