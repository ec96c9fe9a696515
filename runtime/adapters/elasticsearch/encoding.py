"""An expense as Elasticsearch keeps it, and how versions become its external versions.

Elasticsearch takes a write only where its version is greater. A document of version 7 is written at
14, its deletion at 15: what is equal or late is refused. A deletion is a document too, a tombstone:
Elasticsearch itself forgets deleted versions after a minute (index.gc_deletes).
"""

from __future__ import annotations

from typing import Any

from runtime.adapters.search_facets import HALF, PARTED
from runtime.adapters.search_text import words
from runtime.ports import SearchDocument

# What is searched, and what it counts: a word of the description more than one of a tag.
BOOSTS = {"description": 3.0, "category": 2.0, "tags": 2.0, "note": 1.0}
_LOW = (1 << HALF) - 1

Json = dict[str, Any]


def put_version(version: int) -> int:
    """The external version of a document."""
    return 2 * version


def delete_version(version: int) -> int:
    """The external version of its deletion: after it, before the next document."""
    return 2 * version + 1


def clean(text: str) -> str:
    """`text` without what has no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def encoded(document: SearchDocument) -> Json:
    """`document` as it is indexed. Raises OverflowError beyond 64 bits."""
    if not -(2**63) <= document.amount < 2**63:
        raise OverflowError("the amount is beyond 64 bits")
    values = {
        "description": [document.description],
        "category": [document.category],
        "tags": list(document.tags),
        "note": [document.note],
    }
    texts: Json = {"words": []}
    for field, each in values.items():
        folded = [found for text in each if (found := " ".join(words(text)))]
        texts["words"] += folded
        # Each tag is a value of its own: a gap lies between them that no phrase crosses.
        texts[f"{field}_words"] = texts[f"{field}_stems"] = folded
    month = document.spent_on.isoformat()[:7]
    return texts | {
        "id": document.id,
        "shown": {
            "description": document.description,
            "category": document.category,
            "tags": list(document.tags),
            "note": document.note,
        },
        "description_raw": document.description,
        "budget_id": document.budget_id,
        "category": document.category,
        "tags": list(document.tags),
        "currency": document.currency,
        "amount": document.amount,
        "amount_high": document.amount >> HALF,
        "amount_low": document.amount & _LOW,
        "spent_on": document.spent_on.isoformat(),
        "category_facet": f"{document.category}{PARTED}{document.currency}",
        "month_facet": f"{month}{PARTED}{document.currency}",
    }


def tombstone(id: str, day: int) -> Json:
    """What remembers a deletion. It belongs to no budget, so no search finds it."""
    return {"id": id, "dead": day}


def mark(budget: str) -> str:
    """The id of a deleted budget's tombstone, which no document's id can be."""
    return f"budget {budget}"


def marked(id: str) -> str | None:
    """The budget whose tombstone this is the id of."""
    budget = id.removeprefix(mark(""))
    return None if budget == id else budget
