"""One service's part of a queue and of its retries: messages in, acknowledgements out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any

from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPError

from runtime.adapters.intake import Intake, Terms
from runtime.adapters.records import Aside, Record
from runtime.channels import Queue, retries
from runtime.ports import Clock, Consumer

log = logging.getLogger("runtime.bus")

KEY = "x-key"


class Taker:
    """Hands messages to the consumers' lanes, and acknowledges those that are done.

    What is not acknowledged when the connection goes comes again, marked as redelivered: those are
    looked up in the inbox before they are handed out.
    """

    def __init__(
        self,
        queue: Queue,
        service: str,
        consumers: Sequence[Consumer],
        clock: Clock,
        terms: Terms,
        put_aside: Callable[[str, Aside], Awaitable[None]],
    ) -> None:
        self.queue = queue
        self.service = service
        self.name = f"{service}_{queue.channel}"
        self.again = retries(queue.address, service)
        self._done: list[AbstractIncomingMessage] = []
        self._acknowledging: asyncio.Task[None] | None = None
        self._stopping = False

        async def aside(message: Aside) -> None:
            await put_aside(self.again if message.due else queue.dead_letters, message)

        self.intake = Intake(
            queue.channel,
            service,
            consumers,
            queue.types,
            clock,
            terms,
            done=self._finished,
            put_aside=aside,
        )

    def take(self, raw: AbstractIncomingMessage) -> None:
        """Hands a message to the lanes; once stopping, leaves it to others."""
        if not self._stopping:
            self.intake.take(record(raw, self.queue.address))

    def _finished(self, record: Record) -> None:
        self._done.append(record.token)
        if self._acknowledging is None:
            loop = asyncio.get_running_loop()
            self._acknowledging = loop.create_task(self._acknowledge())

    async def _acknowledge(self) -> None:
        while self._done:
            done, self._done = self._done, []
            for message in done:
                try:
                    await message.ack()
                except (AMQPError, OSError, RuntimeError) as error:
                    # The connection went: it comes again, and the inbox knows it.
                    log.info("not acknowledged: %s", type(error).__name__)
        self._acknowledging = None

    @property
    def quiet(self) -> bool:
        """Nothing runs, and all that is done is acknowledged."""
        return self.intake.quiet and self._acknowledging is None

    async def stop(self) -> None:
        """Finishes what runs, and acknowledges it."""
        self._stopping = True
        await self.intake.stop()
        if self._acknowledging is not None:
            await self._acknowledging


def record(raw: AbstractIncomingMessage, address: str) -> Record:
    """A message as a record; headers that are no text are written as Python writes them."""
    headers = {str(name): _bytes(value) for name, value in raw.headers.items()}
    return Record(
        body=raw.body,
        headers=headers,
        key=headers.get(KEY, b"").decode("utf-8", "replace"),
        # One that has no id of its own, and cannot be read, is known by this among dead letters.
        place=f"{address}/{raw.message_id or sha256(raw.body).hexdigest()[:16]}",
        token=raw,
        doubtful=bool(raw.redelivered),
    )


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    text = value if isinstance(value, str) else str(value)[:500]
    return text.encode("utf-8", "replace")
