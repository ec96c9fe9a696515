"""Whether a value written in a spec (a default, an enum's member, an example) is of its type."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Any

from compiler.ir import Bounds, Type

Lookup = Callable[[str], Type]


@cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern, or None where it is none that Python knows."""
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


def kind_of_value(value: Any) -> str:
    """What JSON calls it."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    if value is None:
        return "null"
    return "array" if isinstance(value, list) else "object"


def misfit(value: Any, type: Type, lookup: Lookup) -> str | None:
    """Why `value` is not of `type`, or None when it is."""
    if value is None and type.nullable:
        return None
    if type.kind == "ref":
        return misfit(value, lookup(type.ref or ""), lookup)
    if type.kind == "union":
        reasons = [misfit(value, member, lookup) for member in type.members]
        return None if None in reasons else f"{shown(value)} fits no member"
    if type.kind == "any":
        return None
    kind = kind_of_value(value)
    wanted = "object" if type.kind == "map" else type.kind
    if kind != wanted and not (wanted == "number" and kind == "integer"):
        return f"{shown(value)} is {_article(kind)}, not {_article(wanted)}"
    if type.enum and value not in type.enum:
        return f"{shown(value)} is none of the enum's values"
    if isinstance(value, str):
        return _text(value, type)
    if isinstance(value, list):
        return _list(value, type, lookup)
    if isinstance(value, dict):
        return _map(value, type, lookup)
    return None if isinstance(value, bool) else _number(value, type.bounds)


def canonical(value: Any, type: Type) -> Any:
    """The value as its type has it: JSON's 2.0 is the integer 2."""
    whole = type.kind == "integer" and isinstance(value, float) and value.is_integer()
    return int(value) if whole else value


def shown(value: Any) -> str:
    """A value as a message quotes it: never longer than a line bears."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _article(kind: str) -> str:
    if kind == "null":
        return kind
    return f"an {kind}" if kind[0] in "aio" else f"a {kind}"


def _text(value: str, type: Type) -> str | None:
    bounds = type.bounds
    if bounds.min_length is not None and len(value) < bounds.min_length:
        return f"{shown(value)} is shorter than {bounds.min_length}"
    if bounds.max_length is not None and len(value) > bounds.max_length:
        return f"{shown(value)} is longer than {bounds.max_length}"
    if bounds.pattern is not None:
        pattern = compiled(bounds.pattern)
        if pattern is not None and not pattern.search(value):
            return f"{shown(value)} does not match the pattern"
    try:
        if type.format == "date":
            date.fromisoformat(value)
        elif type.format == "date-time":
            datetime.fromisoformat(value)
    except ValueError:
        return f"{shown(value)} is no {type.format}"
    return None


def _number(value: int | float, bounds: Bounds) -> str | None:
    low, high = bounds.minimum, bounds.maximum
    if low is not None and (value < low or (bounds.exclusive_minimum and value == low)):
        return f"{value} is below the minimum"
    if high is not None and (value > high or (bounds.exclusive_maximum and value == high)):
        return f"{value} is above the maximum"
    if bounds.multiple_of:
        quotient = value / bounds.multiple_of
        if abs(quotient - round(quotient)) > 1e-9:
            return f"{value} is no multiple of {bounds.multiple_of}"
    return None


def _list(value: list[Any], type: Type, lookup: Lookup) -> str | None:
    bounds = type.bounds
    if bounds.min_items is not None and len(value) < bounds.min_items:
        return f"the list is shorter than {bounds.min_items}"
    if bounds.max_items is not None and len(value) > bounds.max_items:
        return f"the list is longer than {bounds.max_items}"
    for element in value:
        reason = misfit(element, type.item, lookup) if type.item else None
        if reason:
            return reason
    return None


def _map(value: dict[str, Any], type: Type, lookup: Lookup) -> str | None:
    fields = {field.name: field for field in type.fields}
    for field in type.fields:
        if field.required and field.name not in value:
            return f"{field.name!r} is missing"
    for key, element in value.items():
        if key in fields:
            reason = misfit(element, fields[key].type, lookup)
        elif type.closed:
            reason = "is not known"
        else:
            reason = misfit(element, type.item, lookup) if type.item else None
        if reason:
            return f"{key!r}: {reason}"
    return None
