"""When parked events come back: a timer for the next one due, and few of each consumer at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from runtime.adapters.clock import milliseconds
from runtime.adapters.sqlite.outbox import Outbox
from runtime.ports import Clock, Envelope

# Retries of one consumer in memory at once; more wait in their table.
MOST_RETRIES = 20


class Retries:
    """Knows which consumers may have something due. `come_back` asks for a call of `look`."""

    def __init__(self, outbox: Outbox, clock: Clock, come_back: Callable[[], None]) -> None:
        self._outbox = outbox
        self._clock = clock
        self._come_back = come_back
        # On their way again, by consumer.
        self._under_way: dict[str, set[str]] = {}
        self._suspects: set[str] = set()
        # When each consumer has the next one due, in ms.
        self._next: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def suspect(self, names: Iterable[str]) -> None:
        """These consumers may have something due that no timer is set for."""
        self._suspects.update(names)

    def ended(self, name: str, event_id: str) -> None:
        """A retry has been settled or parked anew."""
        self._under_way[name].discard(event_id)
        self._suspects.add(name)

    def look(self) -> Iterator[tuple[str, int, Envelope]]:
        """What is due and not under way: consumer, attempts so far, event. Raises Unavailable."""
        if not self._suspects:
            return
        now = milliseconds(self._clock.now())
        for name in list(self._suspects):
            under_way = self._under_way.setdefault(name, set())
            if len(under_way) < MOST_RETRIES:
                for attempts, envelope in self._outbox.due(name, now, MOST_RETRIES):
                    if envelope.id not in under_way and len(under_way) < MOST_RETRIES:
                        under_way.add(envelope.id)
                        yield name, attempts, envelope
            self._next.pop(name, None)
            due = self._outbox.next_due(name, now)
            if due is not None:
                self._next[name] = due
            self._suspects.discard(name)
        self.close()
        if self._next:
            wait = (min(self._next.values()) - now) / 1000
            self._timer = asyncio.get_running_loop().call_later(wait, self._ring)

    def close(self) -> None:
        """Ends the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        first = min(self._next.values())
        self._suspects.update(name for name, due in self._next.items() if due <= first)
        self._come_back()
