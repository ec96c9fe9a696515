"""What `budget-manager dead-letters list|show|replay` does, over any bus."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from runtime.ports import Bus, DeadLetter

# Characters of a letter's data that are shown where it is no JSON.
_MOST_SHOWN = 2000


async def listed(bus: Bus, consumer: str | None = None) -> list[dict[str, Any]]:
    """The letters, the oldest first: consumer, id, type, subject, attempts, reason and at; nothing
    of their data. Raises Unavailable.
    """
    letters = await bus.dead_letters()
    return [_row(letter) for letter in letters if consumer in (None, letter.consumer)]


async def shown(bus: Bus, consumer: str, event_id: str) -> dict[str, Any] | None:
    """One letter with its data, which may be anybody's; None without it. Raises Unavailable."""
    for letter in await bus.dead_letters():
        if (letter.consumer, letter.envelope.id) == (consumer, event_id):
            envelope = letter.envelope
            more = {"channel": envelope.channel, "key": envelope.key, "time": envelope.time}
            return _row(letter) | more | {"data": _data(envelope.data)}
    return None


async def replayed(
    bus: Bus, consumer: str | None = None, event_ids: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Delivers letters again: a consumer's, or all; of these ids, or all. Answers which were.
    Raises Unavailable.
    """
    done: list[dict[str, Any]] = []
    for letter in await bus.dead_letters():
        wanted = consumer in (None, letter.consumer)
        if (
            wanted
            and (not event_ids or letter.envelope.id in event_ids)
            and await bus.replay(letter.consumer, letter.envelope.id)
        ):
            done.append(_row(letter))
    return done


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "consumer": letter.consumer,
        "id": letter.envelope.id,
        "type": letter.envelope.type or "(unreadable)",
        "subject": letter.envelope.subject,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "at": letter.at,
    }


def _data(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data[:_MOST_SHOWN].decode("utf-8", "backslashreplace")
