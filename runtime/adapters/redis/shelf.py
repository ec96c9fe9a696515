"""One kind of a cached store: how Redis keeps it, and what of it this process has read lately."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from hashlib import blake2b
from typing import Generic, TypeVar

from runtime.model import Entity
from runtime.table import Table

E = TypeVar("E", bound=Entity)


class CacheShelf(Generic[E]):
    """Its codec, and the entities of it that were used last."""

    def __init__(self, table: Table[E], prefix: str, size: int, trust: float) -> None:
        """`size` entities at most; `trust`: seconds for which they are taken as they are."""
        self.table = table
        self.name = table.kind.__name__.removesuffix("Record")
        self._prefix = f"{prefix}cache:{self.name}:"
        # Rows of another version of the contract are not read.
        shape = blake2b(repr((table.kind.__name__, table.columns)).encode(), digest_size=4)
        self._shape = shape.hexdigest().encode() + b" "
        self._size = size
        self._trust = trust
        self._entities: OrderedDict[str, tuple[E, float]] = OrderedDict()
        # What others have written, so that an older state that was on its way is not kept.
        self._floors: OrderedDict[str, int] = OrderedDict()
        self.loads: dict[str, asyncio.Task[E | None]] = {}

    def key(self, id: str) -> str:
        """Where Redis keeps it."""
        return self._prefix + id

    def encoded(self, entity: E) -> bytes:
        """The entity as Redis keeps it."""
        row = json.dumps(self.table.encode(entity), separators=(",", ":"), ensure_ascii=False)
        return b"V%d:%b%b" % (entity.version, self._shape, row.encode())

    def decoded(self, id: str, kept: bytes | None) -> E | None:
        """What Redis keeps; None where that is no entity of ours, or not one now."""
        if kept is None or kept[:1] != b"V":
            return None
        version, _, row = kept.partition(b":")
        known = self._entities.get(id)
        if known is not None and b"%d" % known[0].version == version[1:]:
            return self.keep(known[0])
        if not row.startswith(self._shape):
            return None
        try:
            return self.keep(self.table.decode(tuple(json.loads(row[len(self._shape) :]))))
        except (ValueError, KeyError, IndexError, TypeError):  # not ours: the store knows
            return None

    def keep(self, entity: E) -> E:
        """Keeps a committed state in the process, unless a newer one is known."""
        id = entity.id
        known = self._entities.get(id)
        if known is not None and known[0].version > entity.version:
            return entity
        if self._floors.get(id, 0) > entity.version:
            return entity
        until = asyncio.get_running_loop().time() + self._trust if self._trust else 0.0
        self._entities[id] = entity, until
        self._entities.move_to_end(id)
        if len(self._entities) > self._size:
            self._entities.popitem(last=False)
        return entity

    def trusted(self, id: str) -> E | None:
        """What is taken as it is, without asking; None unless `trust` says for how long."""
        known = self._entities.get(id) if self._trust else None
        if known is None or known[1] < asyncio.get_running_loop().time():
            return None
        return known[0]

    def forget(self, id: str, version: int) -> None:
        """`version` was written: drops what is older, now and when it comes late."""
        known = self._entities.get(id)
        if known is not None and known[0].version < version:
            del self._entities[id]
        if self._floors.get(id, 0) < version:
            self._floors[id] = version
            self._floors.move_to_end(id)
            if len(self._floors) > self._size:
                self._floors.popitem(last=False)

    def clear(self) -> None:
        """Drops everything."""
        self._entities.clear()
