"""What generated/rabbitmq.py stands on: how its publishers and subscribers are declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aio_pika import IncomingMessage
from faststream import AckPolicy
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from faststream.rabbit.message import RabbitMessage
from faststream.rabbit.publisher.usecase import RabbitPublisher

from runtime.adapters.clock import SystemClock
from runtime.adapters.intake import Terms
from runtime.adapters.rabbitmq.taker import Taker
from runtime.adapters.records import Aside
from runtime.channels import Queue

# A message that so many processes died over, or that was handed back so often, is a dead letter.
_MOST_DELIVERIES = 100
# RabbitMQ 4 drops what was delivered 20 times where nothing is said; reading dead letters counts.
_NO_LIMIT = 1_000_000_000


class Publish(Protocol):
    """Declares the publisher of a channel; `message` is what its messages are."""

    def __call__(self, channel: str, description: str, message: Any) -> None:
        """Once a channel."""
        ...


class Subscribe(Protocol):
    """Declares the subscribers of a service to a channel; `message` is what its messages are."""

    def __call__(self, channel: str, service: str, message: Any) -> None:
        """Nothing happens for a service that has no consumer in this process."""
        ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """The contract's RabbitMQ part; both are called before delivery begins."""

    queues: Mapping[str, Queue]
    publishers: Callable[[Publish], None]
    subscribers: Callable[[Subscribe], None]


def quorum(address: str, dead_letters: str = "") -> RabbitQueue:
    """A quorum queue. What is delivered too often goes to `dead_letters`, at least once."""
    limit = {"x-delivery-limit": _MOST_DELIVERIES if dead_letters else _NO_LIMIT}
    dead = {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead_letters,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    arguments: Any = limit | (dead if dead_letters else {})
    return RabbitQueue(address, queue_type=QueueType.QUORUM, durable=True, arguments=arguments)


def publisher(
    broker: RabbitBroker, queue: Queue, prefix: str, description: str, message: Any
) -> RabbitPublisher:
    """A publisher whose messages are `message`, as FastStream's AsyncAPI document has it."""
    return broker.publisher(
        quorum(prefix + queue.address, prefix + queue.dead_letters),
        title=queue.channel,
        description=description,
        schema=message,
        mandatory=True,
        persist=True,
    )


def subscribe(
    broker: RabbitBroker, queue: RabbitQueue, taker: Taker, most: int, message: Any
) -> None:
    """Has FastStream hand `taker` the queue's messages as they are, `most` unacknowledged at once.

    Nothing is validated on the way in: what is no event has to be told from a failure.
    """

    async def parse(raw: IncomingMessage) -> RabbitMessage:
        return RabbitMessage(raw_message=raw, body=raw.body)

    async def decode(parsed: RabbitMessage) -> Any:
        return parsed.raw_message

    async def handle(message: Any) -> None:
        taker.take(message)

    handle.__annotations__ = {"message": message, "return": None}
    handle.__name__ = taker.name
    subscriber = broker.subscriber(
        queue,
        # A channel each: what waits for its next attempt must not use up the others' share.
        channel=Channel(prefetch_count=most),
        ack_policy=AckPolicy.MANUAL,
        parser=parse,
        decoder=decode,
        no_reply=True,
        description=f"What {taker.service} takes of {taker.queue.channel}.",
    )
    subscriber(handle)


def described(wiring: Wiring) -> RabbitBroker:
    """A broker with all that the contract has declared on it, for FastStream's AsyncAPI document.
    It is connected to nothing.
    """
    broker = RabbitBroker(apply_types=False, logger=None)

    def publish(channel: str, description: str, message: Any) -> None:
        publisher(broker, wiring.queues[channel], "", description, message)

    def take(channel: str, service: str, message: Any) -> None:
        queue = wiring.queues[channel]
        taker = Taker(queue, service, (), SystemClock(), Terms(), _nowhere)
        for address in (queue.address, taker.again):
            subscribe(broker, quorum(address, queue.dead_letters), taker, 1, message)

    wiring.publishers(publish)
    wiring.subscribers(take)
    return broker


async def _nowhere(address: str, message: Aside) -> None:
    """Nothing is taken, so nothing is put aside."""
