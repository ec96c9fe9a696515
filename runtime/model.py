"""The base of every generated model, and the value types that JSON has no word for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic_core import PydanticCustomError

# The digits after the point, where they are not 2 (ISO 4217, list one, 2024).
_MINOR_DIGITS = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_UNITS = tuple(Decimal(1).scaleb(-digits) for digits in range(5))


def minor_digits(currency: str) -> int:
    """How many decimals `currency` has: 0 for JPY, 2 for USD, 3 for KWD."""
    return _MINOR_DIGITS.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """`amount` in minor units (cents). Raises ValueError where it has more decimals than the currency."""
    scaled = amount.scaleb(_MINOR_DIGITS.get(currency, 2))
    minor = int(scaled)
    if minor != scaled:
        raise ValueError(f"more decimals than {currency} has")
    return minor


def from_minor(minor: int, currency: str) -> Decimal:
    """The amount that `minor` units are, with exactly the currency's decimals."""
    return Decimal(minor).scaleb(-_MINOR_DIGITS.get(currency, 2))


def canonical(amount: Decimal, currency: str) -> Decimal:
    """`amount` with exactly the currency's decimals. Raises ValueError where it has more."""
    return from_minor(to_minor(amount, currency), currency)


_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", re.ASCII
)


def _read_decimal(value: Any) -> Any:
    """Text to Decimal; a JSON number is refused, as it may have been through a float."""
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a decimal string")
    if not _DECIMAL.fullmatch(value):
        raise PydanticCustomError("string_pattern_mismatch", "Input should be a decimal string")
    return Decimal(value)


def rfc3339(moment: datetime) -> str:
    """`2026-11-22T09:30:00.000Z`: UTC, milliseconds, always."""
    text = moment.isoformat(timespec="milliseconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text + "Z"


def instant(text: str) -> datetime:
    """The moment that `rfc3339` wrote."""
    return datetime.fromisoformat(text)


def _read_instant(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a timestamp string")
    if not _INSTANT.fullmatch(value):
        raise PydanticCustomError("string_pattern_mismatch", "Input should be RFC 3339 in UTC")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        raise PydanticCustomError("datetime_parsing", "Input should be a real moment") from None


# Named by the compiler through the schemas' formats (`decimal`, `date-time`).
DecimalString = Annotated[Decimal, BeforeValidator(_read_decimal)]
Timestamp = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
]


class Model(BaseModel):
    """A value of the contract: immutable, strict, and closed to unknown fields.

    Python code names fields in snake_case; the wire is read with `by_name=False` (runtime/decode.py).
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
    )

    def but(self, **changed: Any) -> Self:
        """A copy with some fields changed. The values are trusted, as `model_construct`'s are."""
        copy = self.__class__.__new__(self.__class__)
        values = {**self.__dict__, **changed}
        if len(values) != len(self.__dict__):
            raise TypeError(f"{type(self).__name__} has no field {set(values) - set(self.__dict__)}")
        put = object.__setattr__
        put(copy, "__dict__", values)
        put(copy, "__pydantic_fields_set__", set(values))
        put(copy, "__pydantic_extra__", None)
        put(copy, "__pydantic_private__", None)
        return copy


class Entity(Model):
    """A value with an identity that a store keeps. Generated storage codecs know its columns."""

    KIND: ClassVar[str] = ""
    id: str
    version: int
