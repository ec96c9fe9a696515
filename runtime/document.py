"""The compiled documents of one entity: what MongoDB keeps. Instances are generated.

Money is Decimal128 and comes back with its currency's decimals; moments are dates; a day is the
date of its midnight in UTC, as Beanie has it; what has no value has no field. An entity's `id` is
`_id`, all else is called as its attribute, also inside objects; a map, whose keys may hold what
MongoDB reads as a path, is JSON text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from struct import Struct
from typing import Any, Generic, TypeVar

from bson.decimal128 import Decimal128

from runtime.model import Entity, canonical, minor_digits

E = TypeVar("E", bound=Entity)
Document = dict[str, Any]

# IEEE 754-2008 decimal128, binary integer decimal: the exponent above 49 bits of coefficient.
_EXPONENT_AT = 49
_BIAS = 6176
_WORDS = Struct("<QQ")
_WORD = 1 << 64


@dataclass(frozen=True, slots=True)
class Collection(Generic[E]):
    """One collection. `fields` are the attributes beside `id`; `nullable` those that may be None.

    `encode(entity)` gives the document and `decode(document)` the entity back; what comes from our
    own store is not validated again. `cells` encodes a value that an attribute is compared with.
    `sets` are the multi-valued indexes: each is called as a field that holds an array of strings,
    which `encode` fills. Indexes are declared in the Beanie documents (generated/documents.py).
    """

    kind: type[E]
    name: str
    service: str
    fields: tuple[str, ...]
    nullable: frozenset[str]
    encode: Callable[[E], Document]
    decode: Callable[[Document], E]
    cells: Mapping[str, Callable[[Any], Any]]
    sets: Mapping[str, str]


def money_bson(amount: Decimal) -> Decimal128:
    """`amount` with just its decimals. 2 µs, where Decimal128's own way takes 6 (measured)."""
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError("no amount of money")
    coefficient = int(amount.scaleb(-exponent))
    high = (_BIAS + exponent) << _EXPONENT_AT
    if 0 <= coefficient < _WORD:
        return Decimal128((high, coefficient))  # type: ignore[arg-type] # its two words
    return Decimal128(amount)


def exact(value: Decimal128) -> Decimal:
    """The decimal that was written."""
    low, high = _WORDS.unpack(value.bid)
    digits = _BIAS - (high >> _EXPONENT_AT)
    if 0 <= digits <= 4 and high == (_BIAS - digits) << _EXPONENT_AT:
        return Decimal(low).scaleb(-digits)
    # Negative, huge, or written by somebody else.
    return value.to_decimal()


def money(value: Decimal128, currency: str) -> Decimal:
    """The amount, with exactly the currency's decimals."""
    low, high = _WORDS.unpack(value.bid)
    digits = minor_digits(currency)
    if high == (_BIAS - digits) << _EXPONENT_AT:
        return Decimal(low).scaleb(-digits)
    return canonical(value.to_decimal(), currency)


def day_bson(day: date) -> datetime:
    """Midnight in UTC of `day`."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def moment(value: datetime) -> datetime:
    """A date of the driver's, which tells UTC without saying so."""
    return value.replace(tzinfo=UTC)


def plain(value: Any) -> Any:
    """Strings, numbers and enum members as they are."""
    return value.value if hasattr(value, "value") else value
