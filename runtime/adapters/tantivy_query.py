"""The fields of the embedded index, and a search as tantivy's query objects.

User text becomes terms, never query syntax, and the budgets are a clause that every hit must meet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

import tantivy
from tantivy import FieldType, Occur, Query

from runtime.adapters.search_facets import HALF, PARTED
from runtime.adapters.search_text import Part, parts, words
from runtime.ports import SearchDocument, SearchQuery

# Raised whenever fields or folding change: an index of another format is moved aside and rebuilt.
FORMAT = 1

# A text is indexed as its words' stems and as folded words, which may be begun. Misspelt words are
# sought in one field of all words: of 3 automata, each over a field of its own, 2 would be wasted.
BOOSTS = {"description": 3.0, "labels": 2.0, "note": 1.0}
# Added to BM25, times the boost, so that exact comes before begun and begun before misspelt.
_EXACT, _BEGUN, _NEAR = 1.0, 0.15, 0.02

_INT = 2**63 - 1
# A term set builds an automaton: 20 values cost 640 µs, single terms 150; 5,000 cost 64 and 80 ms.
_FEW = 1000
_CROCKFORD = str.maketrans("jkmnpqrstvwxyz", "ijklmnopqrstuv")


def _schema() -> tantivy.Schema:
    b = tantivy.SchemaBuilder()
    b.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    b.add_integer_field("version", stored=True, fast=True)
    b.add_integer_field("dead", stored=True, fast=True, indexed=True)  # a tombstone's day
    b.add_bytes_field("shown", stored=True)  # JSON: description, note, category, tags
    for field in ("budget", "currency"):
        b.add_text_field(field, tokenizer_name="raw", index_option="basic")
    for field in ("category", "tags", "description_raw", "category_facet", "month_facet"):
        b.add_text_field(field, fast=True, tokenizer_name="raw", index_option="basic")
    for field in BOOSTS:
        b.add_text_field(f"{field}_words", tokenizer_name="words", index_option="basic")
        b.add_text_field(f"{field}_stems", tokenizer_name="stems")
    b.add_text_field("words", tokenizer_name="words", index_option="basic")
    for field in ("day", "amount"):
        b.add_integer_field(field, fast=True, indexed=True)
    for field in ("amount_high", "amount_low"):
        b.add_integer_field(field, fast=True)
    for field in ("rank_high", "rank_low"):
        b.add_unsigned_field(field, fast=True)
    return b.build()


SCHEMA = _schema()
# Texts arrive folded, their words parted by spaces.
_WORDS = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
_STEMS = (
    tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
    .filter(tantivy.Filter.stemmer("english"))
    .build()
)


def register(index: tantivy.Index) -> None:
    """Gives `index` the analyzers its schema names."""
    index.register_tokenizer("words", _WORDS)
    index.register_tokenizer("stems", _STEMS)


def stem(word: str) -> str:
    """The English stem of a folded word."""
    found = _STEMS.analyze(word)
    return found[0] if found else word


def rank(id: str) -> tuple[int, int]:
    """Two unsigned 64-bit halves that sort as ids of one kind do.

    They hold all of a TypeID, and the first 16 bytes of another id's tail.
    """
    tail = id.rpartition("_")[2]
    if len(tail) == 26 and tail[0] in "01234567" and tail.isascii() and tail.isalnum():
        try:
            number = int(tail.translate(_CROCKFORD), 32)
            return number >> 64, number & (2**64 - 1)
        except ValueError:
            pass
    raw = tail.encode()[:16].ljust(16, b"\0")
    return int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big")


def encoded(document: SearchDocument) -> tantivy.Document:
    """`document` as it is indexed. Raises OverflowError beyond 64 bits."""
    d = tantivy.Document()
    d.add_text("id", document.id)
    d.add_integer("version", document.version)
    shown = (document.description, document.note, document.category, document.tags)
    d.add_bytes("shown", json.dumps(shown).encode())
    d.add_text("budget", document.budget_id)
    d.add_text("category", document.category)
    d.add_text("currency", document.currency)
    d.add_text("description_raw", document.description)
    for tag in document.tags:
        d.add_text("tags", tag)
    # Each label is a value of its own: tantivy leaves a gap between values that no phrase crosses.
    for field, texts in (
        ("description", (document.description,)),
        ("note", (document.note,)),
        ("labels", (document.category, *document.tags)),
    ):
        for text in texts:
            if folded := " ".join(words(text)):
                d.add_text(f"{field}_words", folded)
                d.add_text(f"{field}_stems", folded)
                d.add_text("words", folded)
    d.add_integer("day", document.spent_on.toordinal())
    month = document.spent_on.isoformat()[:7]
    d.add_text("month_facet", f"{month}{PARTED}{document.currency}")
    d.add_text("category_facet", f"{document.category}{PARTED}{document.currency}")
    d.add_integer("amount", document.amount)
    d.add_integer("amount_high", document.amount >> HALF)
    d.add_integer("amount_low", document.amount & ((1 << HALF) - 1))
    high, low = rank(document.id)
    d.add_unsigned("rank_high", high)
    d.add_unsigned("rank_low", low)
    return d


def tombstone(id: str, version: int, day: int) -> tantivy.Document:
    """Remembers that `id` went at `version`. It belongs to no budget, so no search finds it."""
    d = tantivy.Document()
    d.add_text("id", id)
    d.add_integer("version", version)
    d.add_integer("dead", day)
    return d


# --- queries --------------------------------------------------------------------------------------


def one_of(field: str, values: Sequence[str]) -> Query:
    """`field` is one of `values`; adds nothing to the score."""
    values = [value.encode("utf-8", "replace").decode() for value in values]  # lone surrogates
    if len(values) == 1:
        found = Query.term_query(SCHEMA, field, values[0], "basic")
    elif len(values) <= _FEW:
        found = any_of([Query.term_query(SCHEMA, field, value, "basic") for value in values])
    else:
        found = Query.term_set_query(SCHEMA, field, values)
    return Query.const_score_query(found, 0.0)


def all_of(clauses: Sequence[Query]) -> Query:
    """What meets every clause."""
    if len(clauses) == 1:
        return clauses[0]
    return Query.boolean_query([(Occur.Must, clause) for clause in clauses])


def any_of(clauses: Sequence[Query]) -> Query:
    """What meets some clause."""
    return Query.boolean_query([(Occur.Should, clause) for clause in clauses])


def between(field: str, low: int | None, high: int | None) -> Query:
    """`field` lies in the closed range; adds nothing to the score."""
    low = -_INT - 1 if low is None else max(-_INT - 1, min(_INT, low))
    high = _INT if high is None else max(-_INT - 1, min(_INT, high))
    found = Query.range_query(SCHEMA, field, FieldType.Integer, low, high)
    return Query.const_score_query(found, 0.0)


def begins(field: str, word: str) -> Query:
    """A word of `field` begins with `word`."""
    return Query.fuzzy_term_query(SCHEMA, f"{field}_words", word, 0, prefix=True)


def holds(field: str, word: str) -> Query:
    """A word of `field` is `word`."""
    return Query.term_query(SCHEMA, f"{field}_words", word, "basic")


def _part(part: Part) -> Query:
    stems: list[str | tuple[int, str]] = [stem(word) for word in part.words]
    clauses: list[Query] = []
    for field, boost in BOOSTS.items():
        name = f"{field}_stems"
        if len(stems) == 1:
            exact = Query.term_query(SCHEMA, name, stems[0])
        else:
            exact = Query.phrase_query(SCHEMA, name, stems)
        clauses.append(Query.boost_query(exact, boost))
        clauses.append(Query.const_score_query(exact, _EXACT * boost))
        if part.prefix:
            begun = begins(field, part.words[0])
            clauses.append(Query.const_score_query(begun, _BEGUN * boost))
    if part.edits:
        near = Query.fuzzy_term_query(SCHEMA, "words", part.words[0], part.edits)
        clauses.append(Query.const_score_query(near, _NEAR))
    return any_of(clauses)


def _day(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def built(query: SearchQuery) -> tuple[Query, list[Part]] | None:
    """The query and what its text asks for; None when nothing can meet it."""
    categories = (query.category,) if query.category is not None else query.categories
    asked = parts(query.text, query.fuzzy)
    if not query.budgets or (query.text.strip() and not asked):
        return None  # text without a word, such as `*:*`, finds nothing rather than everything
    clauses = [one_of("budget", query.budgets)]
    if categories:
        clauses.append(one_of("category", categories))
    if query.currency is not None:
        clauses.append(one_of("currency", (query.currency,)))
    clauses += [one_of("tags", (tag,)) for tag in query.tags]
    if query.spent_from is not None or query.spent_to is not None:
        clauses.append(between("day", _day(query.spent_from), _day(query.spent_to)))
    if query.amount_from is not None or query.amount_to is not None:
        clauses.append(between("amount", query.amount_from, query.amount_to))
    clauses += [_part(part) for part in asked]
    return all_of(clauses), asked
