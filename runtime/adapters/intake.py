"""From a broker's records to the consumers of one service and channel, and back.

Kafka and RabbitMQ differ in how a record is fetched, acknowledged and written; what happens in
between is here. A record is done when every consumer that takes its event has applied it or has it
put aside: as a message of its own, in the retries or the dead letters (records.py).
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from runtime import cloudevents
from runtime.adapters.clock import milliseconds
from runtime.adapters.lanes import Failed, Lanes, Letter, Parcel
from runtime.adapters.records import (
    ATTEMPTS,
    CONSUMER,
    DUE,
    EVENT,
    FAILED_AT,
    MOST_HEADERS,
    MOST_REASON,
    OURS,
    REASON,
    SERVICE,
    Aside,
    Record,
)
from runtime.ports import Clock, Consumer
from runtime.problem import Unavailable
from runtime.scalar import rfc3339

log = logging.getLogger("runtime.bus")


@dataclass(frozen=True, slots=True)
class Terms:
    """How a bus delivers: see EmbeddedBus. A failed event waits `first_delay` seconds, then twice
    as long each time up to `longest_delay`; 8 attempts span a minute, and outlive a restart.
    """

    hold: int = 1000
    most_lanes: int = 16
    patience: float = 60.0
    stop_within: float = 20.0
    first_delay: float = 0.5
    longest_delay: float = 30.0
    # Seconds for an answer of the broker.
    answer_within: float = 10.0


@dataclass(order=True, slots=True)
class _Waiting:
    due: int
    number: int
    lanes: Lanes = field(compare=False)
    parcel: Parcel = field(compare=False)


class Intake:
    """Hands one service's part of a channel to its consumers.

    `done` is called for a record that is done; `put_aside` writes a message to the broker, durably,
    and raises Unavailable. At most `hold` records should be given to `take` at once: `held` and
    `waiting` say how many it has, new ones and those that wait for their next attempt.
    """

    def __init__(
        self,
        channel: str,
        service: str,
        consumers: Sequence[Consumer],
        types: Mapping[str, str],
        clock: Clock,
        terms: Terms,
        *,
        done: Callable[[Record], None],
        put_aside: Callable[[Aside], Awaitable[None]],
    ) -> None:
        self.channel = channel
        self.service = service
        # Records that are not done: new ones, and those that were put aside before.
        self._fresh: set[Record] = set()
        self._again: set[Record] = set()
        self._types = types
        self._clock = clock
        self._terms = terms
        self._done = done
        self._put_aside = put_aside
        self._closed = asyncio.Event()
        self._lanes = {
            consumer.name: Lanes(
                consumer,
                most_lanes=terms.most_lanes,
                patience=terms.patience,
                settle=lambda consumer, parcel: self._settle(parcel.record),
                park=self._park,
                idle=lambda: None,
            )
            for consumer in consumers
        }
        self._numbers = 0
        self._due: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._giving_up: set[asyncio.Task[None]] = set()

    @property
    def held(self) -> int:
        """New records that are not done."""
        return len(self._fresh)

    @property
    def waiting(self) -> int:
        """Records of the retries that are not done."""
        return len(self._again)

    def take(self, record: Record) -> None:
        """Queues a record for its consumers. Never waits, and never fails: what cannot be read is
        given up.
        """
        takers = list(self._lanes.values())
        attempts = 0
        if record.again:
            self._again.add(record)
            # Who is not here any more takes nothing: the letter goes back to the others.
            takers = [lanes for lanes in takers if lanes.consumer.name == record.text(CONSUMER)]
            attempts = record.number(ATTEMPTS)
        else:
            self._fresh.add(record)
        try:
            envelope = cloudevents.read(record.body, record.headers, self.channel, record.key)
        except ValueError as error:
            self._give_up(record, record.place, takers, str(error))
            return
        if envelope.type not in self._types:
            self._give_up(record, envelope.id, takers, f"unknown type {envelope.type}")
            return
        takers = [lanes for lanes in takers if envelope.type in lanes.consumer.types]
        if record.again and not takers:
            reason = f"{self.service} has no such consumer of it"
            self._give_up(record, envelope.id, [], reason)
            return
        record.left = len(takers)
        if not takers:
            self._finish(record)
            return
        letter = Letter(envelope)
        due = record.number(DUE) if record.again else 0
        for lanes in takers:
            self._numbers += 1
            seq = None if record.again else self._numbers
            parcel = Parcel(letter, seq, attempts, doubtful=record.doubtful, record=record)
            if due and due > milliseconds(self._clock.now()):
                heapq.heappush(self._due, _Waiting(due, self._numbers, lanes, parcel))
                self._set_timer()
            else:
                lanes.put(parcel)

    def wake(self) -> None:
        """Looks at the clock: what is due is handed out again."""
        now = milliseconds(self._clock.now())
        while self._due and self._due[0].due <= now:
            waiting = heapq.heappop(self._due)
            waiting.lanes.put(waiting.parcel)
        self._set_timer()

    @property
    def quiet(self) -> bool:
        """Nothing runs, waits for its turn, or is being put aside; retries may wait."""
        return not self._giving_up and all(lanes.idle for lanes in self._lanes.values())

    def forget(self, lost: Callable[[Record], bool]) -> None:
        """Drops what has not begun of the `lost` records: another process has them now."""
        for records in (self._fresh, self._again):
            records.difference_update([record for record in records if lost(record)])
        for lanes in self._lanes.values():
            lanes.forget(lambda parcel: lost(parcel.record))
        self._due = [waiting for waiting in self._due if not lost(waiting.parcel.record)]
        heapq.heapify(self._due)
        self._set_timer()

    async def pause(self, within: float) -> None:
        """Waits until no consumer runs, for so many seconds."""
        await asyncio.gather(*(lanes.pause(within) for lanes in self._lanes.values()))

    async def stop(self) -> None:
        """Lets what runs finish, in its time, and then takes no more."""
        self._closed.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        within = self._terms.stop_within
        await asyncio.gather(*(lanes.stop(within) for lanes in self._lanes.values()))
        for task in self._giving_up:
            task.cancel()
        await asyncio.gather(*self._giving_up, return_exceptions=True)

    # --- out of the lanes -------------------------------------------------------------------------

    def _settle(self, record: Record) -> None:
        record.left -= 1
        if record.left == 0:
            self._finish(record)

    def _finish(self, record: Record) -> None:
        records = self._again if record.again else self._fresh
        if record in records:  # else another process has it now
            records.remove(record)
            self._done(record)

    def _give_up(self, record: Record, event: str, takers: Sequence[Lanes], reason: str) -> None:
        """What nobody can read is a dead letter of each that might have taken it."""
        names = [lanes.consumer.name for lanes in takers]
        # Of one that is gone: back to where it was.
        names = names or [record.text(CONSUMER)[:60] or self.service]
        attempts = record.number(ATTEMPTS) + 1
        failed = Failed(reason, final=True)
        log.error("%s given up by %s: %s", record.place, ", ".join(names), reason)

        async def give_up() -> None:
            for name in names:
                if not await self._away(name, record, event, attempts, failed, None):
                    return
            self._finish(record)

        task = asyncio.get_running_loop().create_task(give_up())
        self._giving_up.add(task)
        task.add_done_callback(self._giving_up.discard)

    async def _park(self, consumer: Consumer, parcel: Parcel, failed: Failed) -> None:
        """It waits in the broker for its next attempt, or is given up."""
        due: int | None = None
        if not failed.final and parcel.attempts < consumer.attempts:
            wait = self._terms.first_delay * 2.0 ** min(parcel.attempts - 1, 30)
            # Not exactly: what failed together need not come back together.
            wait = min(self._terms.longest_delay, wait) * random.uniform(0.75, 1.25)  # noqa: S311 # nosec B311 # guards no secret
            due = milliseconds(self._clock.now()) + round(wait * 1000)
        else:
            log.error("%s gave up %s: %s", consumer.name, parcel.envelope.id, failed.reason)
        record, attempts = parcel.record, parcel.attempts
        if await self._away(consumer.name, record, parcel.envelope.id, attempts, failed, due):
            self._settle(record)

    async def _away(
        self,
        consumer: str,
        record: Record,
        event: str,
        attempts: int,
        failed: Failed,
        due: int | None,
    ) -> bool:
        """Writes it to the broker, however long that takes; False when stopped before."""
        headers = {
            name: record.text(name)
            for name in list(record.headers)[:MOST_HEADERS]
            if name not in OURS
        }
        headers |= {
            CONSUMER: consumer,
            SERVICE: self.service,
            EVENT: (record.again and record.text(EVENT)) or event,
            # No half of a character, which could not be kept.
            REASON: failed.reason[:MOST_REASON].encode("utf-8", "replace").decode(),
            ATTEMPTS: str(attempts),
            FAILED_AT: rfc3339(self._clock.now()),
        }
        if due is not None:
            headers[DUE] = str(due)
        aside = Aside(record.body, headers, record.key, due is not None)
        delay = self._terms.first_delay
        while True:
            try:
                await self._put_aside(aside)
            except Unavailable:
                # Neither can it be put aside: this lane waits, and a stop leaves it where it was.
                try:
                    await asyncio.wait_for(self._closed.wait(), delay)
                except TimeoutError:
                    delay = min(self._terms.longest_delay, delay * 2)
                    continue
                return False
            return True

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due and not self._closed.is_set():
            wait = (self._due[0].due - milliseconds(self._clock.now())) / 1000
            self._timer = asyncio.get_running_loop().call_later(max(0.0, wait), self.wake)
