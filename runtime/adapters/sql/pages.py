"""Pages by keyset, compiled once per shape of query.

Behind a last item, a page is what follows it in one of the ways that its keys allow: tied in all
but the last key, then in fewer. Each way is one range of an index, whatever the directions, and
NULL, which sorts lowest, is a range of its own. PostgreSQL reads one range by comparing rows where
the directions agree and nothing is NULL; else the ranges are arms of a UNION ALL, each with the
page's limit, so that no more than that is read of any, however many rows there are.

Filters on several values (`in`) read so much of each value's own range.

S608 is silenced where names of tables and columns, which are the contract's, become SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from runtime.adapters.sql.driver import Dialect
from runtime.adapters.sql.shelf import Shelf, cell
from runtime.keyset import COMPARISONS, sorted_out, total_order
from runtime.ports import Query, Where
from runtime.table import Row

# Values in one statement, where each becomes an arm of its own.
MOST_ARMS = 64
_MOST_SHAPES = 1000
Keys = Sequence[tuple[str, bool]]

# What an array of such values is called; bool is an int to Python, so it comes first.
_ARRAYS: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (str, "text"),
    (int, "bigint"),
    (Decimal, "numeric"),
    (datetime, "timestamptz"),
    (date, "date"),
    (float, "float8"),
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with its bindings."""

    sql: str
    row: tuple[Any, ...]


