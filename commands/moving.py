"""Copies all that a platform keeps into another, and proves that it is all there.

It stands on the port `Store` alone: pages by id out of one, commits into the other. So it goes
between any two platforms, with the memory of one page. A second run over an unfinished copy brings
it to what the source holds now, whatever the first one left (docs/decisions/0301).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from generated.models import UserRecord
from generated.storage import TABLES
from runtime.inspection import KeptKey, KeyRecords
from runtime.model import Entity
from runtime.ports import Delete, Insert, Query, Store
from runtime.table import Row, Table

# What a page may hold, in characters, were each of its texts as long as the contract lets it be.
_PAGE_SIZE = 16_000_000
_MOST_ROWS = 500
_ITEM = 500
_MODULUS = 1 << 256


class Side(Protocol):
    """One of the two platforms, with nobody else at work on it."""

    @property
    def name(self) -> str:
        """What it is called in messages; no secret."""
        ...

    @property
    def stores(self) -> Mapping[str, Store]:
        """The store of each service."""
        ...

    @property
    def keys(self) -> KeyRecords:
        """The idempotency records."""
        ...


class Differs(Exception):
    """The copy is not what the source holds; each line names a kind and both figures."""


class Inhabited(Exception):
    """The unfinished copy has accounts that the source has not: it was served meanwhile."""


@dataclass(slots=True)
class Tally:
    """How many rows, and a digest of them that does not depend on their order.

    The digest is the sum of the rows' SHA-256, modulo 2^256: unlike with XOR, two rows that are
    the same do not cancel each other. A row is what the embedded store would keep of the entity.
    """

    count: int = 0
    total: int = 0

    def add(self, row: Row) -> None:
        """Counts a row in."""
        digest = hashlib.sha256(repr(row).encode("utf-8", "surrogatepass")).digest()
        self.total = (self.total + int.from_bytes(digest)) % _MODULUS
        self.count += 1

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return f"{self.total:064x}"


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved, by the name of the table; `keys` are idempotency records."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    keys: Tally = field(default_factory=Tally)

    @property
    def count(self) -> int:
        """All rows of all tables."""
        return sum(tally.count for tally in self.tallies.values())

    def as_json(self) -> dict[str, Any]:
        """As the report has it."""
        kinds = {name: {"count": t.count, "digest": t.digest} for name, t in self.tallies.items()}
        keys = {"count": self.keys.count, "digest": self.keys.digest}
        return {"count": self.count, "kinds": kinds, "idempotencyKeys": keys}


Progress = Callable[[str, int], None]


def ordered() -> tuple[Table[Any], ...]:
    """All tables; the accounts last, so that nobody can sign in to half a copy."""
    return tuple(sorted(TABLES, key=lambda table: table.kind is UserRecord))


async def tallied(side: Side, since: int) -> Moved:
    """Counts and digests of all that a platform keeps; of idempotency records from `since` on."""
    found = Moved()
    for table in ordered():
        tally = found.tallies[table.name] = Tally()
        async for page in _pages(side.stores[table.service], table.kind):
            for entity in page:
                tally.add(table.encode(entity))
    for service in side.stores:
        async for records in _kept(side.keys, service, since):
            _count(found.keys, service, records)
    return found


async def taken(side: Side) -> list[str]:
    """The tables that hold anything."""
    found: list[str] = []
    for table in ordered():
        query = Query((), (("id", False),), 1)
        if (await side.stores[table.service].page(table.kind, query)).items:
            found.append(table.name)
    return found


async def move(
    source: Side, target: Side, *, since: int, resume: bool, progress: Progress
) -> Moved:
    """Copies everything, then reads the copy back. Raises Differs, Inhabited.

    `since`: the oldest idempotency record that is taken, in ms. `resume`: the target holds what an
    earlier run left; else it must be empty. `progress` is told of each table's rows.
    """
    moved = Moved()
    if resume:
        await _need_no_strangers(source, target)
    for table in ordered():
        stores = (source.stores[table.service], target.stores[table.service])
        if resume:
            await _withdraw(table, *stores)
        tally = moved.tallies[table.name] = Tally()
        await _copy(table, *stores, tally, resume=resume, progress=progress)
    for service in source.stores:
        async for records in _kept(source.keys, service, since):
            await target.keys.keep(service, records)
            _count(moved.keys, service, records)
    _compare(moved, await tallied(target, since))
    return moved


async def _need_no_strangers(source: Side, target: Side) -> None:
    """Raises Inhabited: what people made there since would be taken out as if it were a rest."""
    strangers = 0
    async for page in _pages(target.stores["auth"], UserRecord):
        known = await source.stores["auth"].get_many(UserRecord, [user.id for user in page])
        strangers += len(page) - len(known)
    if strangers:
        raise Inhabited(f"{strangers} account{'s' * (strangers > 1)}")


async def _withdraw(table: Table[Any], source: Store, target: Store) -> None:
    """Takes out of an unfinished copy what the source does not hold, or not so any more."""
    async for page in _pages(target, table.kind):
        held = await source.get_many(table.kind, [entity.id for entity in page])
        stale = [entity for entity in page if not _same(table, held.get(entity.id), entity)]
        if stale:
            await target.commit(*map(Delete, stale))


async def _copy(
    table: Table[Any],
    source: Store,
    target: Store,
    tally: Tally,
    *,
    resume: bool,
    progress: Progress,
) -> None:
    """Inserts what the target lacks, and counts what the source holds."""
    async for page in _pages(source, table.kind):
        there: Mapping[str, Entity] = {}
        if resume:
            there = await target.get_many(table.kind, [entity.id for entity in page])
        new = [Insert(entity) for entity in page if entity.id not in there]
        if new:
            await target.commit(*new)
        for entity in page:
            tally.add(table.encode(entity))
        progress(table.name, tally.count)


def _compare(wanted: Moved, found: Moved) -> None:
    """Raises Differs."""
    differing: list[str] = []
    for name, tally in wanted.tallies.items():
        differing += _difference(name, tally, found.tallies[name])
    differing += _difference("idempotency keys", wanted.keys, found.keys)
    if differing:
        raise Differs("\n".join(differing))


def _difference(name: str, wanted: Tally, found: Tally) -> list[str]:
    if found == wanted:
        return []
    return [
        f"{name}: {found.count} of {wanted.count}, "
        f"checksum {found.digest[:12]}… for {wanted.digest[:12]}…"
    ]


def _same(table: Table[Any], one: Entity | None, other: Entity) -> bool:
    return one is not None and table.encode(one) == table.encode(other)


async def _pages(store: Store, kind: type[Entity]) -> AsyncIterator[list[Entity]]:
    """All entities by id, a page at a time."""
    query = Query((), (("id", False),), page_rows(kind))
    while True:
        page = await store.page(kind, query)
        if page.items:
            yield page.items
        if not page.more:
            return
        last = page.items[-1].id
        query = Query((), query.sort, query.limit, (last, last))


async def _kept(keys: KeyRecords, service: str, since: int) -> AsyncIterator[list[KeptKey]]:
    after: tuple[str, str] | None = None
    while records := await keys.keys(service, since, after, _MOST_ROWS):
        yield records
        after = (records[-1].caller, records[-1].key)


def _count(tally: Tally, service: str, records: Iterable[KeptKey]) -> None:
    for r in records:
        tally.add((service, r.caller, r.key, r.operation, r.fingerprint, r.answer))


@cache
def page_rows(kind: type[Entity]) -> int:
    """How many rows of a kind are in memory at once: few of those that may be large."""
    largest = 0
    for info in kind.model_fields.values():
        longest = next((n for m in info.metadata if (n := getattr(m, "max_length", None))), 0)
        is_list = getattr(info.annotation, "__origin__", None) is list
        largest += longest * (_ITEM if is_list else 1)
    return max(4, min(_MOST_ROWS, _PAGE_SIZE // max(largest, 1)))
