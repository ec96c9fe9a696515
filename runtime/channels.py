"""What the contract says of a channel on a broker; generated/brokers.py has a row for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic: AsyncAPI's channel `channel`, and its binding.

    `types` are the events it carries, and the service that publishes each; `dead_letters` is the
    address of what its consumers give up, "" for a topic of dead letters itself.
    """

    channel: str
    address: str
    partitions: int = 1
    replicas: int = 1
    configuration: Mapping[str, str] = field(default_factory=dict)
    dead_letters: str = ""
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    """A RabbitMQ queue, as `Topic` is one of Kafka. All are durable, and quorum queues."""

    channel: str
    address: str
    dead_letters: str = ""
    types: Mapping[str, str] = field(default_factory=dict)


def retries(address: str, service: str) -> str:
    """Where what a service's consumers of `address` failed on waits for its next attempt."""
    return f"{address}.{service}.retries"
