"""What the store on MongoDB promises beyond the port: values, tombstones, several processes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from runtime.adapters.mongodb import MongoDatabase, MongoStore
from runtime.adapters.mongodb.shelf import MOST_EVENTS
from runtime.ports import (
    AlreadySeen,
    Conflict,
    Delete,
    Emit,
    Insert,
    KeyTaken,
    Query,
    Remember,
    Seen,
    Taken,
    Update,
    Where,
)
from tests.ports.mongodb_platform import MongoPlatform
from tests.ports.sample import Pot, PotOpened, Tally, pot, tally
from tests.ports.sample_documents import COLLECTIONS

pytestmark = [pytest.mark.anyio, pytest.mark.server("mongodb")]

OPERATORS: list[Any] = [
    {"$ne": None},
    {"$gt": ""},
    {"$regex": ".*"},
    {"$exists": True},
    re.compile(".*"),
    ["$ne"],
]
NAMES = ["$where", "$ne", "a.b", "a.$b", "$", ".", "{'$ne': null}", "outbox.0", "\0", "$$ROOT"]


@pytest.fixture
async def second(mongo: MongoPlatform) -> AsyncIterator[MongoStore]:
    """Another process's store over the same database."""
    database = await MongoDatabase.open(mongo.uri, clock=mongo.clock)
    yield MongoStore(database, COLLECTIONS, "pot")
    await database.close()


async def documents(mongo: MongoPlatform, name: str) -> list[dict[str, Any]]:
    """The collection as it is."""
    return await mongo.database.bucket(name).find().to_list()


@pytest.mark.parametrize("value", OPERATORS, ids=str)
async def test_what_looks_like_an_operator_is_a_value(mongo: MongoPlatform, value: Any) -> None:
    store = mongo.store
    await store.commit(Insert(pot()), Remember("usr_ann", "k1", "openPot", b""))
    for kind in (Pot, Tally):
        assert await store.get(kind, value) is None
        assert await store.get_many(kind, [value, "x"]) == {}
    assert await store.find(Pot, owner_id=value, name=value) is None
    for where in (Where("owner_id", "eq", value), Where("visible_to", "has", value)):
        assert (await store.page(Pot, Query((where,)))).items == []
    assert await store.recall("usr_ann", value) is None
    assert await store.recall(value, "k1") is None


@pytest.mark.parametrize("name", NAMES)
async def test_what_looks_like_a_path_is_text(mongo: MongoPlatform, name: str) -> None:
    store = mongo.store
    entity = pot(name=name, owner_id=name, members=[name, f"{name}.x"])
    await store.commit(Insert(entity), Insert(pot()))
    entity = entity.but(version=2, rank=1)
    await store.commit(Update(entity), Seen(name, name), Remember(name, name, name, b"\0"))
    assert await store.find(Pot, owner_id=name, name=name) == entity
    for where in (Where("name", "in", (name, "other")), Where("visible_to", "has", f"{name}.x")):
        assert (await store.page(Pot, Query((where,)))).items == [entity]
    assert await store.seen(name, [name, "other"]) == {name}
    assert await store.recall(name, name) is not None


async def test_a_delete_leaves_its_events_and_nothing_else(mongo: MongoPlatform) -> None:
    store = mongo.store
    entity = pot(name="it", owner_id="usr_ann")
    await store.commit(Insert(entity))
    await store.commit(Delete(entity), Emit(PotOpened(entity.id, "usr_ann")))
    assert [set(document) for document in await documents(mongo, "pots")] == [{"_id", "outbox"}]
    # To whoever reads it is gone.
    assert await store.get(Pot, entity.id) is None
    assert await store.get_many(Pot, [entity.id, "x"]) == {}
    assert await store.find(Pot, owner_id="usr_ann", name="it") is None
    for where in ((), (Where("rank", "eq", None),)):
        for sort in (("created_at", True), ("rank", False), ("id", False)):
            assert (await store.page(Pot, Query(where, (sort,)))).items == []
    for change in (Delete(entity), Update(entity.but(version=2))):
        with pytest.raises(Conflict):
            await store.commit(change)
    # And gone for good with its events.
    await mongo.outbox.clear(await mongo.outbox.take(10))
    assert await documents(mongo, "pots") == []


