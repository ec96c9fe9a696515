"""Consumers of the sample's event, as the bus's suites need them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from runtime.ports import Consumer, Delivery, Emit, Insert, Store, Update
from runtime.problem import Unavailable
from tests.ports.platforms import Platform
from tests.ports.sample import CHANNEL, OPENED, PotOpened, Tally, pot, tally

Batch = Sequence[Delivery[PotOpened]]
Handle = Callable[[Batch], Awaitable[None]]


def consumer(handle: Handle, name: str = "counter", **options: Any) -> Consumer:
    options = {"channel": CHANNEL, "types": frozenset({OPENED}), **options}
    if isinstance(handle, Counting):
        options["seen"] = partial(handle.store.seen, name)
    return Consumer(name=name, service="pot", decode=PotOpened.decode, handle=handle, **options)


async def open_pots(store: Store, *owners: str) -> list[str]:
    """Commits a pot and its event for each owner, one after the other; answers the pots' ids."""
    ids = []
    for owner in owners:
        entity = pot(owner_id=owner)
        await store.commit(Insert(entity), Emit(PotOpened(entity.id, owner)))
        ids.append(entity.id)
    return ids


class Counting:
    """A consumer as handlers are written: counts each owner's pots, exactly."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.handed: list[list[str]] = []

    async def __call__(self, batch: Batch) -> None:
        self.handed.append([delivery.event.pot_id for delivery in batch])
        owner = batch[0].event.owner_id
        assert {delivery.event.owner_id for delivery in batch} == {owner}
        before = await self.store.get(Tally, owner)
        if before is None:
            change: Insert | Update = Insert(tally(owner, len(batch)))
        else:
            after = before.but(version=before.version + 1, count=before.count + len(batch))
            change = Update(after)
        await self.store.commit(change, *[delivery.seen for delivery in batch])


class Recorder:
    """Notes what it is handed; fails as often as it is told to."""

    def __init__(self, fails: dict[str, int] | None = None, error: Exception | None = None) -> None:
        self.applied: list[str] = []
        self.attempts: list[tuple[str, int]] = []
        self.fails = fails or {}
        self.error = error or Unavailable("not now")

    async def __call__(self, batch: Batch) -> None:
        for delivery in batch:
            self.attempts.append((delivery.event.pot_id, delivery.attempt))
        for delivery in batch:
            if self.fails.get(delivery.event.pot_id, 0) > 0:
                if len(batch) == 1:
                    self.fails[delivery.event.pot_id] -= 1
                raise self.error
        self.applied += [delivery.event.pot_id for delivery in batch]


async def drained(platform: Platform) -> None:
    """Waits until all is delivered, also what is retried: turns the clock until nothing changes."""
    for _ in range(30):
        assert await platform.bus.drained()
        platform.clock.turn(timedelta(seconds=60))
        platform.wake()
    assert await platform.bus.drained()
