"""One table as a store uses it: its statements, and what its constraints are called.

S608 is silenced where names of tables and columns, which are the contract's, become SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from runtime.adapters.sql.driver import Dialect
from runtime.model import Entity
from runtime.ports import Taken
from runtime.table import SqlTable

E = TypeVar("E", bound=Entity)


class Shelf(Generic[E]):
    """The statements of one table. `pack`'s row binds to `insert` and `update` as it is."""

    def __init__(self, stored: SqlTable[E], dialect: Dialect) -> None:
        self.stored = stored
        table = stored.table
        self.name = table.kind.__name__
        self.table = table.name
        self.optional = stored.optional
        self.fields = frozenset(table.columns)
        self.position = {column: place for place, column in enumerate(table.columns)}
        names = [f'"{column}"' for column in table.columns]
        places = [f"${place + 1}" for place in range(len(names))]
        assigned = ", ".join(
            f"{name} = {place}" for name, place in zip(names[1:], places[1:], strict=True)
        )
        self.columns = ", ".join(f"t.{name}" for name in names)
        select = f'SELECT {", ".join(names)} FROM "{self.table}"'  # noqa: S608 # the contract's names
        self.select = select
        self.get = f'{select} WHERE "id" = $1'
        self.get_many = f"{select} WHERE " + dialect.among('"id"', 1)
        self.insert = (
            f'INSERT INTO "{self.table}" ({", ".join(names)}) VALUES ({", ".join(places)})'  # noqa: S608 # the contract's names
        )
        self.update = f'UPDATE "{self.table}" SET {assigned} WHERE "id" = $1 AND "version" + 1 = $2'  # noqa: S608 # the contract's names
        self.delete = f'DELETE FROM "{self.table}" WHERE "id" = $1 AND "version" = $2'  # noqa: S608 # the contract's names
        self.sets = tuple(
            Set(self.table, name, values, dialect) for name, values in (table.sets or {}).items()
        )
        self._constraints: dict[str, tuple[str, ...]] = {}
        for fields, name in (
            (("id",), dialect.key_of(self.table)),
            *((fields, f"{self.table}.{'.'.join(fields)}") for fields in table.unique),
        ):
            self._constraints[name] = fields
            # MySQL puts the table before the name, MariaDB does not.
            self._constraints[f"{self.table}.{name}"] = fields

    def taken(self, constraint: str) -> Exception | None:
        """What it means that `constraint` refused a row; None where it is not this table's."""
        fields = self._constraints.get(constraint)
        return None if fields is None else Taken(self.name, fields)


class Set(Generic[E]):
    """A multi-valued index: a side table (value, id)."""

    def __init__(
        self, table: str, name: str, values: Callable[[E], Iterable[str]], dialect: Dialect
    ) -> None:
        side = f"{table}__{name}"
        self._values = values
        self.insert = f'INSERT INTO "{side}" ("value", "id") VALUES ($1, $2){dialect.unless_there}'  # noqa: S608 # the contract's names
        self.clear = f'DELETE FROM "{side}" WHERE "id" = $1'  # noqa: S608 # the contract's names
        # Keeps what stays: a statement's parts see each other's rows in no promised order.
        self.prune = f"{self.clear} AND NOT " + dialect.among('"value"', 2)

    def values(self, entity: E) -> list[str]:
        """The values of `entity`, each once."""
        return list(dict.fromkeys(self._values(entity)))


def cell(value: Any) -> Any:
    """A value that a field is compared with, as the column keeps it: enums by value."""
    return value.value if hasattr(value, "value") else value
