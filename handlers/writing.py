"""The one optimistic read-modify-write: read, decide, commit against what was read, or again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from runtime.model import Entity
from runtime.ports import Change, Conflict, Store, Taken
from runtime.problem import NotFound, PreconditionFailed, VersionConflict

E = TypeVar("E", bound=Entity)
A = TypeVar("A")

# Attempts before the caller is told to try again.
ATTEMPTS = 8
# Seconds: writers that keep meeting part at random, for up to 4, 8, 16, … ms.
_PAUSE = 0.001


@dataclass(frozen=True, slots=True)
class Decided(Generic[A]):
    """What one attempt wants committed, and what the caller gets once it is."""

    answer: A
    changes: tuple[Change, ...]


def decided(answer: A, *changes: Change) -> Decided[A]:
    """`answer`, given once `changes` are committed, all or none. No changes: nothing is written."""
    return Decided(answer, changes)


async def pause_before(attempt: int) -> None:
    """Nothing before the first two attempts; then a random while, so that writers part."""
    if attempt > 1:
        await asyncio.sleep(random.uniform(0, _PAUSE * 2**attempt))  # noqa: S311 - no secret


async def persist(
    store: Store,
    decide: Callable[[], Awaitable[Decided[A]]],
    *,
    racing: tuple[type[Entity], ...] = (),
) -> A:
    """Commits what `decide` decides; where another wrote first, lets it read and decide again.

    `decide` must read all that it decides by, each time. Raises VersionConflict after 8 attempts,
    and what `decide` raises; Taken, AlreadySeen and KeyTaken pass through, but for Taken of a kind
    in `racing`: there another inserted first what both did not find.
    """
    names = {kind.__name__ for kind in racing}
    for attempt in range(ATTEMPTS):
        await pause_before(attempt)
        outcome = await decide()
        if not outcome.changes:
            return outcome.answer
        try:
            await store.commit(*outcome.changes)
        except Conflict:
            continue
        except Taken as taken:
            if taken.kind not in names:
                raise
            continue
        return outcome.answer
    raise VersionConflict("Others keep changing it; try again.", retry_after=1)


async def rewrite(
    store: Store,
    kind: type[E],
    id: str,
    decide: Callable[[E], Awaitable[Decided[A]]],
    *,
    if_version: int | None = None,
) -> A:
    """`persist` for one entity: `decide` gets its current state, which `if_version` must name.

    Write `await rewrite(self.store, Budget, id, change, if_version=call.if_version)` with a local
    `async def change(budget: Budget)` that ends in
    `return decided(after, Update(after), Emit(…), call.remember(after))`.
    Raises NotFound when it is gone, PreconditionFailed when it has another version.
    """

    async def attempt() -> Decided[A]:
        entity = await store.get(kind, id)
        if entity is None:
            raise NotFound(f"There is no such {kind.__name__.removesuffix('Record')}.")
        if if_version is not None and entity.version != if_version:
            raise PreconditionFailed(f"Its version is {entity.version} now.")
        return await decide(entity)

    return await persist(store, attempt)


class Turns:
    """Lets one writer at a time at what all must change, so that they do not meet at the store.

    A courtesy within this process: what holds across processes is the version check.
    """

    __slots__ = ("_turns",)

    def __init__(self) -> None:
        self._turns: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Waits for the turn at `key` and holds it: `async with turns.turn(id):`."""
        lock, users = self._turns.get(key) or (asyncio.Lock(), 0)
        self._turns[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._turns.pop(key)
            if users > 1:
                self._turns[key] = (lock, users - 1)