async def test_what_a_tombstone_was_called_is_free(mongo: MongoPlatform) -> None:
    store = mongo.store
    gone = [pot(name="one"), pot(name="two")]
    for entity in gone:
        await store.commit(Insert(entity), Emit(PotOpened(entity.id, "usr_ann")))
        await store.commit(Delete(entity), Emit(PotOpened(entity.id, "usr_ann")))
    # By itself, within a transaction, and beside others.
    await store.commit(Insert(gone[0]))
    await store.commit(Insert(gone[1]), Insert(tally("usr_ann")))
    with pytest.raises(Taken) as refused:
        await store.commit(Insert(pot(id=gone[0].id)), Insert(tally("usr_bob")))
    assert refused.value.fields == ("id",)
    assert await store.get(Tally, "usr_bob") is None
    outcomes = await asyncio.gather(
        *[store.commit(Insert(pot(id=gone[0].id))) for _ in range(20)], return_exceptions=True
    )
    assert {getattr(outcome, "fields", None) for outcome in outcomes} == {("id",)}
    assert len(await mongo.outbox.take(10)) == 4
    await mongo.outbox.clear(await mongo.outbox.take(10))
    assert await store.get_many(Pot, [e.id for e in gone]) == {e.id: e for e in gone}


async def test_a_delete_keeps_events_that_are_not_relayed_yet(mongo: MongoPlatform) -> None:
    store = mongo.store
    first, second = pot(), pot()
    for entity in (first, second):
        await store.commit(Insert(entity), Emit(PotOpened(entity.id, "usr_ann")))
    await store.commit(Delete(first))
    await store.commit(Delete(second), Insert(tally("usr_ann")))
    taken = await mongo.outbox.take(10)
    assert [envelope.subject for envelope in taken] == [first.id, second.id]
    await mongo.outbox.clear(taken)
    assert await documents(mongo, "pots") == []


async def test_a_document_holds_a_bounded_number_of_events(mongo: MongoPlatform) -> None:
    """The relay may be away for long: a hot entity stays writable and small."""
    store = mongo.store
    entity = pot()
    await store.commit(Insert(entity))
    for version in range(2, 2 * MOST_EVENTS):
        entity = entity.but(version=version)
        await store.commit(Update(entity), Emit(PotOpened(str(version), "usr_ann")))
    # Also within a transaction, and a conflict is still one.
    entity = entity.but(version=entity.version + 1)
    event = Emit(PotOpened(str(entity.version), "usr_ann"))
    await store.commit(Update(entity), event, Seen("counter", "evt_1"))
    for more in ((), (Insert(tally("usr_ann")),)):
        with pytest.raises(Conflict):
            await store.commit(Update(entity), event, *more)
    (document,) = await documents(mongo, "pots")
    assert len(document["outbox"]) == MOST_EVENTS
    taken = []
    while some := await mongo.outbox.take(50):
        taken += [envelope.subject for envelope in some]
        await mongo.outbox.clear(some)
    assert taken == [str(version) for version in range(2, entity.version + 1)]
    assert await documents(mongo, "pot__events") == []


async def test_the_events_of_a_large_commit_are_spread(mongo: MongoPlatform) -> None:
    """An import is one commit: each event stands in its subject's document, others in their own."""
    pots = [pot() for _ in range(150)]
    events = [Emit(PotOpened(entity.id, "usr_ann")) for entity in pots]
    more = [Emit(PotOpened(f"x{number}", "usr_ann")) for number in range(200)]
    await mongo.store.commit(*[Insert(entity) for entity in pots], *events, *more)
    held = [len(document["outbox"]) for document in await documents(mongo, "pots")]
    assert sorted(held) == [1] * 149 + [MOST_EVENTS]
    apart = [len(document["outbox"]) for document in await documents(mongo, "pot__events")]
    assert max(apart) <= MOST_EVENTS
    taken = []
    while some := await mongo.outbox.take(100):
        taken += [envelope.subject for envelope in some]
        await mongo.outbox.clear(some)
    assert taken == [change.event.envelope("", "").subject for change in (*events, *more)]
    assert await documents(mongo, "pot__events") == []


