"""Values as MySQL literals, for statements that are sent as text, several in one packet.

Everything else is bound (COM_STMT_EXECUTE). Safe under the session's own settings, which
`driver.py` makes: ANSI_QUOTES without NO_BACKSLASH_ESCAPES, and utf8mb4, in which no byte of a
character looks like a quote or a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

_ESCAPED = str.maketrans({"\\": "\\\\", "'": "\\'", "\0": "\\0", "\x1a": "\\Z"})
_PLACE = re.compile(r"\$(\d+)")


def _text(value: str) -> str:
    return f"'{value.translate(_ESCAPED)}'"


def _moment(value: datetime) -> str:
    # Always UTC: isoformat() without the zone.
    return f"'{value.replace(tzinfo=None).isoformat(' ', 'milliseconds')}'"


def _bytes(value: bytes) -> str:
    return f"x'{value.hex()}'"


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("no number that MySQL has")
    return repr(value)


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("no number that MySQL has")
    return format(value, "f")


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: _text,
    int: str,
    bool: lambda value: "1" if value else "0",
    float: _number,
    Decimal: _decimal,
    bytes: _bytes,
    datetime: _moment,
    date: lambda value: f"'{value.isoformat()}'",
    type(None): lambda value: "NULL",
}


def literal(value: Any) -> str:
    """One value; a list or a tuple is a list in parentheses. Raises ValueError for another type."""
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    if isinstance(value, list | tuple):
        return f"({', '.join(map(literal, value)) or 'NULL'})"
    if isinstance(value, str):  # a StrEnum's member
        return _text(str(value))
    raise ValueError(f"a {type(value).__name__} is no value of a column")


@lru_cache(maxsize=4096)
def _pieces(sql: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    parts = _PLACE.split(sql)
    return tuple(parts[::2]), tuple(int(place) - 1 for place in parts[1::2])


def filled(sql: str, row: Sequence[Any]) -> str:
    """`sql` with the values in their places."""
    texts, places = _pieces(sql)
    cells = [literal(value) for value in row]
    filled = [texts[0]]
    for text, place in zip(texts[1:], places, strict=True):
        filled.append(cells[place])
        filled.append(text)
    return "".join(filled)


@lru_cache(maxsize=4096)
def marked(sql: str) -> tuple[str, tuple[int, ...]]:
    """`sql` with `?` for its places, and which binding each of them is."""
    texts, places = _pieces(sql)
    return "?".join(texts), places
