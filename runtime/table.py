"""The compiled storage of one entity. Instances are generated; the SQL adapters execute them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from runtime.model import Entity

E = TypeVar("E", bound=Entity)
Cell = str | int | bytes | float | None
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table(Generic[E]):
    """One table. `columns[0]` is `id`, `columns[1]` is `version`.

    `encode(entity)` gives the row in column order and `decode(row)` the entity back; what comes from our
    own store is not validated again. `cells` encodes a value that a field is compared with (money fields
    are compared in minor units, so their cell takes the pair (amount, currency)). `sets` are the
    multi-valued indexes: each is a side table `{name}__{set}` (value, id), kept in the same transaction.
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
