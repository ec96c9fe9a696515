"""Reading a topic of dead letters: all there are, but for those that were taken back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from runtime.adapters.bounded import bounded
from runtime.adapters.records import CONSUMER, Record

log = logging.getLogger("runtime.bus")

# Dead letters in one answer, and in memory while they are read.
MOST_LISTED = 10_000
_LEAVE_WITHIN = 5.0


def letter_key(consumer: str, event_id: str) -> bytes:
    """What a letter is called in its topic; a record of this key without a value takes it back."""
    return f"{consumer}\n{event_id}".encode()


async def letters(
    servers: Sequence[str], admin: Any, address: str, answer_within: float
) -> dict[bytes, Record]:
    """The letters in the topic by key, the oldest first. Raises KafkaError and TimeoutError."""
    reader = AIOKafkaConsumer(
        bootstrap_servers=list(servers),
        request_timeout_ms=round(answer_within * 1000),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    found: dict[bytes, Record] = {}
    try:
        await reader.start()
        [topic] = await admin.describe_topics([address])
        numbers = sorted(row["partition"] for row in topic["partitions"])
        partitions = [TopicPartition(address, number) for number in numbers]
        reader.assign(partitions)
        ends = await reader.end_offsets(partitions)
        for partition in partitions:
            while await reader.position(partition) < ends[partition]:
                got = await reader.getmany(partition, timeout_ms=500)
                for raw in got.get(partition, ()):
                    _note(found, raw)
    finally:
        try:
            await bounded(reader.stop(), _LEAVE_WITHIN)
        except TimeoutError:
            log.warning("kafka: a reader left without a farewell")
    return found


def _note(found: dict[bytes, Record], raw: Any) -> None:
    """Adds a letter, or takes one back. The event's own key is in its body, or its subject is."""
    key = raw.key or b""
    record = Record(
        body=raw.value or b"",
        headers={name: value or b"" for name, value in raw.headers},
        key="",
        place=f"{raw.topic}/{raw.partition}/{raw.offset}",
    )
    found.pop(key, None)
    if record.body or CONSUMER in record.headers:
        found[key] = record
        if len(found) > MOST_LISTED:
            del found[next(iter(found))]
