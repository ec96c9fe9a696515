"""The embedded bus: from the outbox to the consumers of this process, without a broker.

The outbox is the queue: an event is committed with its entity, and deleted when every consumer has
applied it or has it parked. So a stop or a crash at any moment loses nothing, and a start goes on
where it was. A parcel that fails waits 0.2 s, then twice as long each time up to 30 s, with jitter,
while the later ones of its key go on: order holds within a key until a message is retried.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Collection, Sequence

from runtime.adapters.clock import milliseconds
from runtime.adapters.embedded_retries import Retries
from runtime.adapters.lanes import Failed, Lanes, Letter, Parcel
from runtime.adapters.sqlite.database import Database
from runtime.adapters.sqlite.outbox import Backlog, Outbox
from runtime.ports import Consumer, DeadLetter, Envelope
from runtime.problem import Unavailable
from runtime.scalar import instant, rfc3339

log = logging.getLogger("runtime.bus")

# Rows read at once: 1 ms of the event loop.
_READ = 200
# Dead letters in one answer.
_MOST_LISTED = 10_000


class EmbeddedBus:
    """Relays the outbox of one database; the port is `Bus`.

    At most `hold` events are in memory; a handler that runs longer than `patience` seconds has
    failed, and one that still runs so many seconds after `stop` began is cancelled. Delivery begins
    with `start`; without it, as in the command line, dead letters can be listed and replayed.
    `others`: channels whose events another bus carries; they are left in the outbox.
    """

    def __init__(
        self,
        database: Database,
        *,
        hold: int = 1000,
        most_lanes: int = 16,
        patience: float = 60.0,
        stop_within: float = 20.0,
        first_delay: float = 0.2,
        longest_delay: float = 30.0,
        others: Collection[str] = (),
    ) -> None:
        self._others = frozenset(others)
        self._clock = database.clock
        self._outbox = Outbox(database)
        self._database = database
        self._hold = hold
        self._most_lanes = most_lanes
        self._patience = patience
        self._stop_within = stop_within
        self._first_delay = first_delay
        self._longest_delay = longest_delay
        self._lanes: dict[str, Lanes] = {}
        self._routes: dict[tuple[str, str], tuple[Lanes, ...]] = {}
        # Consumers that an outbox row still waits for.
        self._left: dict[int, int] = {}
        self._read_to = 0
        # Rows up to here may be known to their consumers: they were there before the start.
        self._recover_to = 0
        self._retries = Retries(self._outbox, self._clock, self.nudge)
        self._finished: list[int] = []
        self._unparked: list[tuple[str, str]] = []
        self._clearing: asyncio.Task[None] | None = None
        self._pull_at: asyncio.TimerHandle | asyncio.Handle | None = None
        self._changed = asyncio.Event()
        self._end_listening: Callable[[], None]
        self._running = False
        self._stopped = asyncio.Event()

    async def start(self, consumers: Sequence[Consumer]) -> None:
        """Begins to deliver, first what an earlier run left. Raises ValueError for equal names."""
        for consumer in consumers:
            if consumer.name in self._lanes:
                raise ValueError(f"two consumers are called {consumer.name}")
            self._lanes[consumer.name] = Lanes(
                consumer,
                most_lanes=self._most_lanes,
                patience=self._patience,
                settle=self._settle,
                park=self._park,
                idle=self._changed.set,
            )
        self._recover_to = self._outbox.last()
        self._running = True
        self._end_listening = self._database.on_emitted(self.nudge)
        self.nudge(parked=True)

    def nudge(self, parked: bool = False) -> None:
        """Looks for what is new, and for what is due; the database calls it after commits."""
        if parked:
            self._retries.suspect(self._lanes)
        if self._running and self._pull_at is None:
            self._pull_at = asyncio.get_running_loop().call_soon(self._pull)

    async def stop(self) -> None:
        """Finishes the batches under way and stops; the rest stays in the outbox."""
        if self._running:
            self._end_listening()
        self._running = False
        self._stopped.set()
        self._retries.close()
        if self._pull_at is not None:
            self._pull_at.cancel()
            self._pull_at = None
        await asyncio.gather(*(lanes.stop(self._stop_within) for lanes in self._lanes.values()))
        if self._clearing is not None:
            await self._clearing

    async def drained(self, timeout: float = 10.0) -> bool:  # noqa: ASYNC109 # the port's
        """Waits until all is with its consumers, retries aside that wait for their time."""
        try:
            async with asyncio.timeout(timeout):
                while not self._quiet():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def dead_letters(self) -> list[DeadLetter]:
        """What was given up, the oldest first (10,000 at most)."""
        return self._outbox.dead(_MOST_LISTED)

    async def replay(self, consumer: str, event_id: str) -> bool:
        """Delivers a dead letter again, its attempts counted anew; False when there is none."""
        now = milliseconds(self._clock.now())
        found = await self._outbox.replay(consumer, event_id, now)
        self.nudge(parked=True)
        return found

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Takes events from another store's outbox; they are kept when it returns."""
        await self._outbox.add(envelopes)

    def backlog(self) -> Backlog:
        """How much waits, and for how long."""
        now = self._clock.now().timestamp()
        return self._outbox.backlog(now, lambda time: instant(time).timestamp())

    # --- from the outbox into the lanes -----------------------------------------------------------

    def _pull(self) -> None:
        """Reads on where there is room, and what is due; comes back when there is more."""
        self._pull_at = None
        if not self._running:
            return
        loop = asyncio.get_running_loop()
        try:
            room = min(_READ, self._hold - len(self._left))
            rows = self._outbox.after(self._read_to, room) if room > 0 else []
            for seq, envelope in rows:
                self._route(seq, envelope)
                self._read_to = seq
            for name, attempts, due in self._retries.look():
                self._lanes[name].put(Parcel(Letter(due), None, attempts))
        except Unavailable:
            self._pull_at = loop.call_later(1.0, self._pull)
            return
        if room > 0 and len(rows) == room:
            self._pull_at = loop.call_soon(self._pull)
        self._changed.set()

    def _route(self, seq: int, envelope: Envelope) -> None:
        if envelope.channel in self._others:
            return
        takers = self._routes.get((envelope.channel, envelope.type))
        if takers is None:
            takers = tuple(
                lanes
                for lanes in self._lanes.values()
                if lanes.consumer.channel == envelope.channel
                and envelope.type in lanes.consumer.types
            )
            if len(self._routes) < 1000:
                self._routes[envelope.channel, envelope.type] = takers
        doubtful = seq <= self._recover_to
        if doubtful:
            takers = tuple(
                lanes
                for lanes in takers
                if not self._outbox.parked(lanes.consumer.name, envelope.id)
            )
        if not takers:
            self._clear(seq)
            return
        self._left[seq] = len(takers)
        letter = Letter(envelope)
        for lanes in takers:
            lanes.put(Parcel(letter, seq, doubtful=doubtful))

    # --- from the lanes back ----------------------------------------------------------------------

    def _settle(self, consumer: Consumer, parcel: Parcel) -> None:
        """The consumer has applied it."""
        if parcel.seq is None:
            self._unparked.append((consumer.name, parcel.envelope.id))
            self._start_clearing()
        else:
            self._done(parcel.seq)

    async def _park(self, consumer: Consumer, parcel: Parcel, failed: Failed) -> None:
        """The consumer has not applied it: it waits for its next attempt, or is given up."""
        delay = self._first_delay
        while True:
            now = self._clock.now()
            wait = self._first_delay * 2.0 ** min(parcel.attempts - 1, 30)
            wait = min(self._longest_delay, wait)
            # Not exactly: what failed together need not come back together.
            wait *= random.uniform(0.75, 1.25)  # noqa: S311 # nosec B311 # guards no secret
            given_up = failed.final or parcel.attempts >= consumer.attempts
            due = None if given_up else milliseconds(now) + round(wait * 1000)
            try:
                await self._outbox.park(
                    consumer.name,
                    parcel.envelope,
                    parcel.attempts,
                    due,
                    failed.reason,
                    rfc3339(now),
                )
                break
            except Exception as error:
                # Neither can it be put aside: this lane waits, and a stop leaves it where it was.
                _note(error)
                if not await self._pause(delay):
                    return
                delay = min(self._longest_delay, delay * 2)
        if due is None:
            log.error("%s gave up %s: %s", consumer.name, parcel.envelope.id, failed.reason)
        if parcel.seq is not None:
            self._done(parcel.seq)
        else:
            self._retries.ended(consumer.name, parcel.envelope.id)
        self._retries.suspect([consumer.name])
        self.nudge()

    def _done(self, seq: int) -> None:
        """One consumer fewer waits for the row."""
        left = self._left[seq] - 1
        if left:
            self._left[seq] = left
        else:
            del self._left[seq]
            self._clear(seq)

    def _clear(self, seq: int) -> None:
        self._finished.append(seq)
        self._start_clearing()

    def _start_clearing(self) -> None:
        if self._clearing is None:
            self._clearing = asyncio.get_running_loop().create_task(self._clear_all())

    async def _clear_all(self) -> None:
        """Deletes what is done, all that came together in one commit."""
        delay = self._first_delay
        while self._finished or self._unparked:
            finished, self._finished = self._finished, []
            unparked, self._unparked = self._unparked, []
            try:
                await self._outbox.clear(finished, unparked)
            except Exception as error:
                _note(error)
                self._finished += finished
                self._unparked += unparked
                if not await self._pause(delay):
                    break
                delay = min(self._longest_delay, delay * 2)
                continue
            for name, event_id in unparked:
                self._retries.ended(name, event_id)
            self.nudge()
        self._clearing = None
        self._changed.set()

    async def _pause(self, seconds: float) -> bool:
        """Waits so long; False when the bus is stopped."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
        return self._running

    def _quiet(self) -> bool:
        if self._clearing is not None or self._pull_at is not None:
            return False
        if not all(lanes.idle for lanes in self._lanes.values()):
            return False
        try:
            return self._outbox.empty(self._others)
        except Unavailable:
            return False


def _note(error: Exception) -> None:
    """Why the outbox was not written; of Unavailable the storage has told."""
    if not isinstance(error, Unavailable):
        log.error("the outbox is not written", exc_info=error)
