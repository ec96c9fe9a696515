"""Empties outboxes into a bus: what a store has committed is published, at least once, in order."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from runtime.ports import Clock, Envelope, Outbox
from runtime.problem import Unavailable
from runtime.scalar import instant

log = logging.getLogger("runtime.relay")

# Events in one batch.
_MOST = 200
# Seconds after which an outbox is looked at unasked: other processes write into it too.
_POLL = 1.0
_FIRST_DELAY = 0.2
_LONGEST_DELAY = 10.0

Publish = Callable[[Sequence[Envelope]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the metrics show: events that were taken and are not published yet (200 an outbox at
    most), and the seconds since the oldest of them happened.
    """

    events: int
    age: float


class Relay:
    """One lane an outbox, each with one batch under way, so that order holds within a key.

    A batch is published, and then cleared: a crash between the two publishes it again, and
    consumers know by its id. Where either side fails, the same events are taken again, later and
    later, and fewer at once: they may have been too much for it.
    """

    def __init__(
        self,
        outboxes: Mapping[str, Outbox],
        publish: Publish,
        clock: Clock,
        *,
        most: int = _MOST,
        poll: float = _POLL,
        first_delay: float = _FIRST_DELAY,
        longest_delay: float = _LONGEST_DELAY,
        stop_within: float = 20.0,
    ) -> None:
        """`outboxes` by the name that the log calls them; `publish` returns when they are kept.

        A batch that still runs `stop_within` seconds after `stop` began is cancelled.
        """
        self._stop_within = stop_within
        self._lanes = [
            _Lane(name, outbox, publish, clock, most, poll, first_delay, longest_delay)
            for name, outbox in outboxes.items()
        ]

    def start(self) -> None:
        """Begins to empty them."""
        for lane in self._lanes:
            lane.start()

    async def stop(self) -> None:
        """Finishes the batches under way; the rest stays where it is."""
        await asyncio.gather(*(lane.stop(self._stop_within) for lane in self._lanes))

    async def drained(self, timeout: float = 10.0) -> bool:  # noqa: ASYNC109 # False, no exception
        """Waits until no outbox gives anything; False at the timeout.

        One that another process empties gives this one nothing.
        """
        try:
            async with asyncio.timeout(timeout):
                for lane in self._lanes:
                    await lane.emptied()
        except TimeoutError:
            return False
        return True

    def waiting(self) -> Waiting:
        """How much is on its way, and for how long."""
        return Waiting(
            sum(lane.waiting for lane in self._lanes),
            max((lane.age() for lane in self._lanes), default=0.0),
        )


class _Lane:
    """One outbox and the task that empties it."""

    def __init__(
        self,
        name: str,
        outbox: Outbox,
        publish: Publish,
        clock: Clock,
        most: int,
        poll: float,
        first_delay: float,
        longest_delay: float,
    ) -> None:
        self._name = name
        self._outbox = outbox
        self._publish = publish
        self._clock = clock
        self._most = most
        self._now = most
        self._poll = poll
        self._first_delay = first_delay
        self._longest_delay = longest_delay
        self._woken = asyncio.Event()
        self._looked = asyncio.Condition()
        # Looks that found nothing.
        self._empty = 0
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._end_listening: Callable[[], None] = lambda: None
        self._batch: Sequence[Envelope] = ()

    @property
    def waiting(self) -> int:
        return len(self._batch)

    def age(self) -> float:
        if not self._batch:
            return 0.0
        oldest = instant(self._batch[0].time)
        return max(0.0, (self._clock.now() - oldest).total_seconds())

    def start(self) -> None:
        self._stopping = False
        self._end_listening = self._outbox.on_emitted(self._woken.set)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self, within: float) -> None:
        if self._task is None:
            return
        self._end_listening()
        self._stopping = True
        self._woken.set()
        done, _ = await asyncio.wait([self._task], timeout=within)
        if not done:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def emptied(self) -> None:
        """Waits for a look that begins from now on and finds nothing."""
        async with self._looked:
            # The one under way may have begun before.
            wanted = self._empty + 2
            while self._empty < wanted:
                self._woken.set()
                await self._looked.wait()

    async def _run(self) -> None:
        delay = self._first_delay
        while not self._stopping:
            self._woken.clear()
            try:
                some = await self._once()
            except Exception as error:
                if not isinstance(error, Unavailable):
                    log.exception("the outbox of %s is not emptied", self._name)
                # Not all at the same time, as after a server's restart.
                await self._pause(delay * random.uniform(0.75, 1.25))  # noqa: S311 # nosec B311 # guards no secret
                delay = min(self._longest_delay, delay * 2)
                self._now = max(1, self._now // 4)
                continue
            delay = self._first_delay
            self._now = min(self._most, self._now * 2)
            if some:
                continue
            self._empty += 1
            async with self._looked:
                self._looked.notify_all()
            if not self._woken.is_set():
                await self._wake(self._poll)

    async def _once(self) -> bool:
        """Publishes a batch; whether there was one."""
        self._batch = batch = await self._outbox.take(self._now)
        if not batch:
            return False
        await self._publish(batch)
        await self._outbox.clear(batch)
        self._batch = ()
        return True

    async def _wake(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _pause(self, seconds: float) -> None:
        """Waits so long, or until it is to stop: news make a failing side no better."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._stopping and (left := until - loop.time()) > 0:
            self._woken.clear()
            await self._wake(left)
