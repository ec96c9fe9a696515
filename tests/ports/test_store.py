"""The promises of the port Store."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from runtime.ports import (
    AlreadySeen,
    Conflict,
    Delete,
    Insert,
    KeyTaken,
    Query,
    Remember,
    Remembered,
    Seen,
    Store,
    Taken,
    Update,
    Where,
)
from tests.ports.platforms import Platform
from tests.ports.sample import Mood, Pot, Tally, pot, tally

pytestmark = pytest.mark.anyio


def record(key: str = "k1", caller: str = "usr_ann", answer: Any = "1") -> Remember:
    return Remember(
        caller, key, "openPot", b"fingerprint", answer, encode=lambda answer: str(answer).encode()
    )


async def names(store: Store, member: str) -> list[str]:
    page = await store.page(Pot, Query(where=(Where("visible_to", "has", member),)))
    return sorted(item.name for item in page.items)


async def test_an_entity_comes_back_as_it_was(platform: Platform) -> None:
    before = pot(
        name="Ünïcödé ☂",
        limit=Decimal("1234567890.12"),
        currency="KWD",
        mood=Mood.WILD,
        closed_on=date(2027, 1, 31),
        rank=-3,
        members=["usr_bob", "usr_cyd"],
    ).but(limit=Decimal("1234567890.125"))
    await platform.store.commit(Insert(before))
    assert await platform.store.get(Pot, before.id) == before
    await platform.close()
    await platform.open()
    after = await platform.store.get(Pot, before.id)
    assert after == before
    assert after is not None
    assert str(after.limit) == "1234567890.125"


async def test_an_entity_that_was_elsewhere_keeps_its_version_and_goes_on_from_it(
    store: Store,
) -> None:
    moved = pot().but(version=41)
    await store.commit(Insert(moved))
    assert await store.get(Pot, moved.id) == moved
    await store.commit(Update(moved.but(version=42, name="later")))
    with pytest.raises(Conflict):
        await store.commit(Update(moved.but(version=2)))


async def test_what_is_not_there_is_none(store: Store) -> None:
    assert await store.get(Pot, "pot_none") is None
    assert await store.find(Pot, owner_id="usr_ann", name="none") is None
    assert await store.get_many(Pot, ["pot_none"]) == {}
    assert await store.get_many(Pot, []) == {}


async def test_an_id_of_another_kind_is_not_there(store: Store) -> None:
    await store.commit(Insert(tally("usr_ann")))
    assert await store.get(Pot, "usr_ann") is None


async def test_a_commit_that_returned_is_read(store: Store) -> None:
    entity = pot()
    await store.commit(Insert(entity))
    for version in range(2, 6):
        entity = entity.but(version=version, rank=version)
        await store.commit(Update(entity))
        assert await store.get(Pot, entity.id) == entity
        assert await store.find(Pot, owner_id=entity.owner_id, name=entity.name) == entity
        assert (await store.get_many(Pot, [entity.id]))[entity.id] == entity
        assert (await store.page(Pot, Query())).items == [entity]
    await store.commit(Delete(entity))
    assert await store.get(Pot, entity.id) is None
    assert (await store.page(Pot, Query())).items == []


async def test_many_come_by_id_those_that_exist(store: Store) -> None:
    pots = [pot() for _ in range(700)]
    await store.commit(*[Insert(entity) for entity in pots])
    ids = [entity.id for entity in pots]
    found = await store.get_many(Pot, [*ids, "pot_none", ids[0]])
    assert found == {entity.id: entity for entity in pots}


async def test_many_come_whether_or_not_they_were_read_before(platform: Platform) -> None:
    pots = [pot() for _ in range(5)]
    await platform.store.commit(*[Insert(entity) for entity in pots])
    await platform.close()
    await platform.open()
    await platform.store.get(Pot, pots[3].id)
    found = await platform.store.get_many(Pot, [entity.id for entity in pots])
    assert list(found.values()) == pots


async def test_an_entity_handed_out_cannot_be_changed(store: Store) -> None:
    entity = pot()
    await store.commit(Insert(entity))
    found = await store.get(Pot, entity.id)
    assert found is not None
    with pytest.raises(ValueError, match="frozen"):
        found.rank = 9  # type: ignore[misc] # that is the point


async def test_a_commit_of_nothing_is_none(store: Store) -> None:
    await store.commit()
    await store.commit(None, None)


async def test_all_changes_of_a_commit_are_written_or_none(store: Store) -> None:
    taken = pot(name="taken")
    await store.commit(Insert(taken))
    fresh, other = pot(), tally("usr_ann")
    with pytest.raises(Taken):
        await store.commit(
            Insert(fresh),
            Insert(other),
            Update(taken.but(version=2)),
            Seen("counter", "evt_1"),
            record(),
            Insert(pot(name="taken")),
        )
    assert await store.get(Pot, fresh.id) is None
    assert await store.get(Tally, other.id) is None
    assert await store.get(Pot, taken.id) == taken
    assert await store.recall("usr_ann", "k1") is None
    assert await names(store, "usr_ann") == ["taken"]
    await store.commit(Seen("counter", "evt_1"))


@pytest.mark.parametrize("version", [0, 1, 3, 4])
async def test_an_update_needs_the_version_before(store: Store, version: int) -> None:
    entity = pot()
    await store.commit(Insert(entity))
    stored = entity.but(version=2)
    await store.commit(Update(stored))
    if version == 3:
        await store.commit(Update(entity.but(version=version)))
        return
    with pytest.raises(Conflict) as refused:
        await store.commit(Update(entity.but(version=version)))
    assert (refused.value.kind, refused.value.id) == ("Pot", entity.id)
    assert await store.get(Pot, entity.id) == stored


async def test_a_delete_needs_the_stored_version(store: Store) -> None:
    entity = pot()
    await store.commit(Insert(entity))
    await store.commit(Update(entity.but(version=2)))
    with pytest.raises(Conflict):
        await store.commit(Delete(entity))
    await store.commit(Delete(entity.but(version=2)))
    for change in (Delete(entity.but(version=2)), Update(entity.but(version=3))):
        with pytest.raises(Conflict):
            await store.commit(change)


async def test_a_uniqueness_constraint_names_its_fields(store: Store) -> None:
    first, second = pot(name="one"), pot(name="two")
    await store.commit(Insert(first), Insert(second))
    for change in (Insert(pot(name="one")), Update(second.but(version=2, name="one"))):
        with pytest.raises(Taken) as refused:
            await store.commit(change)
        assert (refused.value.kind, refused.value.fields) == ("Pot", ("owner_id", "name"))
    with pytest.raises(Taken) as refused:
        await store.commit(Insert(pot(id=first.id)))
    assert refused.value.fields == ("id",)
    # What is gone takes nothing.
    await store.commit(Delete(first))
    await store.commit(Insert(pot(name="one")))


async def test_an_event_is_applied_once(store: Store) -> None:
    await store.commit(Insert(tally("usr_ann")), Seen("counter", "evt_1"))
    with pytest.raises(AlreadySeen):
        await store.commit(Update(tally("usr_ann", 1, version=2)), Seen("counter", "evt_1"))
    assert await store.get(Tally, "usr_ann") == tally("usr_ann")
    # Whatever else speaks against it: that it was applied is what its consumer must know.
    with pytest.raises(AlreadySeen):
        await store.commit(Update(tally("usr_ann", 1, version=7)), Seen("counter", "evt_1"))
    # Another consumer, or another event, is another matter.
    await store.commit(Seen("indexer", "evt_1"), Seen("counter", "evt_2"))
    assert await store.seen("counter", ["evt_1", "evt_2", "evt_3"]) == {"evt_1", "evt_2"}
    assert await store.seen("counter", []) == set()
    assert await store.seen("stranger", ["evt_1"]) == set()


async def test_an_answer_is_remembered_with_its_commit(platform: Platform) -> None:
    store = platform.store
    await store.commit(Insert(pot()), record(answer="first"))
    remembered = Remembered("openPot", b"fingerprint", b"first")
    assert await store.recall("usr_ann", "k1") == remembered
    with pytest.raises(KeyTaken):
        await store.commit(Insert(pot()), record(answer="second"))
    assert await store.recall("usr_ann", "k1") == remembered
    assert len((await store.page(Pot, Query())).items) == 1
    # The key is the caller's own, in this service.
    assert await store.recall("usr_bob", "k1") is None
    assert await platform.other.recall("usr_ann", "k1") is None
    await store.commit(record(caller="usr_bob"))
    await platform.other.commit(record())


async def test_an_answer_is_remembered_for_a_day(platform: Platform) -> None:
    await platform.store.commit(record(answer="first"))
    platform.clock.turn(timedelta(hours=24))
    assert await platform.store.recall("usr_ann", "k1") is not None
    platform.clock.turn(timedelta(milliseconds=1))
    assert await platform.store.recall("usr_ann", "k1") is None
    await platform.store.commit(record(answer="second"))
    remembered = await platform.store.recall("usr_ann", "k1")
    assert remembered is not None
    assert remembered.answer == b"second"


async def test_a_set_index_follows_its_entity(store: Store) -> None:
    entity = pot(name="it", members=["usr_bob", "usr_bob", "usr_cyd"])
    await store.commit(Insert(entity))
    assert await names(store, "usr_bob") == await names(store, "usr_cyd") == ["it"]
    entity = entity.but(version=2, members=["usr_cyd", "usr_dot"])
    await store.commit(Update(entity))
    assert await names(store, "usr_bob") == []
    assert await names(store, "usr_cyd") == await names(store, "usr_dot") == ["it"]
    # A refused update leaves the sets as they were.
    with pytest.raises(Conflict):
        await store.commit(Update(entity.but(members=["usr_eve"])))
    assert await names(store, "usr_eve") == []
    # Two changes in one commit: the last counts.
    await store.commit(
        Update(entity.but(version=3, members=[])),
        Update(entity.but(version=4, members=["usr_fay"])),
    )
    assert await names(store, "usr_fay") == ["it"]
    await store.commit(Delete(entity.but(version=4)))
    assert await names(store, "usr_ann") == await names(store, "usr_fay") == []
