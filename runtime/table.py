"""The compiled storage of one entity. Instances are generated; the adapters execute them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from runtime.model import Entity, to_milli
from runtime.scalar import rfc3339

E = TypeVar("E", bound=Entity)
Cell = str | int | bytes | float | None
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table(Generic[E]):
    """One table. `columns[0]` is `id`, `columns[1]` is `version`; columns are named as the
    attributes.

    `encode(entity)` gives the row in column order and `decode(row)` the entity back; what comes
    from our own store is not validated again. `cells` encodes a value that a field is compared
    with. `sets` are the multi-valued indexes: each is a side table `{name}__{set}` (value, id),
    with PRIMARY KEY (value, id) and an index on (id), kept in the same transaction.

    `ddl` is SQLite's, names in double quotes: STRICT, `NOT NULL` where the entity always has a
    value, and `id` at the end of every index, as each page's order ends with it. Statements that
    read and write are each adapter's own, made of `name` and `columns` in its dialect.
    """

    kind: type[E]
    name: str
    service: str
    columns: tuple[str, ...]
    ddl: tuple[str, ...]
    encode: Callable[[E], Row]
    decode: Callable[[Row], E]
    cells: Mapping[str, Callable[[Any], Cell]]
    unique: tuple[tuple[str, ...], ...] = ()
    sets: Mapping[str, Callable[[E], Iterable[str]]] | None = None


@dataclass(frozen=True, slots=True)
class SqlTable(Generic[E]):
    """`table` as a PostgreSQL or MySQL server keeps it, in types of its own (columns.py).

    `pack(entity)` gives the row in column order: Decimal, date, datetime, bool, enums by value,
    JSON as text; `unpack(row)` the entity back. `optional`: the columns that may hold NULL. `home`:
    the kind of server that the contract wants it on, `postgresql` or `mysql`.
    """

    table: Table[E]
    home: str
    pack: Callable[[E], Row]
    unpack: Callable[[Row], E]
    optional: frozenset[str] = frozenset()


T = TypeVar("T")


class JsonCell(Generic[T]):
    """The codec of what SQL keeps as JSON text: arrays and objects."""

    __slots__ = ("_empty", "_serializer", "_validator")

    def __init__(self, type: Any) -> None:
        adapter: TypeAdapter[T] = TypeAdapter(type)
        self._serializer = adapter.serializer
        self._validator = adapter.validator
        # Most lists are empty: neither parsed nor built.
        self._empty = getattr(type, "__origin__", None) is list

    def write(self, value: T) -> str:
        """`value` as JSON text."""
        if self._empty and not value:
            return "[]"
        return self._serializer.to_json(value, by_alias=True).decode()

    def read(self, text: str) -> T:
        """The value that `write` wrote."""
        if self._empty and text == "[]":
            return []  # type: ignore[return-value] # T is a list here
        value: T = self._validator.validate_json(text)
        return value


def utc(moment: datetime) -> datetime:
    """A moment from a server, with its time zone: MySQL keeps none."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def plain_cell(value: Any) -> Cell:
    """Strings, numbers and enum members as they are."""
    return value.value if hasattr(value, "value") else value  # type: ignore[no-any-return] # a cell by its caller's word


def decimal_cell(value: Decimal) -> Cell:
    """Money in thousandths."""
    return to_milli(value)


def day_cell(value: date) -> Cell:
    """`2026-01-31`."""
    return value.isoformat()


def moment_cell(value: datetime) -> Cell:
    """RFC 3339 in UTC with milliseconds: text that sorts as time does."""
    return rfc3339(value)