async def test_of_writers_in_two_processes_exactly_one_wins(
    mongo: MongoPlatform, second: MongoStore
) -> None:
    await mongo.store.commit(Insert(tally("usr_ann")), Insert(tally("usr_bob")))
    for version in range(2, 8):
        # Some by one update, some in a transaction with another entity.
        both = [mongo.store, second]
        commits = [
            both[writer % 2].commit(
                Update(tally("usr_ann", writer, version)),
                *([Insert(tally(f"of_{version}_{writer}"))] if writer % 4 > 1 else []),
            )
            for writer in range(64)
        ]
        outcomes = await asyncio.gather(*commits, return_exceptions=True)
        winners = [writer for writer, outcome in enumerate(outcomes) if outcome is None]
        assert len(winners) == 1
        assert {type(o) for o in outcomes if o is not None} == {Conflict}
        for store in both:
            assert await store.get(Tally, "usr_ann") == tally("usr_ann", winners[0], version)
        ids = [f"of_{version}_{writer}" for writer in range(64) if writer % 4 > 1]
        assert set(await second.get_many(Tally, ids)) <= {f"of_{version}_{winners[0]}"}


async def test_an_event_and_a_key_count_once_in_two_processes(
    mongo: MongoPlatform, second: MongoStore
) -> None:
    await mongo.store.commit(Insert(tally("usr_ann")))

    async def count(store: MongoStore, number: int) -> None:
        while True:
            now = await store.get(Tally, "usr_ann")
            assert now is not None
            changed = Update(now.but(version=now.version + 1, count=now.count + 1))
            try:
                await store.commit(
                    changed,
                    Seen("counter", f"evt_{number // 2}"),
                    Remember("usr_ann", f"k{number // 2}", "count", b""),
                )
            except Conflict:
                continue
            except (AlreadySeen, KeyTaken):
                pass
            return

    stores = [mongo.store, second]
    await asyncio.gather(*[count(stores[number % 2], number) for number in range(24)])
    assert await second.get(Tally, "usr_ann") == tally("usr_ann", 12, 13)


@pytest.mark.parametrize("bad", ["\ud800", 1 << 70], ids=["half a character", "too large"])
async def test_what_cannot_be_stored_hurts_nobody_beside_it(mongo: MongoPlatform, bad: Any) -> None:
    good = [pot() for _ in range(30)]
    field = "name" if isinstance(bad, str) else "rank"
    commits = [mongo.store.commit(Insert(entity)) for entity in good]
    commits.insert(7, mongo.store.commit(Insert(pot(**{field: bad}))))
    commits.insert(15, mongo.store.commit(Insert(pot(**{field: bad})), Insert(tally("usr_ann"))))
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert [place for place, outcome in enumerate(outcomes) if outcome is not None] == [7, 15]
    assert len(await mongo.store.get_many(Pot, [entity.id for entity in good])) == 30
    assert await mongo.store.get(Tally, "usr_ann") is None


async def test_gets_of_one_tick_are_one_find(mongo: MongoPlatform) -> None:
    pots = [pot() for _ in range(40)]
    await mongo.store.commit(*[Insert(entity) for entity in pots])
    asked: list[Any] = []
    shelf = mongo.store._shelves[Pot]
    find, find_one = shelf.bucket.find, shelf.bucket.find_one

    class Counted:
        def find(self, *args: Any, **options: Any) -> Any:
            asked.append(args[0])
            return find(*args, **options)

        def find_one(self, *args: Any, **options: Any) -> Any:
            asked.append(args[0])
            return find_one(*args, **options)

    shelf.bucket = Counted()  # type: ignore[assignment] # counts, and passes on
    found = await asyncio.gather(*[mongo.store.get(Pot, entity.id) for entity in pots * 2])
    assert found == pots * 2
    assert len(asked) == 1
