"""Reading a queue of dead letters: a queue can only be read by taking its messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection

from runtime.adapters.bounded import bounded
from runtime.adapters.rabbitmq.taker import record
from runtime.adapters.records import CONSUMER, REASON, Record
from runtime.channels import Queue

# Dead letters in one answer.
_MOST_LISTED = 10_000
_LEAVE_WITHIN = 5.0
# What we say of a message that RabbitMQ gave up by itself.
_TOO_OFTEN = b"delivered too often: it may be what ends the process"

Letters = list[tuple[AbstractIncomingMessage, Record]]


@asynccontextmanager
async def letters_in(
    connection: AbstractRobustConnection, queue: Queue, prefix: str
) -> AsyncIterator[Letters]:
    """A queue's dead letters, held unacknowledged, and given back at the end but for those that
    were acknowledged. One reader in a process at a time, as a second would find none.
    """
    channel = connection.channel()
    await channel.initialize()
    try:
        name = prefix + queue.dead_letters
        found = await channel.declare_queue(name, passive=True)
        letters: Letters = []
        while len(letters) < _MOST_LISTED:
            raw = await found.get(fail=False)
            if raw is None:
                break
            letters.append((raw, _letter(raw, queue)))
        yield letters
        for raw, _ in letters:
            if not raw.processed:
                await raw.nack(requeue=True)
        # Answered after they are back, so that the next reader finds them.
        await channel.declare_queue(name, passive=True)
    finally:
        await bounded(channel.close(), _LEAVE_WITHIN)


def _letter(raw: AbstractIncomingMessage, queue: Queue) -> Record:
    """A dead letter as a record, whoever gave it up."""
    found = record(raw, queue.address)
    if CONSUMER not in found.headers:
        # RabbitMQ did: no consumer of ours has said anything of it.
        more = {CONSUMER: queue.channel.encode(), REASON: _TOO_OFTEN}
        found.headers = {**found.headers, **more}
    return found
