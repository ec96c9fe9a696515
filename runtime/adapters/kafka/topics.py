"""Declaring topics, with their partitions: one that a client's question creates has what the broker
gives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from runtime.channels import Topic


async def declare(admin: Any, topics: Iterable[Topic], prefix: str) -> None:
    """Creates those that are not there, and waits until the broker knows them. Raises KafkaError.

    `admin` is aiokafka's. What is there stays as it is: partitions cannot be taken away, and more
    would send a key's later events elsewhere.
    """
    known = set(await admin.list_topics())
    new = {prefix + topic.address: topic for topic in topics if prefix + topic.address not in known}
    if not new:
        return
    answer = await admin.create_topics(
        [
            NewTopic(
                name=name,
                num_partitions=topic.partitions,
                replication_factor=topic.replicas,
                topic_configs=dict(topic.configuration),
            )
            for name, topic in new.items()
        ]
    )
    for topic in answer.to_object()["topic_errors"]:
        error = for_code(topic["error_code"])
        # Another process may have been first.
        if topic["error_code"] and error is not TopicAlreadyExistsError:
            raise error(topic["topic"])
    while any(not _led(topic) for topic in await admin.describe_topics(list(new))):  # noqa: ASYNC110 # nobody tells
        await asyncio.sleep(0.02)


def _led(topic: Any) -> bool:
    """Whether every partition has its leader: before, clients are told that there is no topic."""
    partitions = topic["partitions"]
    return bool(partitions) and all(row["leader"] >= 0 for row in partitions)
