"""A real broker's bus with the embedded outbox whose events it carries, as one bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from runtime.ports import Bus, Consumer, DeadLetter, Envelope, Outbox


class Relayed:
    """The port `Bus`: empties `outbox` into `bus` while it runs."""

    def __init__(self, bus: Bus, outbox: Outbox) -> None:
        self.inner = bus
        self._outbox = outbox
        self._turn = asyncio.Lock()
        self._emitted = asyncio.Event()
        self._end: Callable[[], None] | None = None
        self._relaying: asyncio.Task[None] | None = None

    async def start(self, consumers: Sequence[Consumer]) -> None:
        """Publishes what waits, and then begins to deliver."""
        await self.relay()
        self._end = self._outbox.on_emitted(self._emitted.set)
        self._relaying = asyncio.create_task(self._run())
        await self.inner.start(consumers)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Past the outbox."""
        await self.inner.publish(envelopes)

    async def drained(self, timeout: float = 20.0) -> bool:  # noqa: ASYNC109 # the port's
        """Until nothing is in the outbox after nothing is on its way."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            await self.relay()
            if not await self.inner.drained(max(0.01, until - loop.time())):
                return False
            if not await self._outbox.take(1):
                return True

    async def dead_letters(self) -> list[DeadLetter]:
        """The broker's."""
        return await self.inner.dead_letters()

    async def replay(self, consumer: str, event_id: str) -> bool:
        """From the broker's."""
        return await self.inner.replay(consumer, event_id)

    async def stop(self) -> None:
        """Stops both."""
        if self._relaying is not None:
            self._relaying.cancel()
            await asyncio.gather(self._relaying, return_exceptions=True)
        if self._end is not None:
            self._end()
            self._end = None
        await self.inner.stop()

    async def relay(self) -> None:
        """Publishes all there is."""
        async with self._turn:
            while envelopes := await self._outbox.take(500):
                await self.inner.publish(envelopes)
                await self._outbox.clear(envelopes)

    async def _run(self) -> None:
        while True:
            await self._emitted.wait()
            self._emitted.clear()
            await self.relay()
