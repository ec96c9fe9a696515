"""Pages by keyset, as finds.

A page is read as *segments*, one find after the other until it is full. Without `after` there is
one; with it there is one a prefix of the sort: first what ties with the last item in all but the
last key, then what ties in fewer. Each is one range of an index, whatever the directions, and what
has no value, which sorts lowest, is a range of its own. One find with an `$or` of them all would
leave that to the planner.

A filter on several values (`in`) stays one find: MongoDB reads up to 200 values in the sort's order
each from its own index range and merges them; of more values each 200 are a find, merged here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

from runtime.adapters.mongodb.shelf import Shelf
from runtime.document import Document, plain
from runtime.keyset import sorted_out, total_order
from runtime.model import Entity
from runtime.ports import Page, Query, Where

E = TypeVar("E", bound=Entity)

# Ranges that MongoDB merges in order (internalQueryMaxScansToExplode).
MOST_RANGES = 200
_COMPARISONS = {"eq": "$eq", "gt": "$gt", "gte": "$gte", "lt": "$lt", "lte": "$lte"}

Test = tuple[str, str, Any]
# Tombstones have no version.
ALIVE: Test = ("version", "$gt", 0)


class Pages(Generic[E]):
    """The pages of one collection."""

    def __init__(self, shelf: Shelf[E]) -> None:
        self._shelf = shelf

    async def page(self, query: Query) -> Page[E]:
        """The page. Raises ValueError for what this collection cannot be asked for."""
        shelf = self._shelf
        keys = total_order(query)
        sort = [(shelf.path(field), -1 if descending else 1) for field, descending in keys]
        many, others = sorted_out(query.where)
        tests: list[Test] = [ALIVE, *map(self._test, others)]
        chunks = [*self._chunks(many)]
        items: list[E] = []
        wanted = query.limit + 1
        for following in self._following(query, keys):
            part: list[E] = []
            for chunk in chunks:
                asked = together([*tests, *chunk, *following])
                room = wanted - len(items)
                found = shelf.bucket.find(
                    asked, shelf.shown, sort=sort, limit=room, batch_size=room + 1
                )
                part += [shelf.codec.decode(document) for document in await found.to_list()]
            items += part if len(chunks) == 1 else _merged(part, keys)
            if len(items) >= wanted:
                break
        return Page(items[: query.limit], len(items) > query.limit)

    def _test(self, where: Where) -> Test:
        shelf = self._shelf
        if where.op == "has":
            if where.field not in shelf.codec.sets:
                raise ValueError(f"{shelf.name} has no field {where.field}")
            return shelf.codec.sets[where.field], "$eq", str(where.value)
        path = shelf.path(where.field)
        if where.value is None:
            return path, "$eq", None
        if where.op == "in":
            return path, "$in", [shelf.cell(where.field, value) for value in where.value]
        return path, _COMPARISONS[where.op], shelf.cell(where.field, where.value)

    def _chunks(self, many: Where | None) -> Iterator[list[Test]]:
        """The tests of each find that a segment is read by."""
        if many is None:
            yield []
            return
        path = self._shelf.path(many.field)
        values = [self._shelf.cell(many.field, value) for value in dict.fromkeys(many.value)]
        for at in range(0, len(values), MOST_RANGES):
            yield [(path, "$in", values[at : at + MOST_RANGES])]

    def _following(self, query: Query, keys: Sequence[tuple[str, bool]]) -> Iterator[list[Test]]:
        """The tests of each segment after the last item."""
        if query.after is None:
            yield []
            return
        if len(query.after) != len(query.sort) + 1:
            raise ValueError("`after` holds one value a sort attribute, and the id")
        shelf = self._shelf
        last = [
            (shelf.path(field), None if value is None else shelf.cell(field, value))
            for (field, _), value in zip(keys, query.after, strict=False)
        ]
        for level in range(len(keys) - 1, -1, -1):
            field, descending = keys[level]
            path, value = last[level]
            ties: list[Test] = [(tied, "$eq", cell) for tied, cell in last[:level]]
            if value is not None:
                yield [*ties, (path, "$lt" if descending else "$gt", value)]
                if descending and field in shelf.codec.nullable:
                    yield [*ties, (path, "$eq", None)]
            elif not descending:
                yield [*ties, (path, "$ne", None)]


def together(tests: Sequence[Test]) -> Document:
    """The filter that all `tests` hold of. Every value stands behind an operator: what looks like
    one in it is a value.
    """
    asked: Document = {}
    more: list[Document] = []
    for path, operator, value in tests:
        operators = asked.setdefault(path, {})
        if operator in operators:
            more.append({path: {operator: value}})
        else:
            operators[operator] = value
    if more:
        asked["$and"] = more
    return asked


def _merged(items: list[E], keys: Sequence[tuple[str, bool]]) -> list[E]:
    """Items of several finds in the page's order: stable sorts, the last key first."""
    for field, descending in reversed(keys):

        def key(entity: E, field: str = field) -> tuple[bool, Any]:
            value = getattr(entity, field)
            return value is not None, plain(value)

        items.sort(key=key, reverse=descending)
    return items