class Pages:
    """The compiled pages of one table."""

    def __init__(self, shelf: Shelf[Any], dialect: Dialect) -> None:
        self._shelf = shelf
        self._dialect = dialect
        self._compiled: dict[tuple[Any, ...], str] = {}

    def statements(self, query: Query) -> list[Statement]:
        """The statements whose rows, merged, hold the page; mostly one, none for an empty `in`.

        Raises ValueError for a field or comparison that this table cannot be asked for.
        """
        keys = total_order(query)
        many, others = sorted_out(query.where)
        self._check(keys, others, many)
        after = _after(query, keys)
        row = [value for value in after if value is not None]
        for test in others:
            if test.op == "in":
                row.append([cell(value) for value in test.value])
            elif test.value is not None:
                row.append(cell(test.value))
        if many is None:
            return [Statement(self._statement(query, keys, after, others, None, ""), tuple(row))]
        values = [cell(value) for value in dict.fromkeys(many.value)]
        if not values:
            return []
        if self._dialect.laterals:
            array = next((n for kind, n in _ARRAYS if isinstance(values[0], kind)), "text")
            sql = self._statement(query, keys, after, others, many, array)
            return [Statement(sql, (*row, values))]
        statements = []
        for at in range(0, len(values), MOST_ARMS):
            some = values[at : at + MOST_ARMS]
            sql = self._statement(query, keys, after, others, many, str(len(some)))
            # A list among the bindings: sent as text, so that not each length is prepared.
            statements.append(Statement(sql, (*row, *some, [])))
        return statements

    def merge(self, rows: list[Row], query: Query) -> list[Row]:
        """Rows of several statements in the page's order: stable sorts, the last key first."""
        for field, descending in reversed(total_order(query)):
            place = self._shelf.position[field]
            rows.sort(key=lambda row: (row[place] is not None, row[place]), reverse=descending)
        return rows

    def _check(self, keys: Keys, others: Sequence[Where], many: Where | None) -> None:
        sets = self._shelf.stored.table.sets or {}
        tests = [*others, *((many,) if many else ())]
        named = [(test.field, sets if test.op == "has" else self._shelf.fields) for test in tests]
        for field, known in (*named, *((field, self._shelf.fields) for field, _ in keys)):
            if field not in known:
                raise ValueError(f"{self._shelf.name} has no field {field}")

    def _statement(
        self,
        query: Query,
        keys: Keys,
        after: Sequence[Any],
        others: Sequence[Where],
        many: Where | None,
        arms: str,
    ) -> str:
        shape = (
            tuple((w.field, w.op, w.value is None) for w in others),
            many and many.field,
            arms,
            query.sort,
            query.limit,
            tuple(value is None for value in after),
        )
        sql = self._compiled.get(shape)
        if sql is None:
            if len(self._compiled) >= _MOST_SHAPES:
                self._compiled.clear()
            sql = self._compile(keys, after, others, many, arms, query.limit + 1)
            self._compiled[shape] = sql
        return sql

    def _compile(
        self,
        keys: Keys,
        after: Sequence[Any],
        others: Sequence[Where],
        many: Where | None,
        arms: str,
        limit: int,
    ) -> str:
        """Bindings: the values of `after` that are some, of the filters, then of `many`."""
        shelf = self._shelf
        place = sum(value is not None for value in after)
        filters: list[str] = []
        for test in others:
            if test.value is None:
                filters.append(f't."{test.field}" IS NULL')
                continue
            place += 1
            filters.append(self._filter(test, place))
        following = list(self._following(keys, after)) if after else [[]]
        source = f'FROM "{shelf.table}" AS t'
        order = self._order(keys, "t")
        if many is None:
            return _union(f"SELECT {shelf.columns} {source}", filters, following, order, limit)
        columns = ", ".join(f't."{field}"' for field, _ in keys)
        head = f"SELECT {columns} {source}"
        if self._dialect.laterals:
            each = _union(head, [f't."{many.field}" = v.value', *filters], following, order, limit)
            # The arms of a union are called t in it as well.
            found = (
                f"SELECT k.* FROM unnest(${place + 1}::{arms}[]) AS v(value) "  # noqa: S608 # the contract's names
                f"CROSS JOIN LATERAL ({each}) AS k"
            )
        else:
            conditions = [
                [f't."{many.field}" = ${place + 1 + arm}', *following_]
                for arm in range(int(arms))
                for following_ in following
            ]
            found = _union(head, filters, conditions, order, limit)
        found = f"SELECT * FROM ({found}) AS k ORDER BY {self._order(keys, 'k')} LIMIT {limit}"  # noqa: S608 # the contract's names
        return (
            f'SELECT {shelf.columns} FROM ({found}) AS k JOIN "{shelf.table}" AS t '  # noqa: S608 # the contract's names
            f'ON t."id" = k."id" ORDER BY {order}'
        )

    def _filter(self, test: Where, place: int) -> str:
        column = f't."{test.field}"'
        if test.op == "has":
            side = f'"{self._shelf.table}__{test.field}"'
            return (
                f'EXISTS (SELECT 1 FROM {side} AS s WHERE s."value" = ${place} '  # noqa: S608 # the contract's names
                'AND s."id" = t."id")'
            )
        if test.op == "in":
            return self._dialect.among(column, place)
        return f"{column} {COMPARISONS.get(test.op, '=')} ${place}"

    def _order(self, keys: Keys, alias: str) -> str:
        terms = []
        for field, descending in keys:
            term = f'{alias}."{field}" {"DESC" if descending else "ASC"}'
            if field in self._shelf.optional and not self._dialect.nulls_low:
                term += " NULLS LAST" if descending else " NULLS FIRST"
            terms.append(term)
        return ", ".join(terms)

    def _following(self, keys: Keys, after: Sequence[Any]) -> Iterator[list[str]]:
        """The conditions of each way to follow the last item."""
        optional = self._shelf.optional
        places = _places(after)
        plain = None not in after and not any(field in optional for field, _ in keys)
        if (
            self._dialect.compares_rows
            and plain
            and len({descending for _, descending in keys}) == 1
        ):
            columns = ", ".join(f't."{field}"' for field, _ in keys)
            row = ", ".join(f"${place}" for place in places)
            yield [f"({columns}) {'<' if keys[0][1] else '>'} ({row})"]
            return
        for level in range(len(keys) - 1, -1, -1):
            field, descending = keys[level]
            ties = [
                f't."{tied}" IS NULL' if after[at] is None else f't."{tied}" = ${places[at]}'
                for at, (tied, _) in enumerate(keys[:level])
            ]
            if after[level] is not None:
                yield [*ties, f't."{field}" {"<" if descending else ">"} ${places[level]}']
                if descending and field in optional:
                    yield [*ties, f't."{field}" IS NULL']
            elif not descending:
                yield [*ties, f't."{field}" IS NOT NULL']


def _after(query: Query, keys: Keys) -> list[Any]:
    if query.after is None:
        return []
    if len(query.after) != len(query.sort) + 1:
        raise ValueError("`after` holds one value a sort attribute, and the id")
    return [cell(value) for _, value in zip(keys, query.after, strict=False)]


def _places(after: Sequence[Any]) -> list[int]:
    """The binding of each value: those that are None have none."""
    places = []
    place = 0
    for value in after:
        place += value is not None
        places.append(place)
    return places


def _union(
    head: str, filters: Sequence[str], ways: Sequence[Sequence[str]], order: str, limit: int
) -> str:
    """`head` under the filters and any of `ways`, in order; one arm a way."""
    arms = []
    for way in ways:
        tests = [*way, *filters]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        arms.append(f"{head}{where} ORDER BY {order} LIMIT {limit}")
    if len(arms) == 1:
        return arms[0]
    union = " UNION ALL ".join(f"({arm})" for arm in arms)
    return f"SELECT * FROM ({union}) AS t ORDER BY {order} LIMIT {limit}"  # noqa: S608 # the contract's names
