"""One table as a store uses it: its SQL, its cache, and what its constraints are called.

S608 is silenced where names of tables and columns, which are the contract's, become SQL.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import apsw

from runtime.model import Entity
from runtime.ports import Taken
from runtime.table import Cell, Row, Table

E = TypeVar("E", bound=Entity)


class Shelf(Generic[E]):
    """A table and the entities of it that were used last.

    The cache holds committed states only. `changing` counts the commits under way by id: while one
    is, what a commit wrote is not cached, as a later commit may already have replaced it.
    """

    def __init__(
        self, table: Table[E], nullable: frozenset[str], leading: frozenset[str], size: int
    ) -> None:
        """`nullable`: columns that may be NULL; `leading`: those that an index begins with."""
        self.table = table
        self.name = table.kind.__name__
        self.nullable = nullable
        self.leading = leading
        self.cells: dict[str, Callable[[Any], Cell]] = {
            "id": _as_it_is,
            "version": _as_it_is,
            **table.cells,
        }
        self.columns = ", ".join(f't."{column}"' for column in table.columns)
        self.position = {column: place for place, column in enumerate(table.columns)}
        names = [f'"{column}"' for column in table.columns]
        # Numbered, so that `encode`'s row binds as it is.
        places = [f"?{place + 1}" for place in range(len(names))]
        assigned = ", ".join(
            f"{name} = {place}" for name, place in zip(names[1:], places[1:], strict=True)
        )
        self.select = f'SELECT {", ".join(names)} FROM "{table.name}"'
        self.get = f'{self.select} WHERE "id" = ?'
        self.insert = (
            f'INSERT INTO "{table.name}" ({", ".join(names)}) VALUES ({", ".join(places)})'
        )
        self.update = f'UPDATE "{table.name}" SET {assigned} WHERE "id" = ?1 AND "version" = ?2 - 1'
        self.delete = f'DELETE FROM "{table.name}" WHERE "id" = ?1 AND "version" = ?2'
        self.sets: tuple[Set[E], ...] = tuple(
            Set(table.name, name, values) for name, values in (table.sets or {}).items()
        )
        self.cache: OrderedDict[str, E] = OrderedDict()
        self.changing: dict[str, int] = {}
        self._size = size

    def cell(self, field: str, value: Any) -> Cell:
        """`value` as the column `field` keeps it. Raises ValueError for a field that is none."""
        try:
            encode = self.cells[field]
        except KeyError:
            raise ValueError(f"{self.name} has no field {field}") from None
        return encode(value)

    def keep(self, entity: E) -> E:
        """Puts a committed state into the cache, unless a newer one is there."""
        cache = self.cache
        id = entity.id
        known = cache.get(id)
        if known is not None and known.version >= entity.version:
            return known
        cache[id] = entity
        cache.move_to_end(id)
        if len(cache) > self._size:
            cache.popitem(last=False)
        return entity

    def begin(self, id: str) -> None:
        """A commit that changes `id` is under way."""
        self.changing[id] = self.changing.get(id, 0) + 1

    def end(self, id: str, state: E | None) -> None:
        """Its outcome is known: `state` was written; None: the row is gone, or was not changed."""
        left = self.changing[id] - 1
        if left:
            self.changing[id] = left
            self.cache.pop(id, None)
            return
        del self.changing[id]
        if state is None:
            self.cache.pop(id, None)
        else:
            self.keep(state)

    def taken(self, error: apsw.ConstraintError) -> Exception:
        """What a violated constraint means: `Taken`, or the error itself where it is a defect."""
        text = str(error)
        if "UNIQUE constraint failed: " not in text:
            return error
        # "UNIQUE constraint failed: users.email, users.realm" or "…: index 'users__email'"
        named = text.rpartition("failed: ")[2]
        if named.startswith("index "):
            index = named[7:-1]
            for fields in self.table.unique:
                if index.endswith("_".join(fields)):
                    return Taken(self.name, fields)
            return Taken(self.name, ())
        return Taken(self.name, tuple(part.rpartition(".")[2] for part in named.split(", ")))


class Set(Generic[E]):
    """A multi-valued index: a side table (value, id)."""

    def __init__(self, table: str, name: str, values: Callable[[E], Iterable[str]]) -> None:
        self.name = f"{table}__{name}"
        self.values = values
        self.insert = f'INSERT INTO "{self.name}" ("value", "id") VALUES (?, ?)'
        self.delete = f'DELETE FROM "{self.name}" WHERE "id" = ?'

    def rows(self, entity: E) -> list[Row]:
        """The side table's rows for `entity`."""
        return [(value, entity.id) for value in dict.fromkeys(self.values(entity))]


def _as_it_is(value: Any) -> Any:
    return value
