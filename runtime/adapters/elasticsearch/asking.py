"""Searches and suggestions as Elasticsearch's queries, and its answers as the port's.

User text becomes terms, never query syntax, and the budgets are a clause that every hit must meet.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.adapters import search_facets as facets
from runtime.adapters.elasticsearch.encoding import BOOSTS, Json, clean
from runtime.adapters.search_text import Highlighter, Part, parts, words
from runtime.adapters.tantivy_query import stem
from runtime.ports import Bucket, Found, Hit, SearchQuery

# Added to BM25, times the boost, so that exact comes before begun and begun before misspelt.
_EXACT, _BEGUN, _NEAR = 1.0, 0.15, 0.02
# Spellings that one misspelt word may stand for.
_SPELLINGS = 256
# Hits that are sorted; index.max_result_window, as the index is made (generated/index.py).
_DEEPEST = 20_000
# Budgets in one clause; Elasticsearch refuses more (index.max_terms_count).
_MOST_TERMS = 60_000
# What a Lucene term may hold, in bytes: a longer value is nowhere.
_LONGEST = 32_766
_INT = 2**63 - 1
_SUGGESTED = 500  # distinct spellings considered, the most frequent
_SOURCES = {"description": "description_raw", "category": "category", "tags": "tags"}


def _constant(query: Json, score: float) -> Json:
    return {"constant_score": {"filter": query, "boost": score}}


def _any(clauses: list[Json]) -> Json:
    return {"bool": {"should": clauses, "minimum_should_match": 1}}


def _begins(field: str, word: str) -> Json:
    return {"prefix": {f"{field}_words": {"value": word}}}


def _one_of(field: str, values: Sequence[str]) -> Json:
    cleaned = [each for value in values if len((each := clean(value)).encode()) <= _LONGEST]
    if not cleaned:
        return {"match_none": {}}
    chunks = [cleaned[at : at + _MOST_TERMS] for at in range(0, len(cleaned), _MOST_TERMS)]
    terms: list[Json] = [{"terms": {field: chunk}} for chunk in chunks]
    return terms[0] if len(terms) == 1 else _any(terms)


def _part(part: Part) -> Json:
    clauses: list[Json] = []
    for field, boost in BOOSTS.items():
        text = " ".join(part.words)
        exact: Json = {"match_phrase": {f"{field}_stems": {"query": text}}}
        scored = {"match_phrase": {f"{field}_stems": {"query": text, "boost": boost}}}
        clauses += [scored, _constant(exact, _EXACT * boost)]
        if part.prefix:
            clauses.append(_constant(_begins(field, part.words[0]), _BEGUN * boost))
    if part.edits:
        near = {
            "value": part.words[0],
            "fuzziness": part.edits,
            "transpositions": True,
            "max_expansions": _SPELLINGS,
        }
        clauses.append(_constant({"fuzzy": {"words": near}}, _NEAR))
    return _any(clauses)


def _between(field: str, low: Any, high: Any) -> list[Json]:
    bounds = {name: value for name, value in (("gte", low), ("lte", high)) if value is not None}
    return [{"range": {field: bounds}}] if bounds else []


def _long(value: int | None) -> int | None:
    return None if value is None else max(-_INT - 1, min(_INT, value))


class Asked:
    """One search: its request, and the reading of the answer."""

    def __init__(self, query: SearchQuery) -> None:
        self._query = query
        self._parts = parts(query.text, query.fuzzy)
        # Text without a word, such as `*:*`, finds nothing rather than everything.
        self.vain = not query.budgets or bool(query.text.strip() and not self._parts)
        self._by_relevance = query.order == "relevance" and bool(self._parts)

    def request(self) -> Json:
        """The body of `_search`."""
        query = self._query
        categories = (query.category,) if query.category is not None else query.categories
        clauses = [_one_of("budget_id", query.budgets)]
        if categories:
            clauses.append(_one_of("category", categories))
        if query.currency is not None:
            clauses.append(_one_of("currency", (query.currency,)))
        clauses += [_one_of("tags", (tag,)) for tag in query.tags]
        clauses += _between("spent_on", query.spent_from, query.spent_to)
        clauses += _between("amount", _long(query.amount_from), _long(query.amount_to))
        # No page lies deeper; the figures are still over all.
        deep = query.offset + query.limit > _DEEPEST
        day = {"spent_on": "asc" if query.order == "oldest" else "desc"}
        sort: list[Json] = [day, {"id": "asc"}]
        return {
            "query": {"bool": {"filter": clauses, "must": [_part(part) for part in self._parts]}},
            "sort": [{"_score": "desc"}, *sort] if self._by_relevance else sort,
            "from": 0 if deep else query.offset,
            "size": 0 if deep else max(0, query.limit),
            "track_total_hits": False,
            "_source": ["shown"] if self._parts else False,
            "aggs": {"category": _facet("category"), "month": _facet("month")},
        }

    def answer(self, told: Mapping[str, Any]) -> Found:
        """What was found."""
        months = facets.oldest_first(_buckets(told, "month"))
        sums = facets.by_currency(months)
        highlighter = Highlighter(self._parts, stem) if self._parts else None
        hits = [
            Hit(
                hit["_id"],
                float(hit["_score"]) if self._by_relevance else 0.0,
                _highlights(highlighter, hit["_source"]["shown"]) if highlighter else {},
            )
            for hit in told["hits"]["hits"]
        ]
        total = sum(bucket.count for bucket in sums)
        return Found(hits, total, facets.most_frequent(_buckets(told, "category")), months, sums)


def _facet(field: str) -> Json:
    sums = {half: {"sum": {"field": f"amount_{half}"}} for half in ("high", "low")}
    terms = {"field": f"{field}_facet", "size": facets.PAIRS, "shard_size": facets.PAIRS}
    return {"terms": terms, "aggs": sums}


def _buckets(told: Mapping[str, Any], field: str) -> list[Bucket]:
    return [
        facets.bucket(
            each["key"],
            each["doc_count"],
            (int(each["high"]["value"]) << facets.HALF) + int(each["low"]["value"]),
        )
        for each in told["aggregations"][field]["buckets"]
    ]


def _highlights(highlighter: Highlighter, shown: Mapping[str, Any]) -> dict[str, str]:
    marked = [fragment for tag in shown["tags"] if (fragment := highlighter.fragment(tag))]
    fragments = {
        "description": highlighter.fragment(shown["description"]),
        "category": highlighter.fragment(shown["category"]),
        "tags": ", ".join(marked),
        "note": highlighter.fragment(shown["note"]),
    }
    return {field: fragment for field, fragment in fragments.items() if fragment}


class Begun:
    """One asking for suggestions: its requests, and the reading of the answers."""

    def __init__(
        self, budgets: Sequence[str], prefix: str, limit: int, fields: Sequence[str]
    ) -> None:
        self._budgets = budgets
        self._typed = words(prefix)[:8]
        self._limit = limit
        self._fields = fields
        self.vain = not self._typed or not budgets or limit <= 0 or not fields

    def requests(self) -> list[Json]:
        """The body of one `_search` a field."""
        return [self._request(field) for field in self._fields]

    def _request(self, field: str) -> Json:
        clauses = [_one_of("budget_id", self._budgets), _begins(field, self._typed[-1])]
        clauses += [{"term": {f"{field}_words": word}} for word in self._typed[:-1]]
        return {
            "query": {"bool": {"filter": clauses}},
            "size": 0,
            "track_total_hits": False,
            "aggs": {"values": {"terms": {"field": _SOURCES[field], "size": _SUGGESTED}}},
        }

    def answer(self, told: Sequence[Mapping[str, Any]]) -> list[str]:
        """Values with what was typed where a word starts, distinct as folded."""
        start = " " + " ".join(self._typed)
        spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for each in told:
            for bucket in each["aggregations"]["values"]["buckets"]:
                value = str(bucket["key"])
                folded = " ".join(words(value))
                # The query found documents; of their values those count that hold it in a row.
                if start in " " + folded:
                    spellings[folded][value] += bucket["doc_count"]
        ordered = sorted(spellings.items(), key=lambda item: (-item[1].total(), item[0]))
        return [min(each, key=lambda s: (-each[s], s)) for _, each in ordered[: self._limit]]
