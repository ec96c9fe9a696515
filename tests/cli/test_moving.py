"""What a move does with stores that no command can bring about: broken, lying, left halfway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from commands.moving import Differs, Inhabited, Side, Tally, move, ordered, page_rows
from generated.models import Customer, Role, TaskRecord, UserRecord
from runtime.inspection import KeyRecords
from runtime.ports import Change, Delete, Insert, Page, Query, Store, Update
from tests.cli.copies import opened, quiet, side, stocked, tallies

pytestmark = pytest.mark.anyio


@dataclass
class Other:
    """A side of which one service's store is replaced."""

    side: Side
    service: str
    store: Store

    @property
    def name(self) -> str:
        return "another"

    @property
    def stores(self) -> Mapping[str, Store]:
        return {**self.side.stores, self.service: self.store}

    @property
    def keys(self) -> KeyRecords:
        return self.side.keys


class Worn:
    """A store that passes everything on, but for what a test makes of it."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


class Broken(Worn):
    """Is gone after so many commits."""

    left = 2

    async def commit(self, *changes: Change) -> None:
        if not self.left:
            raise ConnectionError
        self.left -= 1
        await self.store.commit(*changes)


class Forgetful(Worn):
    """Keeps one entity less than it is told to."""

    async def page(self, kind: type[Any], query: Query) -> Page[Any]:
        page = await self.store.page(kind, query)
        return Page(page.items[:-1], page.more) if kind is Customer else page


class Careless(Worn):
    """Keeps a name a little wrong."""

    async def commit(self, *changes: Change) -> None:
        await self.store.commit(
            *(
                Insert(change.entity.but(name="Somebody "))
                if isinstance(change, Insert) and isinstance(change.entity, Customer)
                else change
                for change in changes
            )
        )


async def test_an_unfinished_copy_is_brought_to_what_the_source_holds_now(tmp_path: Path) -> None:
    async with opened(tmp_path / "one") as one, opened(tmp_path / "two") as two:
        customers = one.stores["customer"]
        made = await stocked(customers, 2000)
        broken = Other(side(two), "customer", cast(Store, Broken(two.stores["customer"])))
        with pytest.raises(ConnectionError):
            await move(side(one), broken, since=0, resume=False, progress=quiet)
        assert (await two.stores["customer"].page(Customer, Query())).items
        # Meanwhile the source went on: one changed, one is gone, one is new.
        changed, gone = made[0], made[1]
        await customers.commit(
            Update(changed.but(name="Else", version=changed.version + 1)), Delete(gone)
        )
        await stocked(customers, 1)
        await move(side(one), side(two), since=0, resume=True, progress=quiet)
        assert await tallies(one) == await tallies(two)
        copy = await two.stores["customer"].get(Customer, changed.id)
        assert copy is not None
        assert (copy.name, copy.version) == ("Else", changed.version + 1)


@pytest.mark.parametrize("worn", [Forgetful, Careless])
async def test_a_store_that_does_not_keep_what_it_is_given_is_found_out(
    tmp_path: Path, worn: type[Worn]
) -> None:
    async with opened(tmp_path / "one") as one, opened(tmp_path / "two") as two:
        await stocked(one.stores["customer"], 10)
        lying = Other(side(two), "customer", cast(Store, worn(two.stores["customer"])))
        with pytest.raises(Differs, match=r"^customers: (9|10) of 10, checksum"):
            await move(side(one), lying, since=0, resume=False, progress=quiet)


async def test_a_copy_is_made_with_the_memory_of_a_page(tmp_path: Path) -> None:
    async with opened(tmp_path / "one") as one, opened(tmp_path / "two") as two:
        await stocked(one.stores["customer"], 3000)
        watched = Watched(two.stores["customer"])
        target = Other(side(two), "customer", cast(Store, watched))
        await move(side(one), target, since=0, resume=False, progress=quiet)
    assert max(watched.sizes) == 500
    # And few of what may be large: a task's result has a million characters.
    assert page_rows(TaskRecord) <= 16


class Watched(Worn):
    """Notes how much comes at once."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.sizes: list[int] = []

    async def commit(self, *changes: Change) -> None:
        self.sizes.append(len(changes))
        await self.store.commit(*changes)


def test_a_digest_knows_no_order_and_lets_nothing_cancel_out() -> None:
    rows = [("a", 1), ("b", 2), ("b", 2), ("c", None)]
    digests = set()
    for some in (rows, rows[::-1]):
        tally = Tally()
        for row in some:
            tally.add(row)
        digests.add((tally.count, tally.digest))
    assert len(digests) == 1
    # Two that are the same are not none.
    twice, none = Tally(), Tally()
    twice.add(("b", 2))
    twice.add(("b", 2))
    assert twice.digest != none.digest


def test_accounts_go_last_so_that_nobody_signs_in_to_half_a_copy() -> None:
    assert ordered()[-1].kind is UserRecord


async def test_servers_where_people_have_signed_up_since_are_left_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "one") as one, opened(tmp_path / "two") as two:
        await stocked(one.stores["customer"], 10)
        await two.auth.make_account("new@example.com", "New", "a password for tests", Role.USER)
        with pytest.raises(Inhabited, match="1 account"):
            await move(side(one), side(two), since=0, resume=True, progress=quiet)
        assert await two.auth.caller_of("new@example.com") is not None
        assert not (await two.stores["customer"].page(Customer, Query())).items
