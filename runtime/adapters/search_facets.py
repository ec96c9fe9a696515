"""Facets as every search index answers them: how a facet's key is made, and which come first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from runtime.ports import Bucket

# Categories in an answer, those with most hits.
CATEGORIES = 200
# Pairs of a month, or a category, and a currency, that are counted exactly.
PAIRS = 10_000
# Within the key of a facet, before the currency. One flat level costs a third of nested ones.
PARTED = "\x1f"
# Aggregations add in doubles, exact up to 2^53. Where that could be passed, sums are made of two
# halves. An amount has 54 bits (12 digits before the point, 4 after): 60 million of them add up.
HALF = 26


def bucket(key: str, count: int, sum: int) -> Bucket:
    """The bucket of a facet's key, which is the value and its currency."""
    value, _, currency = key.rpartition(PARTED)
    return Bucket(value, currency, count, sum)


def most_frequent(categories: Iterable[Bucket]) -> list[Bucket]:
    """The first categories by their hits in all currencies."""
    buckets = list(categories)
    counts: Counter[str] = Counter()
    for each in buckets:
        counts[each.value] += each.count
    first = sorted(counts, key=lambda value: (-counts[value], value))[:CATEGORIES]
    place = {value: n for n, value in enumerate(first)}
    return sorted(
        (each for each in buckets if each.value in place),
        key=lambda each: (place[each.value], each.currency),
    )


def oldest_first(months: Iterable[Bucket]) -> list[Bucket]:
    """Months in their order."""
    return sorted(months, key=lambda each: (each.value, each.currency))


def by_currency(months: Iterable[Bucket]) -> list[Bucket]:
    """The figures of all months, by currency."""
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for each in months:
        counts[each.currency] += each.count
        sums[each.currency] += each.sum
    return [Bucket(each, each, counts[each], sums[each]) for each in sorted(counts)]
