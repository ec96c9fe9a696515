"""What generated/kafka.py stands on: how its publishers and subscribers are declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.kafka.publisher.usecase import DefaultPublisher
from faststream.kafka.subscriber.usecase import BatchSubscriber

from runtime.adapters.clock import SystemClock
from runtime.adapters.intake import Terms
from runtime.adapters.kafka.group import Group
from runtime.adapters.records import Aside
from runtime.channels import Topic


class Publish(Protocol):
    """Declares the publisher of a channel; `message` is what its messages are."""

    def __call__(self, channel: str, description: str, message: Any) -> None:
        """Once a channel."""
        ...


class Subscribe(Protocol):
    """Declares the subscriber of a service to a channel; `message` is what its messages are."""

    def __call__(self, channel: str, service: str, message: Any) -> None:
        """Nothing happens for a service that has no consumer in this process."""
        ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """The contract's Kafka part; both are called before delivery begins."""

    topics: Mapping[str, Topic]
    publishers: Callable[[Publish], None]
    subscribers: Callable[[Subscribe], None]


def publisher(
    broker: KafkaBroker, topic: Topic, prefix: str, description: str, message: Any
) -> DefaultPublisher:
    """A publisher whose messages are `message`, as FastStream's AsyncAPI document has it."""
    return broker.publisher(
        prefix + topic.address, title=topic.channel, description=description, schema=message
    )


def subscribe(
    broker: KafkaBroker, group: Group, message: Any, instance: str | None = None
) -> BatchSubscriber:
    """Has FastStream fetch for `group`, a batch of raw records at a time.

    FastStream's own answers to acknowledging are not used: its `ack()` commits the consumer's whole
    position, past what is not applied yet. Nor are its models on the way in: what is no event has
    to be told from a failure. So the handler is given records, and documented with `message`.
    """

    async def parse(records: Sequence[Any]) -> KafkaAckableMessage:
        return KafkaAckableMessage(raw_message=records, body=b"", consumer=group)

    async def decode(parsed: KafkaAckableMessage) -> Any:
        return parsed.raw_message

    async def handle(message: Any) -> None:
        group.take(message)

    handle.__annotations__ = {"message": message, "return": None}
    handle.__name__ = group.name
    subscriber = broker.subscriber(
        *group.topics,
        batch=True,
        group_id=group.id,
        group_instance_id=instance and f"{instance}.{group.name}",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        max_records=200,
        listener=group,
        parser=parse,
        decoder=decode,
        no_reply=True,
        description=f"What {group.service} takes of {group.topic.channel}.",
    )
    subscriber(handle)
    return subscriber


def described(wiring: Wiring) -> KafkaBroker:
    """A broker with all that the contract has declared on it, for FastStream's AsyncAPI document.
    It is connected to nothing.
    """
    broker = KafkaBroker(apply_types=False, logger=None)

    def publish(channel: str, description: str, message: Any) -> None:
        publisher(broker, wiring.topics[channel], "", description, message)

    def take(channel: str, service: str, message: Any) -> None:
        group = Group(wiring.topics[channel], service, (), SystemClock(), Terms(), "", _nowhere)
        subscribe(broker, group, message)

    wiring.publishers(publish)
    wiring.subscribers(take)
    return broker


async def _nowhere(address: str, message: Aside) -> None:
    """Nothing is taken, so nothing is put aside."""
