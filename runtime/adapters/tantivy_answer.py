"""What a search and a suggestion answer, read from one searcher: blocking, for a worker thread."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from tantivy import DocAddress, Order, Query, Searcher

from runtime.adapters import search_facets as facets
from runtime.adapters import tantivy_query as build
from runtime.adapters.search_text import Highlighter, words
from runtime.ports import Bucket, Found, Hit, SearchQuery

# Of more equally relevant hits than these, the index chooses which are sorted by id.
_TIES = 10_000
_SUGGESTED = 500  # distinct spellings considered, the most frequent

_SUM = {"sum": {"sum": {"field": "amount"}}}
_HALVES = {"high": {"sum": {"field": "amount_high"}}, "low": {"sum": {"field": "amount_low"}}}


def _facet(field: str, sums: dict[str, Any]) -> dict[str, Any]:
    return {
        "terms": {"field": field, "size": facets.PAIRS, "segment_size": facets.PAIRS},
        "aggs": sums,
    }


def _bucket(found: dict[str, Any]) -> Bucket:
    if "sum" in found:
        total = int(found["sum"]["value"])
    else:
        total = (int(found["high"]["value"]) << facets.HALF) + int(found["low"]["value"])
    return facets.bucket(str(found["key"]), found["doc_count"], total)


def _facets(searcher: Searcher, query: Query) -> tuple[list[Bucket], list[Bucket]]:
    """All hits by category and by month."""
    amounts = {"amounts": {"stats": {"field": "amount"}}}
    answer: dict[str, Any] = {}
    for sums in (_SUM, _HALVES):
        fields = {field: _facet(f"{field}_facet", sums) for field in ("category", "month")}
        answer = searcher.aggregate(query, amounts | fields)
        amount = answer["amounts"]
        if not amount["count"]:
            return [], []
        if amount["count"] * max(abs(amount["min"]), abs(amount["max"])) < 2**53:
            break  # no partial sum was rounded
    return (
        facets.most_frequent(map(_bucket, answer["category"]["buckets"])),
        facets.oldest_first(map(_bucket, answer["month"]["buckets"])),
    )


def _ranked(
    searcher: Searcher, query: Query, asked: SearchQuery, by_relevance: bool
) -> list[tuple[float, DocAddress]]:
    """The page's hits. tantivy leaves ties as the documents lie; whole ties are sorted here."""
    end = asked.offset + asked.limit
    wanted = end + 1
    while True:
        wanted = min(wanted, searcher.num_docs + 1)
        if by_relevance:
            found = searcher.search(query, wanted, count=False)
        else:
            order = Order.Asc if asked.order == "oldest" else Order.Desc
            found = searcher.search(query, wanted, count=False, order_by_field="day", order=order)
        hits = found.hits
        if len(hits) < wanted or wanted >= max(_TIES, end + 1) or hits[end - 1][0] != hits[-1][0]:
            break
        wanted = min(wanted * 8, max(_TIES, end + 1))
    if asked.offset >= len(hits):
        return []
    first, last = asked.offset, min(end, len(hits))
    while first and hits[first - 1][0] == hits[first][0]:
        first -= 1
    while last < len(hits) and hits[last][0] == hits[last - 1][0]:
        last += 1
    addresses = [address for _, address in hits[first:last]]
    group = 0
    keys: list[tuple[int, Any, Any, Any, int]] = []
    # Equally relevant, the newest come first.
    days = searcher.fast_field_values("day", addresses) if by_relevance else None
    high = searcher.fast_field_values("rank_high", addresses)
    low = searcher.fast_field_values("rank_low", addresses)
    for n in range(first, last):
        group += n > first and hits[n][0] != hits[n - 1][0]
        day = 0 if days is None else -int(days[n - first] or 0)
        keys.append((group, day, high[n - first], low[n - first], n))
    keys.sort()
    return [hits[key[-1]] for key in keys[asked.offset - first : end - first]]


def found(searcher: Searcher, asked: SearchQuery) -> Found:
    """The hits of a page, and the facets over all hits."""
    built = build.built(asked)
    if built is None:
        return Found([], 0, [], [], [])
    query, parts = built
    by_category, by_month = _facets(searcher, query)
    sums = facets.by_currency(by_month)
    hits: list[Hit] = []
    if sums and asked.limit > 0:
        by_relevance = asked.order == "relevance" and bool(parts)
        highlighter = Highlighter(parts, build.stem) if parts else None
        for score, address in _ranked(searcher, query, asked, by_relevance):
            document = searcher.doc(address)
            id = str(document.get_first("id"))
            shown = document.get_first("shown") if highlighter else None
            marked = _highlights(highlighter, bytes(shown)) if highlighter and shown else {}
            hits.append(Hit(id, float(score) if by_relevance else 0.0, marked))
    total = sum(bucket.count for bucket in sums)
    return Found(hits, total, by_category, by_month, sums)


def _highlights(highlighter: Highlighter, shown: bytes) -> dict[str, str]:
    description, note, category, tags = json.loads(shown)
    marked = [fragment for tag in tags if (fragment := highlighter.fragment(tag))]
    fragments = {
        "description": highlighter.fragment(description),
        "category": highlighter.fragment(category),
        "tags": ", ".join(marked),
        "note": highlighter.fragment(note),
    }
    return {field: fragment for field, fragment in fragments.items() if fragment}


# --- suggestions ----------------------------------------------------------------------------------

_SOURCES = {  # field: (the words it is found by, the values it is counted by)
    "description": ("description", "description_raw"),
    "category": ("labels", "category"),
    "tags": ("labels", "tags"),
}


def suggested(
    searcher: Searcher, budgets: Sequence[str], prefix: str, limit: int, fields: Sequence[str]
) -> list[str]:
    """Values with `prefix` where a word starts, distinct as folded, most frequent first."""
    typed = words(prefix)[:8]
    if not typed or not budgets or limit <= 0:
        return []
    start = " " + " ".join(typed)
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for field in fields:
        source, column = _SOURCES[field]
        query = build.all_of(
            [
                build.one_of("budget", budgets),
                *(build.holds(source, word) for word in typed[:-1]),
                build.begins(source, typed[-1]),
            ]
        )
        terms = {"values": {"terms": {"field": column, "size": _SUGGESTED}}}
        for bucket in searcher.aggregate(query, terms)["values"]["buckets"]:
            value = str(bucket["key"])
            folded = " ".join(words(value))
            # The query found documents; of their values, those count that hold the words in a row.
            if start in " " + folded:
                spellings[folded][value] += bucket["doc_count"]
    ordered = sorted(spellings.items(), key=lambda item: (-item[1].total(), item[0]))
    return [min(each, key=lambda s: (-each[s], s)) for _, each in ordered[:limit]]
