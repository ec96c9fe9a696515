"""The schema's own scalars, all of them text on the wire; REST's readers check what is in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from graphql import GraphQLError

from runtime.scalar import rfc3339

_WRITERS: dict[type, Callable[[Any], str]] = {
    str: str,
    Decimal: str,
    date: date.isoformat,
    datetime: rfc3339,
}


def write_text(value: Any) -> str:
    """A decimal, a day or a moment, as REST writes it."""
    return _WRITERS[type(value)](value)


def read_text(value: Any) -> str:
    """The text as it came. Raises GraphQLError for what is none: a number may have been a float."""
    if not isinstance(value, str):
        raise GraphQLError("must be a string")
    return value
