"""What every adapter's pages begin with: the total order of a query, and its filters sorted out."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.ports import Query, Where

COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def total_order(query: Query) -> list[tuple[str, bool]]:
    """The sort with the id at its end, which makes it total; what follows an id says nothing."""
    keys: list[tuple[str, bool]] = []
    for field, descending in query.sort:
        keys.append((field, descending))
        if field == "id":
            return keys
    return [*keys, ("id", keys[-1][1] if keys else False)]


def sorted_out(where: Sequence[Where]) -> tuple[Where | None, list[Where]]:
    """The first filter on several values, and the others; an `in` of one value is an `eq`.

    Raises ValueError for a comparison that there is none of.
    """
    many: Where | None = None
    others: list[Where] = []
    for test in where:
        if test.op == "in":
            values = list(dict.fromkeys(test.value))
            if None in values:
                raise ValueError(f"{test.field}: `in` takes no None")
            if len(values) == 1:
                others.append(Where(test.field, "eq", values[0]))
            elif many is None:
                many = test
            else:
                others.append(Where(test.field, "in", tuple(values)))
        elif test.op not in ("eq", "has") and test.op not in COMPARISONS:
            raise ValueError(f"no comparison {test.op}")
        elif test.value is None and test.op != "eq":
            raise ValueError(f"{test.field}: None is only compared by eq")
        else:
            others.append(test)
    return many, others
