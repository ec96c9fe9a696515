"""Applying events: effects and the marks that they are applied commit together, so each is once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from handlers.writing import ATTEMPTS, pause_before
from runtime.ports import Change, Conflict, Delivery, Store, Taken
from runtime.problem import VersionConflict

M = TypeVar("M")


async def apply_once(
    store: Store,
    batch: Sequence[Delivery[M]],
    decide: Callable[[Sequence[Delivery[M]]], Awaitable[Sequence[Change] | None]],
) -> None:
    """Commits what `decide` makes of the batch, each event once, however often it is delivered.

    `decide` reads all that it decides by, as it is asked again after a conflict. None: none of
    the events has an effect, however often it comes, and nothing is written; no changes: together
    they have none, and only that they were seen is written. Raises AlreadySeen where one of them
    was applied before: the bus hands over the others; VersionConflict after 8 attempts: it tries
    later.
    """
    for attempt in range(ATTEMPTS):
        await pause_before(attempt)
        changes = await decide(batch)
        if changes is None:
            return
        try:
            await store.commit(*changes, *(delivery.seen for delivery in batch))
        except (Conflict, Taken):
            continue
        return
    raise VersionConflict("Others keep changing it.")


def grouped(batch: Sequence[Delivery[Any]], key: Callable[[Any], str]) -> dict[str, list[Any]]:
    """The deliveries by the key of their event, in order."""
    groups: dict[str, list[Any]] = {}
    for delivery in batch:
        groups.setdefault(key(delivery.event), []).append(delivery)
    return groups
