"""What the generated Beanie documents are made of beside the entities' own fields."""

from __future__ import annotations

from pydantic import BaseModel
from pymongo import ASCENDING, IndexModel


class OutboxEntry(BaseModel):
    """An event in the document that it was committed with, until it is relayed.

    `at` is its place in the order of the service's commits (sequence.py).
    """

    at: int
    id: str
    type: str
    channel: str
    key: str
    subject: str
    version: int
    time: str
    data: bytes
    traceparent: str = ""


# Finds the documents that hold events, the oldest event first; no others are in it.
OUTBOX = IndexModel(
    [("outbox.at", ASCENDING)],
    name="outbox",
    partialFilterExpression={"outbox.at": {"$exists": True}},
)


def unique(*fields: str) -> IndexModel:
    """No two documents have the same values; one that lacks any of them is like no other."""
    return IndexModel(
        [(field, ASCENDING) for field in fields],
        name=".".join(fields),
        unique=True,
        partialFilterExpression={field: {"$exists": True} for field in fields},
    )


def keyset(*fields: str) -> IndexModel:
    """Pages in the order of these fields, or backwards: each page's order ends with the id."""
    keys = [(field, ASCENDING) for field in (*fields, "_id")]
    return IndexModel(keys, name=":".join(fields))
