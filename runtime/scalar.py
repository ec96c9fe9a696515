"""Strings that mean something better in Python: decimals and moments. Named by
generated/scalars.py.

JSON text is checked and read by pydantic-core alone: an amount costs 0.5 µs so, and 1.2 through a
function in Python; a day 0.3, and 1.0 (measured).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, SchemaError, SchemaValidator, core_schema
from pydantic_core.core_schema import CoreSchema


class TextScalar:
    """An annotation: text is first `text`, then `read`; from Python, a `value` may come as is."""

    __slots__ = ("_schema",)

    def __init__(
        self,
        text: CoreSchema,
        read: CoreSchema,
        value: CoreSchema,
        write: core_schema.PlainSerializerFunctionSerSchema | None = None,
    ) -> None:
        chain = core_schema.chain_schema([text, read])
        self._schema = core_schema.json_or_python_schema(
            chain,
            core_schema.union_schema([value, chain], mode="left_to_right"),
            serialization=write,
        )

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """What pydantic asks of an annotation."""
        return self._schema


def _text(pattern: str, shortest: int | None, longest: int | None) -> CoreSchema:
    """A string that matches `pattern`, to its end."""
    fast = core_schema.str_schema(
        pattern=pattern, min_length=shortest, max_length=longest, strict=True
    )
    try:
        SchemaValidator(fast)
    except SchemaError:
        # Rust's expressions look neither ahead nor back; Python's do.
        # \Z, as Python's $ would also match before a last newline.
        whole = pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern
        return core_schema.str_schema(
            pattern=whole,
            min_length=shortest,
            max_length=longest,
            strict=True,
            regex_engine="python-re",
        )
    return fast


_NUMBER = "^-?[0-9]+([.][0-9]+)?$"
_INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"
)
_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def decimal_type(
    pattern: str | None, shortest: int | None = None, longest: int | None = None
) -> tuple[TextScalar]:
    """Reads text that matches `pattern` as a Decimal; a JSON number is refused: it may have been a
    float.
    """
    return (
        TextScalar(
            _text(pattern or _NUMBER, shortest, longest),
            core_schema.decimal_schema(strict=False),
            core_schema.decimal_schema(strict=True),
        ),
    )


@lru_cache(maxsize=4096)
def rfc3339(moment: datetime) -> str:
    """`2026-11-22T09:30:00.000Z`: UTC, milliseconds, always.

    Remembered, as one moment is written to a row, an event, an answer and its record: 0.1 µs
    instead of 2 (measured). Moments that are equal are one instant, in whatever zone.
    """
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (  # noqa: UP031 # half an f-string's time
        utc.year,
        utc.month,
        utc.day,
        utc.hour,
        utc.minute,
        utc.second,
        utc.microsecond // 1000,
    )


def instant(text: str) -> datetime:
    """The moment that `rfc3339` wrote."""
    return datetime.fromisoformat(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("datetime_parsing", "not a real moment") from None


def timestamp_type(
    pattern: str | None, shortest: int | None = None, longest: int | None = None
) -> tuple[TextScalar]:
    """Reads RFC 3339 text as a moment in UTC, and writes it with milliseconds and `Z`."""
    return (
        TextScalar(
            _text(pattern or _INSTANT, shortest, longest),
            core_schema.no_info_plain_validator_function(_moment),
            core_schema.datetime_schema(strict=True),
            core_schema.plain_serializer_function_ser_schema(
                rfc3339, return_schema=core_schema.str_schema(), when_used="json"
            ),
        ),
    )


def day_type(
    pattern: str | None, shortest: int | None = None, longest: int | None = None
) -> tuple[TextScalar]:
    """Reads `YYYY-MM-DD` as a day."""
    return (
        TextScalar(
            _text(pattern or _DAY, shortest, longest),
            core_schema.date_schema(strict=False),
            core_schema.date_schema(strict=True),
        ),
    )


# What a string with the format alone may be, where no named schema narrows it.
AnyDay = Annotated[date, *day_type(None)]
AnyDecimal = Annotated[Decimal, *decimal_type(None)]
AnyTimestamp = Annotated[datetime, *timestamp_type(None)]
