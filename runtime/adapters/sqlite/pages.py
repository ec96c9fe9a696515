"""Pages by keyset, compiled once per shape of query.

A page is read as *segments*, run one after the other until it is full. Without `after` there is
one. With it, where one comparison of row values says it all (one direction, no NULL), there is one
as well; else there is one a prefix of the sort: first the rows that tie with the last item in all
but the last key, then those that tie in fewer. Each is one range of an index, whatever the
directions, and NULL, which sorts lowest, is a range of its own.

Filters on several values (`in`) become one arm a value, joined by UNION ALL under one ORDER BY:
SQLite then merges the arms lazily, each from its own index range, and reads no more than the page
and an entry an arm: 10 µs an arm, however many rows there are. (200 values over 100,000 rows as
`IN (…)`, which sorts all that match, take 65 ms.) The arms carry the sort's keys only, since whole
rows of each would cost twice that; those of the page are read at its end.

A filter on a set (`has`) is read from the set's own range where nothing else narrows the page, and
looked up for each row where an index leads with another filter's field.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.adapters.sqlite.shelf import Shelf
from runtime.keyset import COMPARISONS, sorted_out, total_order
from runtime.ports import Query, Where
from runtime.table import Cell, Row

# Arms in one statement; SQLite's own limit is 500 (SQLITE_MAX_COMPOUND_SELECT).
MOST_ARMS = 200
# Arms are filled up to these counts with NULL, which equals nothing: so few shapes are compiled.
_ARMS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 160, 200)

Shape = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """One statement, which takes the first `takes` bindings."""

    sql: str
    takes: int


class Pages:
    """The compiled pages of one table."""

    def __init__(self, shelf: Shelf[Any], most: int = 1000) -> None:
        self._shelf = shelf
        self._compiled: dict[Shape, tuple[Segment, ...]] = {}
        self._most = most

    def statements(self, query: Query) -> Iterator[list[tuple[str, list[Cell]]]]:
        """The segments in their order, each as the statements whose rows, merged, it has.

        Raises ValueError for a field, comparison or value that this table cannot be asked for.
        """
        keys = total_order(query)
        many, others = sorted_out(query.where)
        fixed = self._after_cells(query, keys)
        fixed += [self._cell(where) for where in others if where.value is not None]
        if many is None:
            for segment in self._segments(query, keys, others, None, 1):
                yield [(segment.sql, fixed[: segment.takes])]
            return
        values = [self._shelf.cell(many.field, v) for v in dict.fromkeys(many.value)]
        chunks = [values[at : at + MOST_ARMS] for at in range(0, len(values), MOST_ARMS)]
        compiled = []
        for chunk in chunks:
            arms = next(count for count in _ARMS if count >= len(chunk))
            bindings = [*fixed, *chunk, *[None] * (arms - len(chunk))]
            compiled.append((self._segments(query, keys, others, many, arms), bindings))
        for place in range(len(compiled[0][0]) if compiled else 0):
            yield [(segments[place].sql, bindings) for segments, bindings in compiled]

    def merge(self, rows: list[Row], query: Query) -> list[Row]:
        """Rows of several statements in the page's order: stable sorts, the last key first."""
        for field, descending in reversed(total_order(query)):
            place = self._shelf.position[field]
            rows.sort(key=lambda row: (row[place] is not None, row[place]), reverse=descending)
        return rows

    def _cell(self, where: Where) -> Cell:
        if where.op == "has":
            return str(where.value)
        if where.op == "in":
            return json.dumps([self._shelf.cell(where.field, value) for value in where.value])
        return self._shelf.cell(where.field, where.value)

    def _after_cells(self, query: Query, keys: Sequence[tuple[str, bool]]) -> list[Cell]:
        if query.after is None:
            return []
        if len(query.after) != len(query.sort) + 1:
            raise ValueError("`after` holds one value a sort attribute, and the id")
        return [
            None if value is None else self._shelf.cell(field, value)
            for (field, _), value in zip(keys, query.after, strict=False)
        ]

    def _segments(
        self,
        query: Query,
        keys: Sequence[tuple[str, bool]],
        others: Sequence[Where],
        many: Where | None,
        arms: int,
    ) -> tuple[Segment, ...]:
        shape: Shape = (
            tuple((w.field, w.op, w.value is None) for w in others),
            many and many.field,
            arms,
            query.sort,
            query.limit,
            query.after and tuple(value is None for value in query.after),
        )
        segments = self._compiled.get(shape)
        if segments is None:
            if len(self._compiled) >= self._most:
                self._compiled.clear()
            nulls = [value is None for value in query.after or ()]
            segments = tuple(self._compile(keys, nulls, others, many, arms, query.limit + 1))
            self._compiled[shape] = segments
        return segments

    def _compile(
        self,
        keys: Sequence[tuple[str, bool]],
        nulls: Sequence[bool],
        others: Sequence[Where],
        many: Where | None,
        arms: int,
        limit: int,
    ) -> Iterator[Segment]:
        """Bindings: the values of `after`, then of the filters, then of the arms."""
        shelf = self._shelf
        sets = shelf.table.sets or {}
        named = [(test.field, sets if test.op == "has" else shelf.position) for test in others]
        named += [(field, shelf.position) for field, _ in keys]
        for field, known in named:
            if field not in known:
                raise ValueError(f"{shelf.name} has no field {field}")
        take = len(keys) if nulls else 0
        source, filters, most = self._filters(others, many, take)
        order = ", ".join(
            f"{shelf.position[field] + 1} {'DESC' if descending else 'ASC'}"
            for field, descending in keys
        )
        for condition, used in self._following(keys, nulls) if nulls else [([], 0)]:
            tests = [*filters, *condition]
            whole = f"SELECT {shelf.columns} FROM "
            if many is None:
                sql = f"{whole}{source}{_where(tests)} ORDER BY {order} LIMIT {limit}"
                yield Segment(sql, most or used)
                continue
            first = (most or take) + 1
            head = "SELECT " + ", ".join(f't."{field}"' for field, _ in keys) + f" FROM {source}"
            union = " UNION ALL ".join(
                head + _where([f't."{many.field}" = ?{first + arm}', *tests]) for arm in range(arms)
            )
            within = ", ".join(
                f"{place + 1} {'DESC' if descending else 'ASC'}"
                for place, (_, descending) in enumerate(keys)
            )
            sql = (
                f"{whole}({union} ORDER BY {within} LIMIT {limit}) AS k "
                f'CROSS JOIN "{shelf.table.name}" AS t WHERE t."id" = k."id" ORDER BY {order}'
            )
            yield Segment(sql, first + arms - 1)

    def _filters(
        self, others: Sequence[Where], many: Where | None, place: int
    ) -> tuple[str, list[str], int]:
        """What is read from, the conditions, and the last binding they take (0: none)."""
        name = self._shelf.table.name
        source = f'"{name}" AS t'
        filters: list[str] = []
        most = 0
        narrowed = any(
            test.op in ("eq", "in") and test.field in self._shelf.leading
            for test in (*others, *((many,) if many else ()))
        )
        for where in others:
            if where.value is None:
                filters.append(f't."{where.field}" IS NULL')
                continue
            most = place = place + 1
            if where.op == "has":
                side = f'"{name}__{where.field}" AS s{place}'
                # CROSS JOIN is read in the order it is written in.
                source = (
                    f"{source} CROSS JOIN {side}" if narrowed else f"{side} CROSS JOIN {source}"
                )
                narrowed = True
                filters += [f's{place}."value" = ?{place}', f's{place}."id" = t."id"']
            elif where.op == "in":
                values = f"SELECT value FROM json_each(?{place})"
                filters.append(f't."{where.field}" IN ({values})')
            elif where.op == "eq":
                filters.append(f't."{where.field}" = ?{place}')
            else:
                filters.append(f't."{where.field}" {COMPARISONS[where.op]} ?{place}')
        return source, filters, most

    def _following(
        self, keys: Sequence[tuple[str, bool]], nulls: Sequence[bool]
    ) -> Iterator[tuple[list[str], int]]:
        """The conditions of each segment after the last item, and the last binding each takes."""
        nullable = self._shelf.nullable
        last = len(keys) - 1
        plain = not any(nulls) and not any(field in nullable for field, _ in keys)
        if plain and len({descending for _, descending in keys}) == 1:
            columns = ", ".join(f't."{field}"' for field, _ in keys)
            places = ", ".join(f"?{place + 1}" for place in range(len(keys)))
            yield [f"({columns}) {'<' if keys[0][1] else '>'} ({places})"], len(keys)
            return
        for level in range(last, -1, -1):
            field, descending = keys[level]
            ties = [
                f't."{tied}" IS NULL' if nulls[place] else f't."{tied}" = ?{place + 1}'
                for place, (tied, _) in enumerate(keys[:level])
            ]
            tied_places = [place + 1 for place in range(level) if not nulls[place]]
            most = tied_places[-1] if tied_places else 0
            if not nulls[level]:
                sign = "<" if descending else ">"
                yield [*ties, f't."{field}" {sign} ?{level + 1}'], level + 1
                if descending and field in nullable:
                    yield [*ties, f't."{field}" IS NULL'], most
            elif not descending:
                yield [*ties, f't."{field}" IS NOT NULL'], most


def _where(tests: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(tests)}" if tests else ""
