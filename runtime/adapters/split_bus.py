"""One bus of several: each channel has the one that carries it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from runtime.ports import Bus, Consumer, DeadLetter, Envelope


class SplitBus:
    """The port `Bus`: `buses` by channel, and `rest` for all other channels.

    `buses={"tasks": rabbitmq, "userEvents": kafka, …}`, `rest=embedded`: what has no server set
    stays embedded.
    """

    def __init__(self, buses: Mapping[str, Bus], rest: Bus) -> None:
        self._buses = dict(buses)
        self._rest = rest
        # Each once, in a fixed order.
        self._all = list(dict.fromkeys([*buses.values(), rest]))

    def of(self, channel: str) -> Bus:
        """The bus that carries a channel."""
        return self._buses.get(channel, self._rest)

    async def start(self, consumers: Sequence[Consumer]) -> None:
        """Each with the consumers of its channels. Raises ValueError for equal names."""
        names = [consumer.name for consumer in consumers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two consumers are called {name}")
        for bus in self._all:
            await bus.start([each for each in consumers if self.of(each.channel) is bus])

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Each by its channel's bus, those of a bus in order. Raises Unavailable, when some may be
        kept.
        """
        parts: dict[Bus, list[Envelope]] = {}
        for envelope in envelopes:
            parts.setdefault(self.of(envelope.channel), []).append(envelope)
        await asyncio.gather(*(bus.publish(part) for bus, part in parts.items()))

    async def drained(self, timeout: float = 10.0) -> bool:  # noqa: ASYNC109 # the port's
        """Waits until all are: also for what one of them caused on another."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        quiet = 0
        # Once more around than there are buses: what the last one caused on the first is seen.
        for bus in [*self._all, *self._all]:
            quiet += await bus.drained(max(0.0, until - loop.time()))
        return quiet == 2 * len(self._all)

    async def dead_letters(self) -> list[DeadLetter]:
        """Those of all, the oldest first. Raises Unavailable."""
        lists = [await bus.dead_letters() for bus in self._all]
        return sorted((letter for some in lists for letter in some), key=lambda letter: letter.at)

    async def replay(self, consumer: str, event_id: str) -> bool:
        """By the bus that has the letter; False when none has. Raises Unavailable."""
        for bus in self._all:
            if await bus.replay(consumer, event_id):
                return True
        return False

    async def stop(self) -> None:
        """All, beside each other."""
        await asyncio.gather(*(bus.stop() for bus in self._all))
