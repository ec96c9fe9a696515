"""One channel that a client hears of: what it missed, then what comes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from time import time
from typing import Any, Protocol

from runtime.call import Call
from runtime.idempotency import Arguments, Chain
from runtime.ids import position
from runtime.inputs import Inputs
from runtime.problem import InputError, InvalidInput
from runtime.websocket.frames import Kind, Topic

logger = logging.getLogger("budget.websocket")

# A list is read back over so many pages of so many items (contract: 2,000 messages).
_PAGES, _PAGE = 10, 200
# What a listener can hold: only so many of what was read back can come again.
_AGAIN = 256
# Who has seen nothing yet resumes from so long before it listened, so that what was being written
# then is not lost. In milliseconds.
_BEFORE = 5_000


# The access check of a watched operation, and its stream (runtime/gate.py, `watching`).
Opens = Callable[[Call, Arguments], Awaitable[AsyncGenerator[Any, None]]]


class Listener(Protocol):
    """Whom a subscription tells."""

    async def event(self, subscription: Subscription, id: str, payload: bytes) -> None:
        """Something happened."""
        ...

    async def over(self, subscription: Subscription) -> None:
        """Nothing more comes, and nobody asked for the end."""
        ...


class Subscription:
    """A channel as one client hears of it.

    `id` is the frame's that asked for it, `given` what its name says, by the operation's argument.
    """

    __slots__ = (
        "_again",
        "_arguments",
        "_listener",
        "_opens",
        "_ready",
        "_task",
        "_version",
        "channel",
        "given",
        "id",
        "topic",
    )

    def __init__(
        self,
        listener: Listener,
        opens: Opens,
        topic: Topic,
        channel: str,
        given: Mapping[str, str],
        id: str,
        last: str,
    ) -> None:
        if last and not _fits(topic, last, given):
            text = "is no event's of this channel"
            raise InvalidInput(errors=[InputError("/lastEventId", "invalid", text)])
        self._listener = listener
        self._opens = opens
        self.topic = topic
        self.channel = channel
        self.given = given
        self.id = id
        self._arguments: dict[str, Any] = dict(given)
        if topic.after is not None:
            self._arguments[topic.after] = last or None
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Event | None = asyncio.Event()
        # What was read back, and may come again; of a state the version that the client knows.
        self._again: deque[str] | None = None
        self._version = 0

    async def open(self, call: Call) -> None:
        """Checks access and begins to listen; tells nothing before `go_on`. Raises the refusal."""
        stream = await self._opens(call, self._arguments)
        self._task = asyncio.get_running_loop().create_task(self._run(stream))
        # A stream listens from its first step on, and that is taken now.
        await asyncio.sleep(0)

    async def check(self, call: Call) -> None:
        """Checks access again. Raises the refusal."""
        await self._opens(call, self._arguments)

    async def missed(
        self, call: Call, chain: Chain, inputs: Inputs, last: str
    ) -> tuple[str, list[Any]]:
        """Where the channel is now, unless the client knows, and what came since `last`.

        `chain` answers the topic's operation. Raises the refusal; InvalidInput where it is too far
        back.
        """
        kind = self.topic.kind
        if kind is Kind.STATE:
            state = await chain(call, inputs.read(call, self.given))
            known = int(last.rpartition(":")[2]) if last else state.version
            self._version = max(known, state.version)
            return self._name(state), [state] if known < state.version else []
        if not last:
            return position(self.topic.prefix, int(time() * 1000) - _BEFORE), []
        return "", await self._read_back(call, chain, inputs, last) if kind is Kind.LIST else []

    async def go_on(self, missed: list[Any]) -> None:
        """Tells what was missed, and then what comes."""
        for item in missed:
            await self._listener.event(self, self._name(item), self.topic.write(item))
        if self.topic.kind is Kind.LIST:
            self._again = deque((item.id for item in missed[-_AGAIN:]), _AGAIN)
        if self._ready is not None:
            self._ready.set()
            self._ready = None

    async def close(self) -> None:
        """Hears no more."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait({task})

    async def _run(self, stream: AsyncGenerator[Any, None]) -> None:
        try:
            async with aclosing(stream) as items:
                async for item in items:
                    if self._ready is not None:
                        await self._ready.wait()
                    if self._is_news(item):
                        name = self._name(item)
                        await self._listener.event(self, name, self.topic.write(item))
        except Exception:
            logger.exception("a subscription failed")
        if self._task is not None:
            await self._listener.over(self)

    async def _read_back(self, call: Call, chain: Chain, inputs: Inputs, last: str) -> list[Any]:
        """What a list got after the entry `last`, oldest first."""
        found: list[Any] = []
        token = None
        for _ in range(_PAGES):
            asked = {**self.given, "page_size": _PAGE, "page_token": token}
            page = await chain(call, inputs.read(call, asked))
            for item in page.items:
                if item.id <= last:
                    return found[::-1]
                found.append(item)
            token = page.next_page_token
            if token is None:
                return found[::-1]
        text = f"is more than {_PAGES * _PAGE} entries ago: read the list"
        raise InvalidInput(errors=[InputError("/lastEventId", "invalid", text)])

    def _name(self, item: Any) -> str:
        """The id of the event that `item` is."""
        return f"{item.id}:{item.version}" if self.topic.kind is Kind.STATE else str(item.id)

    def _is_news(self, item: Any) -> bool:
        if self.topic.kind is Kind.STATE:
            if item.version <= self._version:
                return False
            self._version = item.version
        return not (self._again and item.id in self._again)


def _fits(topic: Topic, last: str, given: Mapping[str, str]) -> bool:
    """Whether `last` can be the id of an event of the topic, about what is `given`."""
    id, colon, _ = last.partition(":")
    if topic.kind is Kind.STATE:
        return bool(colon) and id in given.values()
    return not colon and id.startswith(topic.prefix + "_")
