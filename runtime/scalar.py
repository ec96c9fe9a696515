"""Strings that mean something better in Python: decimals and moments. Named by
generated/scalars.py.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer
from pydantic_core import PydanticCustomError


def _length(text: str, shortest: int | None, longest: int | None) -> None:
    if shortest is not None and len(text) < shortest:
        raise PydanticCustomError("string_too_short", "too short", {"min_length": shortest})
    if longest is not None and len(text) > longest:
        raise PydanticCustomError("string_too_long", "too long", {"max_length": longest})


def decimal_type(
    pattern: str | None, shortest: int | None = None, longest: int | None = None
) -> tuple[BeforeValidator]:
    """Reads text that matches `pattern` as a Decimal; a JSON number is refused: it may have been a
    float.
    """
    # \Z, as Python's $ would also match before a last newline.
    matches = re.compile(_whole(pattern or "^-?[0-9]+([.][0-9]+)?$")).search

    def read(value: Any) -> Any:
        if isinstance(value, Decimal):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError("string_type", "must be a string")
        _length(value, shortest, longest)
        if not matches(value):
            raise PydanticCustomError("string_pattern_mismatch", "pattern", {"pattern": pattern})
        return Decimal(value)

    return (BeforeValidator(read),)


def rfc3339(moment: datetime) -> str:
    """`2026-11-22T09:30:00.000Z`: UTC, milliseconds, always."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def instant(text: str) -> datetime:
    """The moment that `rfc3339` wrote."""
    return datetime.fromisoformat(text)


_INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"
)


def timestamp_type(
    pattern: str | None, shortest: int | None = None, longest: int | None = None
) -> tuple[BeforeValidator, PlainSerializer]:
    """Reads RFC 3339 text as a moment in UTC, and writes it with milliseconds and `Z`."""
    matches = re.compile(_whole(pattern or _INSTANT)).search

    def read(value: Any) -> Any:
        if isinstance(value, datetime):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError("string_type", "must be a string")
        _length(value, shortest, longest)
        if not matches(value):
            raise PydanticCustomError("string_pattern_mismatch", "pattern", {"pattern": pattern})
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            raise PydanticCustomError("datetime_parsing", "not a real moment") from None

    write = PlainSerializer(rfc3339, return_type=str, when_used="json")
    return (BeforeValidator(read), write)


_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def day_type(
    pattern: str | None, shortest: int | None = None, longest: int | None = None
) -> tuple[BeforeValidator]:
    """Reads `YYYY-MM-DD` as a day."""
    matches = re.compile(_whole(pattern or _DAY)).search

    def read(value: Any) -> Any:
        if isinstance(value, date):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError("string_type", "must be a string")
        _length(value, shortest, longest)
        if not matches(value):
            raise PydanticCustomError("string_pattern_mismatch", "pattern", {"pattern": pattern})
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("date_parsing", "not a real day") from None

    return (BeforeValidator(read),)


def _whole(pattern: str) -> str:
    return pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern


# What a string with the format alone may be, where no named schema narrows it.
AnyDay = Annotated[date, *day_type(None)]
AnyDecimal = Annotated[Decimal, *decimal_type(None)]
AnyTimestamp = Annotated[datetime, *timestamp_type(None)]
