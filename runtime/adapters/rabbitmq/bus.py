"""The bus over RabbitMQ: quorum queues, confirms, and acknowledgements after the inbox.

A queue is one service's, as the contract has it (`is: queue`), and its processes share the work: so
order holds within a key as long as one process takes it. What a consumer fails on goes to
`{queue}.{service}.retries` with the time at which it is due, and what it gives up to the queue's
dead letters: each is confirmed before its message is acknowledged, so nothing is lost in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from aio_pika import connect
from aio_pika.abc import AbstractRobustConnection
from aio_pika.exceptions import AMQPError
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from faststream.rabbit.publisher.usecase import RabbitPublisher

from runtime.adapters.bounded import bounded
from runtime.adapters.intake import Terms
from runtime.adapters.rabbitmq.letters import letters_in
from runtime.adapters.rabbitmq.taker import KEY, Taker
from runtime.adapters.rabbitmq.wiring import Wiring, publisher, quorum, subscribe
from runtime.adapters.records import EVENT, SERVICE, Aside, dead_letter, replayed
from runtime.channels import Queue, retries
from runtime.cloudevents import STRUCTURED, structured
from runtime.ports import Clock, Consumer, DeadLetter, Envelope
from runtime.problem import Problem, Unavailable
from runtime.settings import SettingsError

log = logging.getLogger("runtime.bus")
T = TypeVar("T")

_OPEN_WITHIN = 10.0
_LEAVE_WITHIN = 5.0
# Seconds without a sign of life after which the connection is made anew: aio-pika's own is 60.
_HEARTBEAT = 15
_BROKEN = (TimeoutError, AMQPError, OSError, RuntimeError)


class RabbitmqBus:
    """The port `Bus`, and `Health`. `prefix` is put before each queue's name.

    Delivery begins with `start`; without it, events can be published, and dead letters listed and
    replayed.
    """

    name = "rabbitmq"

    def __init__(
        self, url: str, wiring: Wiring, *, clock: Clock, terms: Terms, prefix: str
    ) -> None:
        """Use `open`."""
        self._wiring = wiring
        self._clock = clock
        self._terms = terms
        self._prefix = prefix
        self._takers: dict[tuple[str, str], Taker] = {}
        self._publishers: dict[str, RabbitPublisher] = {}
        self._reading = asyncio.Lock()
        self._stopped = False
        self._connection: AbstractRobustConnection
        self._url = _with_heartbeat(url)
        self._broker = RabbitBroker(
            self._url,
            # A message that no queue takes is an error, and not kept silently nowhere.
            default_channel=Channel(on_return_raises=True),
            apply_types=False,
            logger=None,
        )

    @classmethod
    async def open(
        cls,
        url: str,
        wiring: Wiring,
        *,
        clock: Clock,
        terms: Terms | None = None,
        prefix: str = "",
    ) -> RabbitmqBus:
        """Connected, with all queues declared. Raises SettingsError, naming RABBITMQ_URL."""
        bus = cls(url, wiring, clock=clock, terms=terms or Terms(), prefix=prefix)
        try:
            # The client that comes back by itself never ends, once begun, where it got no answer:
            # so the server is asked by one that gives up.
            probe = await bounded(connect(bus._url), _OPEN_WITHIN)
            await bounded(probe.close(), _OPEN_WITHIN)
            await bounded(bus._connect(), _OPEN_WITHIN)
        except _BROKEN as error:
            await bus._disconnect()
            why = f"does not answer within {_OPEN_WITHIN:.0f} s"
            if not isinstance(error, TimeoutError):
                why = f"cannot be used ({type(error).__name__})"
            raise SettingsError([f"RABBITMQ_URL: the broker {why}"]) from None
        except BaseException:
            await bus._disconnect()
            raise
        return bus

    async def _connect(self) -> None:
        self._connection = await self._broker.connect()
        self._wiring.publishers(self._publish_to)
        # Dead letters first, so that none can have nowhere to go.
        for queue in sorted(self._wiring.queues.values(), key=lambda queue: queue.dead_letters):
            await self._broker.declare_queue(self._quorum(queue.address, queue.dead_letters))

    def _quorum(self, address: str, dead_letters: str) -> RabbitQueue:
        return quorum(self._prefix + address, dead_letters and self._prefix + dead_letters)

    def _publish_to(self, channel: str, description: str, message: Any) -> None:
        queue = self._wiring.queues[channel]
        declared = publisher(self._broker, queue, self._prefix, description, message)
        self._publishers[channel] = declared

    async def start(self, consumers: Sequence[Consumer]) -> None:
        """Begins to deliver. Raises ValueError for equal names, and Unavailable."""
        names = [consumer.name for consumer in consumers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two consumers are called {name}")
        of: dict[tuple[str, str], list[Consumer]] = {}
        for consumer in consumers:
            if consumer.channel in self._wiring.queues:
                of.setdefault((consumer.channel, consumer.service), []).append(consumer)
        self._takers = {
            (channel, service): Taker(
                self._wiring.queues[channel],
                service,
                some,
                self._clock,
                self._terms,
                self._put_aside,
            )
            for (channel, service), some in of.items()
        }
        self._wiring.subscribers(self._subscribe)
        for subscriber in self._broker.subscribers:
            await self._bounded(subscriber.start())

    def _subscribe(self, channel: str, service: str, message: Any) -> None:
        taker = self._takers.get((channel, service))
        if taker is None:
            return
        dead_letters = taker.queue.dead_letters
        for address in (taker.queue.address, taker.again):
            queue = self._quorum(address, dead_letters)
            subscribe(self._broker, queue, taker, self._terms.hold, message)

    async def stop(self) -> None:
        """Finishes the batches under way, acknowledges them, and leaves; within some seconds more
        than `stop_within`.
        """
        if self._stopped:
            return
        self._stopped = True
        try:
            leaving = _all(taker.stop() for taker in self._takers.values())
            await bounded(leaving, self._terms.stop_within + _LEAVE_WITHIN)
        except TimeoutError:
            log.warning("rabbitmq: not all that was done could be acknowledged")
        await self._disconnect()

    async def _disconnect(self) -> None:
        try:
            await bounded(self._broker.stop(), _LEAVE_WITHIN)
        except Exception as error:
            # The broker finds out by itself that we are gone.
            log.warning("rabbitmq: left without a farewell (%s)", type(error).__name__)

    # --- publishing -------------------------------------------------------------------------------

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Writes them, in order; a majority of the queue's nodes has them when it returns.

        Raises Unavailable within `answer_within`.
        """
        await self._bounded(self._publish(envelopes))

    async def _publish(self, envelopes: Sequence[Envelope]) -> None:
        # Tasks begin in the order they are made in, and one channel keeps it: confirms come later.
        writing = []
        for envelope in envelopes:
            queue = self._wiring.queues[envelope.channel]
            source = f"/services/{queue.types.get(envelope.type, 'unknown')}"
            writing.append(
                self._publishers[envelope.channel].publish(
                    structured(envelope, source),
                    headers={KEY: envelope.key},
                    content_type=STRUCTURED,
                    message_id=envelope.id,
                    message_type=envelope.type,
                    correlation_id=envelope.id,
                )
            )
        await asyncio.gather(*writing)

    async def _put_aside(self, address: str, message: Aside) -> None:
        await self._bounded(
            self._broker.publish(
                message.body,
                queue=self._prefix + address,
                headers={**message.headers, KEY: message.key},
                content_type=message.headers.get("content-type", STRUCTURED),
                message_id=message.headers.get(EVENT, ""),
                mandatory=True,
                persist=True,
            )
        )

    async def _bounded(self, work: Coroutine[Any, Any, T], within: float | None = None) -> T:
        """What `work` gives. Raises Unavailable where the broker does not answer in time."""
        try:
            return await bounded(work, within or self._terms.answer_within)
        except _BROKEN as error:
            log.warning("rabbitmq does not answer: %s", type(error).__name__)
            raise Unavailable("The task broker does not answer.", retry_after=1) from error

    # --- what is going on -------------------------------------------------------------------------

    async def check(self) -> Problem | None:
        """The port `Health`: None when the broker answers."""
        try:
            await self._bounded(self._ready(next(iter(self._wiring.queues.values()))), within=2.0)
        except Problem as problem:
            return problem
        return None

    def wake(self) -> None:
        """Looks at the clock, which was turned."""
        for taker in self._takers.values():
            taker.intake.wake()

    async def drained(self, timeout: float = 10.0) -> bool:  # noqa: ASYNC109 # the port's
        """Waits until the queues are empty and this process is done, retries aside that wait.

        It looks twice: what is on its way between the queue and us is counted by neither.
        """
        looks = 0
        try:
            async with asyncio.timeout(timeout):
                while looks < 2:
                    looks = looks + 1 if await self._caught_up() else 0
                    if looks < 2:
                        await asyncio.sleep(0.02)
        except (TimeoutError, Unavailable):
            return False
        return True

    async def _caught_up(self) -> bool:
        for taker in self._takers.values():
            waiting = await self._bounded(self._ready(taker.queue, taker.service))
            if waiting or not taker.quiet:
                return False
        return all(taker.quiet for taker in self._takers.values())

    async def _ready(self, queue: Queue, service: str = "") -> int:
        """How many wait in a queue, and in a service's retries of it."""
        names = [queue.address, *([retries(queue.address, service)] if service else ())]
        count = 0
        async with self._connection.channel() as channel:
            for name in names:
                found = await channel.declare_queue(self._prefix + name, passive=True)
                count += found.declaration_result.message_count or 0
        return count

    # --- dead letters -----------------------------------------------------------------------------

    async def dead_letters(self) -> list[DeadLetter]:
        """What was given up and not replayed, the oldest first (10,000 at most). Raises
        Unavailable.
        """
        return await self._bounded(self._list(), within=6 * self._terms.answer_within)

    async def _list(self) -> list[DeadLetter]:
        found: dict[tuple[str, str], DeadLetter] = {}
        for queue in self._with_dead_letters():
            async with self._reading, letters_in(self._connection, queue, self._prefix) as letters:
                for _, record in letters:
                    letter = dead_letter(record, queue.channel)
                    found[letter.consumer, letter.envelope.id] = letter
        return sorted(found.values(), key=lambda letter: letter.at)

    async def replay(self, consumer: str, event_id: str) -> bool:
        """Delivers a dead letter again, its attempts counted anew; False when there is none.
        Raises Unavailable.
        """
        within = 6 * self._terms.answer_within
        return await self._bounded(self._replay(consumer, event_id), within=within)

    async def _replay(self, consumer: str, event_id: str) -> bool:
        done = False
        for queue in self._with_dead_letters():
            async with self._reading, letters_in(self._connection, queue, self._prefix) as letters:
                for raw, record in letters:
                    letter = dead_letter(record, queue.channel)
                    if (letter.consumer, letter.envelope.id) == (consumer, event_id):
                        # Twice where a process died between putting it aside and acknowledging.
                        service = record.text(SERVICE)
                        address = retries(queue.address, service) if service else queue.address
                        await self._put_aside(address, replayed(record))
                        await raw.ack()
                        done = True
        return done

    def _with_dead_letters(self) -> list[Queue]:
        return [queue for queue in self._wiring.queues.values() if queue.dead_letters]


def _with_heartbeat(url: str) -> str:
    """`url`, with our heartbeat where it says nothing of one."""
    if "heartbeat=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}heartbeat={_HEARTBEAT}"


async def _all(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*coroutines)
