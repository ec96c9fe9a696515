"""A consumer group: one service's part of a topic and of its retries, and how far it has come."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faststream.kafka.subscriber.usecase import BatchSubscriber

from runtime.adapters.bounded import bounded
from runtime.adapters.intake import Intake, Terms
from runtime.adapters.records import Aside, Record
from runtime.channels import Topic, retries
from runtime.ports import Clock, Consumer

log = logging.getLogger("runtime.bus")

# Seconds between two commits of offsets: what a kill hands out again, and the inbox guards.
_COMMIT_EVERY = 0.05
# Seconds that a rebalance waits for batches under way, so that no other process begins them too.
_HAND_OVER = 5.0


class PatientConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka is untyped
    """Waits for records until there are some. FastStream sleeps after each empty answer: an event
    that came then would wait for that.
    """

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[Any]]:
        """Raises ConsumerStoppedError at the end."""
        while True:
            found = await super().getmany(*partitions, timeout_ms=1000, max_records=max_records)
            if found:
                return dict(found)


class Progress:
    """How far one partition is handed out (`next`), and up to where all is done (`settled`)."""

    __slots__ = ("_done", "_open", "committed", "first", "next", "partition")

    def __init__(self, partition: TopicPartition, first: int) -> None:
        self.partition = partition
        self.first = first
        self.next = first
        self.committed = -1
        self._open: deque[int] = deque()
        self._done: set[int] = set()

    def taken(self, offset: int) -> None:
        """It is handed out."""
        self._open.append(offset)
        self.next = offset + 1

    def done(self, offset: int) -> None:
        """Every consumer is done with it."""
        self._done.add(offset)
        while self._open and self._open[0] in self._done:
            self._done.remove(self._open.popleft())

    @property
    def settled(self) -> int:
        """The offset to begin at after a restart."""
        return self._open[0] if self._open else self.next


class Group(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Fetches no faster than consumers apply, and commits what is done, in order, and no more.

    FastStream gives it batches (`take`); the client tells it of rebalances.
    """

    def __init__(
        self,
        topic: Topic,
        service: str,
        consumers: Sequence[Consumer],
        clock: Clock,
        terms: Terms,
        prefix: str,
        put_aside: Callable[[str, Aside], Awaitable[None]],
    ) -> None:
        self.topic = topic
        self.service = service
        self.name = f"{service}_{topic.channel}"
        self.id = f"{prefix}{service}.{topic.address}"
        again = retries(topic.address, service)
        self.topics = (prefix + topic.address, prefix + again)
        self._subscriber: BatchSubscriber | None = None
        self.progress: dict[TopicPartition, Progress] = {}
        self._hold = terms.hold
        self._paused: set[TopicPartition] = set()
        self._committing: asyncio.Task[None] | None = None
        self._stopping = False

        async def aside(message: Aside) -> None:
            await put_aside(again if message.due else topic.dead_letters, message)

        self.intake = Intake(
            topic.channel,
            service,
            consumers,
            topic.types,
            clock,
            terms,
            done=self._done,
            put_aside=aside,
        )

    def fetched_by(self, subscriber: BatchSubscriber) -> None:
        """By FastStream's `subscriber`, from `join` on."""
        self._subscriber = subscriber

    async def join(self) -> None:
        """Enters the group; when it returns, its partitions are known."""
        if self._subscriber is None:
            raise ValueError(
                f"the contract has no consumer of {self.topic.channel} in {self.service}"
            )
        await self._subscriber.start()

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """The client; None before `join` and at the end."""
        return self._subscriber.consumer if self._subscriber else None

    def take(self, records: Sequence[ConsumerRecord[Any, Any]]) -> None:
        """Hands a batch to the consumers' lanes."""
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            progress = self.progress.get(partition)
            if progress is None:
                progress = self.progress[partition] = Progress(partition, record.offset)
            elif record.offset < progress.next:
                continue  # fetched twice, around a rebalance
            progress.taken(record.offset)
            self.intake.take(
                Record(
                    body=record.value or b"",
                    headers={name: value or b"" for name, value in record.headers},
                    key=(record.key or b"").decode("utf-8", "replace"),
                    place=f"{record.topic}/{record.partition}/{record.offset}",
                    token=progress,
                    # A process that died, or lost the partition, may have applied so many more
                    # than it had committed.
                    doubtful=record.offset < progress.first + self._hold,
                    at=record.offset,
                )
            )
        self._balance()

    def _done(self, record: Record) -> None:
        record.token.done(record.at)
        if self._committing is None and not self._stopping:
            self._committing = asyncio.get_running_loop().create_task(self._commit_soon())

    def _balance(self) -> None:
        """Pauses what has enough in memory, and goes on where that is half done."""
        if self.consumer is None:
            return
        for partition in self.consumer.assignment():
            fresh = partition.topic == self.topics[0]
            count = self.intake.held if fresh else self.intake.waiting
            if count >= self._hold and partition not in self._paused:
                self.consumer.pause(partition)
                self._paused.add(partition)
            elif count <= self._hold // 2 and partition in self._paused:
                self.consumer.resume(partition)
                self._paused.discard(partition)

    # --- offsets ----------------------------------------------------------------------------------

    async def _commit_soon(self) -> None:
        """Commits after a moment, and again while more gets done."""
        try:
            while True:
                self._balance()
                await asyncio.sleep(_COMMIT_EVERY)
                if not await self.commit():
                    await asyncio.sleep(1.0)
                elif not self._behind():
                    return
        finally:
            self._committing = None
            self._balance()

    def _behind(self) -> dict[TopicPartition, OffsetAndMetadata]:
        return {
            partition: OffsetAndMetadata(progress.settled, "")
            for partition, progress in self.progress.items()
            if progress.settled > max(progress.committed, progress.first)
        }

    async def commit(self) -> bool:
        """Commits what is done; False when the broker did not take it."""
        offsets = self._behind()
        if not offsets or self.consumer is None:
            return True
        try:
            await self.consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            # Another process has these partitions now, and applies what it finds anew at most.
            return True
        except KafkaError as error:
            log.warning("%s could not commit: %s", self.id, type(error).__name__)
            return False
        for partition, offset in offsets.items():
            if partition in self.progress:
                self.progress[partition].committed = offset.offset
        return True

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Lets go of them: what has not begun is dropped, what runs may end, and is committed."""
        gone = set(revoked)
        self.intake.forget(lambda record: record.token.partition in gone)
        await self.intake.pause(_HAND_OVER)
        try:
            await bounded(self.commit(), _HAND_OVER)
        except TimeoutError:
            log.warning("%s could not commit before its partitions moved", self.id)
        for partition in gone:
            self.progress.pop(partition, None)
        self._paused.clear()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Begins with what is committed; nothing is paused."""
        self._paused.clear()

    # --- ends -------------------------------------------------------------------------------------

    def has(self, partition: TopicPartition) -> bool:
        """Whether this process has the partition now."""
        return self.consumer is not None and partition in self.consumer.assignment()

    def partitions(self) -> set[TopicPartition]:
        """All of the topic, and of the retries what this process has: those of others may wait."""
        if self.consumer is None:
            return set()
        main = self.topics[0]
        numbers = self.consumer.partitions_for_topic(main) or ()
        return {TopicPartition(main, number) for number in numbers} | self.consumer.assignment()

    async def caught_up(self, ends: dict[TopicPartition, int]) -> bool:
        """Whether all up to `ends` is handed out, and done but for retries."""
        if not self.intake.quiet or self.consumer is None:
            return False
        for partition in self.consumer.assignment():
            progress = self.progress.get(partition)
            at = progress.next if progress else await self.consumer.position(partition)
            if at < ends.get(partition, 0):
                return False
        return True

    async def stop(self) -> None:
        """Finishes what runs, and commits it."""
        self._stopping = True
        if self.consumer is not None:
            self.consumer.pause(*self.consumer.assignment())
        await self.intake.stop()
        if self._committing is not None:
            self._committing.cancel()
            await asyncio.gather(self._committing, return_exceptions=True)
        await self.commit()
