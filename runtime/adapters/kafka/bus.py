"""The bus over Kafka: topics as the contract declares them, a group a service and channel.

What a consumer fails on goes to `{topic}.{service}.retries`, a record for it alone with the time at
which it is due; what it gives up to the topic's dead letters. A letter that was replayed is taken
back by a record of its key without a value, after it was written to the retries: so nothing is lost
in between, and the worst is that it is handed out twice.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from faststream.kafka import KafkaBroker
from faststream.kafka.publisher.usecase import DefaultPublisher

from runtime.adapters.bounded import bounded
from runtime.adapters.intake import Terms
from runtime.adapters.kafka.group import Group, PatientConsumer
from runtime.adapters.kafka.letters import MOST_LISTED, letter_key, letters
from runtime.adapters.kafka.wiring import Wiring, publisher, subscribe
from runtime.adapters.records import (
    CONSUMER,
    EVENT,
    SERVICE,
    Aside,
    Record,
    dead_letter,
    replayed,
)
from runtime.channels import Topic, retries
from runtime.cloudevents import STRUCTURED, structured
from runtime.ports import Clock, Consumer, DeadLetter, Envelope
from runtime.problem import Problem, Unavailable
from runtime.settings import SettingsError

log = logging.getLogger("runtime.bus")
T = TypeVar("T")

_OPEN_WITHIN = 10.0
# Seconds that the client may take to leave its groups: aiokafka's stop can hang after a pause.
_LEAVE_WITHIN = 5.0


class KafkaBus:
    """The port `Bus`, and `Health`. `prefix` is put before each topic's and group's name.

    Delivery begins with `start`; without it, events can be published, and dead letters listed and
    replayed.
    """

    name = "kafka"

    def __init__(
        self,
        servers: str,
        wiring: Wiring,
        *,
        clock: Clock,
        terms: Terms,
        prefix: str,
        instance: str | None,
    ) -> None:
        """Use `open`."""
        self._servers = [part.strip() for part in servers.split(",")]
        self._wiring = wiring
        self._clock = clock
        self._terms = terms
        self._prefix = prefix
        self._instance = instance
        self._groups: dict[tuple[str, str], Group] = {}
        self._stopped = False
        self._broker = KafkaBroker(
            self._servers,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=round(terms.answer_within * 1000),
            linger_ms=0,
            # Ours to declare, with their partitions.
            allow_auto_create_topics=False,
            client_id="budget-manager",
            apply_types=False,
            logger=None,
        )
        self._publishers: dict[str, DefaultPublisher] = {}
        # Outside of the groups: knows where partitions end, and reads dead letters.
        self._watcher: AIOKafkaConsumer

    @classmethod
    async def open(
        cls,
        servers: str,
        wiring: Wiring,
        *,
        clock: Clock,
        terms: Terms | None = None,
        prefix: str = "",
        instance: str | None = None,
    ) -> KafkaBus:
        """Connected, with all topics declared. Raises SettingsError, naming KAFKA_BROKER.

        `instance`, unique among the processes of a service and the same after its restart, spares
        the groups a rebalance: what it had is not given to others before it is back, or 10 s gone.
        """
        terms = terms or Terms()
        bus = cls(servers, wiring, clock=clock, terms=terms, prefix=prefix, instance=instance)
        try:
            await bounded(bus._connect(), _OPEN_WITHIN)
        except (TimeoutError, KafkaError, OSError) as error:
            await bus._disconnect()
            why = f"does not answer within {_OPEN_WITHIN:.0f} s"
            if not isinstance(error, TimeoutError):
                why = f"cannot be used ({type(error).__name__})"
            raise SettingsError([f"KAFKA_BROKER: the broker {why}"]) from None
        except BaseException:
            await bus._disconnect()
            raise
        return bus

    async def _connect(self) -> None:
        self._watcher = AIOKafkaConsumer(
            bootstrap_servers=self._servers,
            request_timeout_ms=round(self._terms.answer_within * 1000),
            enable_auto_commit=False,
        )
        await self._watcher.start()
        builder: Any = await self._broker.connect()
        # `builder` is how FastStream makes a consumer; see PatientConsumer.
        self._broker.config.broker_config.builder = functools.partial(
            PatientConsumer, **builder.keywords
        )
        self._wiring.publishers(self._publish_to)
        await self._declare(list(self._wiring.topics.values()))

    async def _declare(self, topics: Sequence[Topic]) -> None:
        """Creates what is not there. Raises KafkaError."""
        admin = self._broker.config.broker_config.admin_client
        known = set(await admin.list_topics())
        new = [
            NewTopic(
                name=self._prefix + topic.address,
                num_partitions=topic.partitions,
                replication_factor=topic.replicas,
                topic_configs=dict(topic.configuration),
            )
            for topic in topics
            if self._prefix + topic.address not in known
        ]
        if not new:
            return
        answer = await admin.create_topics(new)
        for topic in answer.to_object()["topic_errors"]:
            error = for_code(topic["error_code"])
            if topic["error_code"] and error is not TopicAlreadyExistsError:
                raise error(topic["topic"])

    async def start(self, consumers: Sequence[Consumer]) -> None:
        """Joins the groups of `consumers`. Raises ValueError for equal names, and Unavailable."""
        names = [consumer.name for consumer in consumers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two consumers are called {name}")
        of: dict[tuple[str, str], list[Consumer]] = {}
        for consumer in consumers:
            if consumer.channel in self._wiring.topics:
                of.setdefault((consumer.channel, consumer.service), []).append(consumer)
        self._groups = {
            (channel, service): Group(
                self._wiring.topics[channel],
                service,
                some,
                self._clock,
                self._terms,
                self._prefix,
                self._put_aside,
            )
            for (channel, service), some in of.items()
        }
        self._wiring.subscribers(self._subscribe)
        await self._bounded(self._join(), within=6 * self._terms.answer_within)

    def _publish_to(self, channel: str, description: str, message: Any) -> None:
        topic = self._wiring.topics[channel]
        declared = publisher(self._broker, topic, self._prefix, description, message)
        self._publishers[channel] = declared

    def _subscribe(self, channel: str, service: str, message: Any) -> None:
        group = self._groups.get((channel, service))
        if group is not None:
            group.fetched_by(subscribe(self._broker, group, message, self._instance))

    async def _join(self) -> None:
        # All at once: one after the other they would wait for each other's rebalances.
        await self._declare(
            [
                Topic(
                    group.topic.channel,
                    retries(group.topic.address, group.service),
                    replicas=group.topic.replicas,
                    configuration=group.topic.configuration,
                )
                for group in self._groups.values()
            ]
        )
        await asyncio.gather(*(group.join() for group in self._groups.values()))

    async def stop(self) -> None:
        """Finishes the batches under way, commits, and leaves; within some seconds more than
        `stop_within`.
        """
        if self._stopped:
            return
        self._stopped = True
        try:
            leaving = _all(group.stop() for group in self._groups.values())
            await bounded(leaving, self._terms.stop_within + _LEAVE_WITHIN)
        except TimeoutError:
            log.warning("kafka: not all that was done could be committed")
        await self._disconnect()

    async def _disconnect(self) -> None:
        for ending in (self._broker.stop(), self._watcher.stop()):
            try:
                await bounded(ending, _LEAVE_WITHIN)
            except Exception as error:
                # The broker finds out by itself that we are gone.
                log.warning("kafka: left without a farewell (%s)", type(error).__name__)

    # --- publishing -------------------------------------------------------------------------------

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Writes them, in order within a key; every replica in sync has them when it returns.

        Raises Unavailable within `answer_within`.
        """
        await self._bounded(self._publish(envelopes))

    async def _publish(self, envelopes: Sequence[Envelope]) -> None:
        waiting = []
        for envelope in envelopes:
            topic = self._wiring.topics[envelope.channel]
            source = f"/services/{topic.types.get(envelope.type, 'unknown')}"
            waiting.append(
                await self._publishers[envelope.channel].publish(
                    structured(envelope, source),
                    key=envelope.key.encode(),
                    headers={"content-type": STRUCTURED},
                    correlation_id=envelope.id,
                    no_confirm=True,
                )
            )
        await asyncio.gather(*waiting)

    async def _put_aside(self, address: str, message: Aside) -> None:
        key = message.key.encode()
        if not message.due:
            # By which a replay takes it back.
            key = letter_key(message.headers[CONSUMER], message.headers[EVENT])
        await self._bounded(self._write(address, message.body, key, message.headers))

    async def _write(
        self, address: str, body: bytes | None, key: bytes, headers: dict[str, str]
    ) -> None:
        await self._broker.publish(body, topic=self._prefix + address, key=key, headers=headers)

    async def _bounded(self, work: Coroutine[Any, Any, T], within: float | None = None) -> T:
        """What `work` gives. Raises Unavailable where the broker does not answer in time."""
        try:
            return await bounded(work, within or self._terms.answer_within)
        except (TimeoutError, KafkaError, OSError) as error:
            log.warning("kafka does not answer: %s", type(error).__name__)
            raise Unavailable("The event broker does not answer.", retry_after=1) from error

    # --- what is going on -------------------------------------------------------------------------

    async def check(self) -> Problem | None:
        """The port `Health`: None when the broker answers."""
        try:
            await self._bounded(self._watcher.topics(), within=2.0)
        except Problem as problem:
            return problem
        return None

    def wake(self) -> None:
        """Looks at the clock, which was turned."""
        for group in self._groups.values():
            group.intake.wake()

    async def drained(self, timeout: float = 10.0) -> bool:  # noqa: ASYNC109 # the port's
        """Waits until all groups that this process is in have applied all, retries aside that wait:
        also those partitions that others have, or nobody while a group changes.
        """
        pause = 0.005
        try:
            async with asyncio.timeout(timeout):
                while not await self._caught_up():
                    await asyncio.sleep(pause)
                    pause = min(0.1, pause * 1.5)
        except (TimeoutError, KafkaError):
            return False
        return True

    async def _caught_up(self) -> bool:
        partitions = {each for group in self._groups.values() for each in group.partitions()}
        ends = await self._watcher.end_offsets(partitions) if partitions else {}
        for group in self._groups.values():
            if not await group.caught_up(ends):
                return False
            elsewhere = [partition for partition in group.partitions() if not group.has(partition)]
            if elsewhere:
                admin = self._broker.config.broker_config.admin_client
                done = await admin.list_consumer_group_offsets(group.id, partitions=elsewhere)
                if any(max(0, done[each].offset) < ends[each] for each in elsewhere):
                    return False
        return True

    # --- dead letters -----------------------------------------------------------------------------

    async def dead_letters(self) -> list[DeadLetter]:
        """What was given up and not replayed, the oldest first (10,000 at most). Raises
        Unavailable.
        """
        found: list[DeadLetter] = []
        for topic in self._with_dead_letters():
            letters = await self._letters(topic)
            found += [dead_letter(record, topic.channel) for record in letters.values()]
        found.sort(key=lambda letter: letter.at)
        return found[:MOST_LISTED]

    async def replay(self, consumer: str, event_id: str) -> bool:
        """Delivers a dead letter again, its attempts counted anew; False when there is none.
        Raises Unavailable.
        """
        key = letter_key(consumer, event_id)
        for topic in self._with_dead_letters():
            record = (await self._letters(topic)).get(key)
            if record is not None:
                await self._put_aside(
                    retries(topic.address, record.text(SERVICE)), replayed(record)
                )
                await self._bounded(self._write(topic.dead_letters, None, key, {}))
                return True
        return False

    def _with_dead_letters(self) -> list[Topic]:
        return [topic for topic in self._wiring.topics.values() if topic.dead_letters]

    async def _letters(self, topic: Topic) -> dict[bytes, Record]:
        admin = self._broker.config.broker_config.admin_client
        address = self._prefix + topic.dead_letters
        return await self._bounded(
            letters(self._servers, admin, address, self._terms.answer_within),
            within=6 * self._terms.answer_within,
        )


async def _all(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*coroutines)
