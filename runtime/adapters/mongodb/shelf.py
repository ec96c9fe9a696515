"""One collection as a store uses it."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pymongo.errors import DuplicateKeyError

from runtime.adapters.mongodb.database import Bucket, MongoDatabase
from runtime.document import Collection, Document
from runtime.model import Entity
from runtime.ports import Taken

E = TypeVar("E", bound=Entity)

# A tombstone, which holds a deleted entity's last events, has no version and nothing else.
GONE = {"$exists": False}
# Events in one document: each write copies the document, so one with so many takes no more.
MOST_EVENTS = 64
FULL = f"outbox.{MOST_EVENTS - 1}"


class Shelf(Generic[E]):
    """A collection, its codec, and the parts of the commands that never change."""

    def __init__(self, codec: Collection[E], database: MongoDatabase) -> None:
        self.codec = codec
        self.name = codec.kind.__name__
        self.bucket: Bucket = database.bucket(codec.name)
        self.paths = {"id": "_id", **{field: field for field in codec.fields}}
        # What no entity is made of stays on the server.
        self.shown = {"outbox": 0, **dict.fromkeys(set(codec.sets.values()) - {*codec.cells}, 0)}
        self.emptied = {"$unset": dict.fromkeys(codec.fields, "")}

    def path(self, field: str) -> str:
        """Where `field` is in the document. Raises ValueError for a field that is none."""
        try:
            return self.paths[field]
        except KeyError:
            raise ValueError(f"{self.name} has no field {field}") from None

    def cell(self, field: str, value: Any) -> Any:
        """`value` as the document keeps it. Raises ValueError for a field that is none."""
        try:
            encode = self.codec.cells[field]
        except KeyError:
            raise ValueError(f"{self.name} has no field {field}") from None
        return encode(value)

    def entity(self, document: Document | None) -> E | None:
        """The document's entity; None of nothing, and of a tombstone."""
        if document is None or "version" not in document:
            return None
        return self.codec.decode(document)

    def update(self, entity: E, entries: list[Document]) -> Document:
        """The update that makes a document `entity`'s, with `entries` behind its events."""
        values = self.codec.encode(entity)
        del values["_id"]
        update: Document = {"$set": values}
        if absent := [field for field in self.codec.nullable if field not in values]:
            update["$unset"] = dict.fromkeys(absent, "")
        if entries:
            update["$push"] = {"outbox": {"$each": entries}}
        return update

    def taken(self, error: DuplicateKeyError) -> Taken:
        """What a violated uniqueness constraint means."""
        pattern = duplicate_key(error)
        return Taken(self.name, tuple("id" if field == "_id" else field for field in pattern))


def duplicate_key(error: DuplicateKeyError) -> tuple[str, ...]:
    """The fields of the index that refused a write."""
    return tuple((error.details or {}).get("keyPattern") or ())
