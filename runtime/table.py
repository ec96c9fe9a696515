"""The compiled storage of one entity. Instances are generated; the SQL adapters execute them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
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
    from our own store is not validated again. `cells` encodes a value that a field is compared with
    (money fields are compared in minor units, so their cell takes the pair (amount, currency)).
    `sets` are the multi-valued indexes: each is a side table `{name}__{set}` (value, id), kept in
    the same transaction.

    The SQL is SQLite's, names in double quotes, parameters numbered so that a row binds as it is:
    `select` is `SELECT "id", "version", … FROM "t"` without a WHERE; `insert` ends `VALUES (?1, ?2,
    …)`; `update` is `UPDATE "t" SET "version" = ?2, … WHERE "id" = ?1 AND "version" = ?2 - 1`;
    `delete` is `DELETE FROM "t" WHERE "id" = ?1 AND "version" = ?2`. `ddl` creates the table, its
    side tables and all indexes, each `IF NOT EXISTS`: STRICT, WITHOUT ROWID (a get is one tree, and
    every index ends in `id`, as each page's order does), `NOT NULL` where the entity always has a
    value. A side table has PRIMARY KEY (value, id) and an index on (id).
    """

    kind: type[E]
    name: str
    service: str
    columns: tuple[str, ...]
    ddl: tuple[str, ...]
    select: str
    insert: str
    update: str
    delete: str
    encode: Callable[[E], Row]
    decode: Callable[[Row], E]
    cells: Mapping[str, Callable[[Any], Cell]]
    unique: tuple[tuple[str, ...], ...] = ()
    sets: Mapping[str, Callable[[E], Iterable[str]]] | None = None


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


def plain_cell(value: Any) -> Cell:
    """Strings, numbers and enum members as they are."""
    return value.value if hasattr(value, "value") else value  # type: ignore[no-any-return]


def decimal_cell(value: Decimal) -> Cell:
    """Money in thousandths."""
    return to_milli(value)


def day_cell(value: date) -> Cell:
    """`2026-01-31`."""
    return value.isoformat()


def moment_cell(value: datetime) -> Cell:
    """RFC 3339 in UTC with milliseconds: text that sorts as time does."""
    return rfc3339(value)
