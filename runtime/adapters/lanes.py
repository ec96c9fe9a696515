"""One consumer's work: lanes that run beside each other, each strictly in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from runtime.ports import AlreadySeen, Consumer, Delivery, Envelope, Seen
from runtime.problem import Problem
from runtime.trace import CURRENT

log = logging.getLogger("runtime.bus")


class Letter:
    """An envelope that several consumers share, and its event, which is read once."""

    __slots__ = ("_decode", "_event", "envelope")

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self._decode: Callable[[Envelope], Any] | None = None
        self._event: Any = None

    def event(self, decode: Callable[[Envelope], Any]) -> Any:
        """What `decode` makes of it. Raises what `decode` raises, each time."""
        if self._decode != decode:
            self._event = decode(self.envelope)
            self._decode = decode
        return self._event


@dataclass(slots=True, eq=False)
class Parcel:
    """An event on its way to one consumer. `seq`: its place in the bus; None for one that was
    parked. `doubtful`: it may have been applied before. `record`: a broker's, that it came in.
    """

    letter: Letter
    seq: int | None
    attempts: int = 0
    doubtful: bool = False
    record: Any = None

    @property
    def envelope(self) -> Envelope:
        """What is in the letter."""
        return self.letter.envelope


@dataclass(slots=True, eq=False)
class Lane:
    """The parcels of one key, in order."""

    key: str
    parcels: deque[Parcel] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a consumer did not take a parcel: `final`, trying again is useless; `slow`, no time."""

    reason: str
    final: bool = False
    slow: bool = False


Settle = Callable[[Consumer, Parcel], None]
Park = Callable[[Consumer, Parcel, Failed], Awaitable[None]]


class Lanes:
    """Hands parcels to a consumer: a lane a key (one for all where it is not keyed), some at once.

    Workers exist only while there is work. `settle` is called for what was applied, `park` for what
    was not, `idle` when a lane is empty. What is doubtful is looked up in the inbox first.
    """

    def __init__(
        self,
        consumer: Consumer,
        *,
        most_lanes: int,
        patience: float,
        settle: Settle,
        park: Park,
        idle: Callable[[], None],
    ) -> None:
        self.consumer = consumer
        self._most_lanes = most_lanes
        self._patience = patience
        self._settle = settle
        self._park = park
        self._idle = idle
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._working = 0
        self._closed = False

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing runs."""
        return not self._lanes

    def put(self, parcel: Parcel) -> None:
        """Queues a parcel behind the others of its key."""
        if self._closed:
            return
        key = parcel.envelope.key if self.consumer.keyed else ""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
            self._ready.append(lane)
            if self._working < self._most_lanes:
                self._working += 1
                worker = asyncio.get_running_loop().create_task(self._work())
                self._workers.add(worker)
                worker.add_done_callback(self._workers.discard)
        lane.parcels.append(parcel)

    def forget(self, lost: Callable[[Parcel], bool]) -> None:
        """Drops what waits and is `lost`: another process has it now. What runs goes on."""
        for lane in self._lanes.values():
            lane.parcels = deque(parcel for parcel in lane.parcels if not lost(parcel))

    async def pause(self, within: float) -> None:
        """Waits until nothing runs, for so many seconds."""
        if self._workers:
            await asyncio.wait(tuple(self._workers), timeout=within)

    async def stop(self, within: float) -> None:
        """Lets what runs finish, for so many seconds; what waits stays in the outbox."""
        self._closed = True
        workers = tuple(self._workers)
        try:
            if workers:
                await asyncio.wait(workers, timeout=within)
        finally:
            for worker in workers:
                worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self) -> None:
        try:
            while self._ready and not self._closed:
                lane = self._ready.popleft()
                if lane.parcels:
                    await self._deliver(self._batch(lane))
                if lane.parcels:
                    self._ready.append(lane)
                else:
                    del self._lanes[lane.key]
                    self._idle()
        finally:
            self._working -= 1

    def _batch(self, lane: Lane) -> list[Parcel]:
        """The next parcels; one that failed before goes alone, so that it harms no other again."""
        parcels = lane.parcels
        batch = [parcels.popleft()]
        if batch[0].seq is not None:
            while parcels and len(batch) < self.consumer.most and parcels[0].seq is not None:
                batch.append(parcels.popleft())
        return batch

    async def _deliver(self, batch: list[Parcel]) -> None:
        if any(parcel.doubtful for parcel in batch):
            fresh = await self._not_applied(batch)
            for parcel in batch:
                if parcel not in fresh:
                    self._settle(self.consumer, parcel)
            batch = fresh
        if len(batch) > 1:
            failed = await self._hand(batch)
            if failed is None:
                for parcel in batch:
                    self._settle(self.consumer, parcel)
                return
            if failed.slow:
                # One by one they might take as long each.
                for parcel in batch:
                    parcel.attempts += 1
                    await self._park(self.consumer, parcel, failed)
                return
        for parcel in batch:
            if self._closed and len(batch) > 1:
                return
            failed = await self._hand([parcel])
            if failed is None:
                self._settle(self.consumer, parcel)
            else:
                parcel.attempts += 1
                await self._park(self.consumer, parcel, failed)

    async def _hand(self, batch: list[Parcel]) -> Failed | None:
        """Calls the consumer; None when it has applied all, or had before."""
        name = self.consumer.name
        deliveries: list[Delivery[Any]] = []
        for parcel in batch:
            envelope = parcel.envelope
            try:
                event = parcel.letter.event(self.consumer.decode)
            except Exception as error:
                log.warning("%s cannot read %s: %s", name, envelope.id, type(error).__name__)
                return Failed(f"cannot be read: {type(error).__name__}", final=True)
            seen = Seen(name, envelope.id)
            deliveries.append(Delivery(event, seen, parcel.attempts + 1, envelope.traceparent))
        # What a batch does belongs to its first event's trace: there is one place for it.
        CURRENT.set(batch[0].envelope.traceparent)
        try:
            async with asyncio.timeout(self.consumer.patience or self._patience):
                await self.consumer.handle(deliveries)
        except AlreadySeen:
            return None if len(batch) == 1 else await self._hand_fresh(batch)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return Failed("CancelledError")
        except Problem as problem:
            log.warning("%s failed: %s: %s", name, type(problem).__name__, problem.detail)
            return Failed(f"{type(problem).__name__}: {problem.detail}")
        except TimeoutError:
            log.exception("%s took too long over %s", name, batch[0].envelope.id)
            return Failed("TimeoutError", slow=True)
        except Exception as error:
            # Its message may quote anything, so it goes to the log alone.
            log.exception("%s failed on %s", name, batch[0].envelope.id)
            return Failed(f"{type(error).__name__} (see the log)")
        return None

    async def _hand_fresh(self, batch: list[Parcel]) -> Failed | None:
        """Some of the batch were applied before: the others go on together."""
        fresh = await self._not_applied(batch)
        if len(fresh) == len(batch):
            return Failed("AlreadySeen")
        # Of the others one may be known meanwhile; alone it is told from the rest.
        return await self._hand(fresh) if fresh else None

    async def _not_applied(self, batch: list[Parcel]) -> list[Parcel]:
        """Those that the inbox does not know; all, where it cannot be asked."""
        try:
            known = await self.consumer.seen([parcel.envelope.id for parcel in batch])
        except Exception as error:
            log.warning("the inbox of %s: %s", self.consumer.name, type(error).__name__)
            return batch
        return [parcel for parcel in batch if parcel.envelope.id not in known]
