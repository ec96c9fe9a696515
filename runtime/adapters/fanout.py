"""Live messages within one process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakSet, WeakValueDictionary


class LocalFanout:
    """Hands a message to whoever listens in this process; the port is `Fanout`.

    A listener counts from `listen()` on, not from its first `__anext__`. It goes when it is closed
    or collected, so a forgotten one costs nothing.
    """

    def __init__(self) -> None:
        # A channel lives as long as its listeners, which hold it.
        self._channels: WeakValueDictionary[str, Channel] = WeakValueDictionary()

    async def publish(self, channel: str, message: bytes) -> None:
        """To all that listen on `channel`; never waits for any of them."""
        heard = self._channels.get(channel)
        if heard is not None:
            for listener in tuple(heard.listeners):
                listener.hand(message)

    def listen(self, channel: str, size: int = 256) -> Listener:
        """Messages from now on, to be read by one task."""
        heard = self._channels.get(channel)
        if heard is None:
            self._channels[channel] = heard = Channel()
        listener = Listener(heard, size)
        heard.listeners.add(listener)
        return listener

    def close(self) -> None:
        """Ends every listener, once it has read what it was handed."""
        for channel in list(self._channels.values()):
            for listener in tuple(channel.listeners):
                listener.end()


class Channel:
    """Who listens under one name."""

    def __init__(self) -> None:
        self.listeners: WeakSet[Listener] = WeakSet()


class Listener:
    """One subscription: an iterator of messages. Ends when it is `size` behind, or closed.

    What it waits with is made when it waits: a socket has three, and there are thousands of those.
    """

    __slots__ = ("__weakref__", "_channel", "_ended", "_messages", "_size", "_wake")

    def __init__(self, channel: Channel, size: int) -> None:
        self._channel = channel
        self._size = size
        self._messages: deque[bytes] | None = None
        self._ended = False
        self._wake: Callable[[], None] | None = None

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> bytes:
        while (message := self.take()) is None:
            if self._ended:
                raise StopAsyncIteration
            arrived = asyncio.Event()
            self._wake = arrived.set
            await arrived.wait()
        return message

    @property
    def ended(self) -> bool:
        """Whether nothing more comes, and nothing is left to read."""
        return self._ended and not self._messages

    def take(self) -> bytes | None:
        """The next message if one has arrived; never waits."""
        return self._messages.popleft() if self._messages else None

    def on_arrival(self, wake: Callable[[], None]) -> None:
        """Calls `wake` whenever there may be something to take, the end included."""
        self._wake = wake

    async def aclose(self) -> None:
        """Ends it now; what it has not read is dropped."""
        self._messages = None
        self.end()

    def hand(self, message: bytes) -> None:
        """Keeps `message` for the reader; ends the listener where there is no room."""
        if self._ended:
            return
        if self._messages is None:
            self._messages = deque()
        if len(self._messages) >= self._size:
            self.end()
            return
        self._messages.append(message)
        if self._wake is not None:
            self._wake()

    def end(self) -> None:
        """No more messages; what came before is still read."""
        self._ended = True
        self._channel.listeners.discard(self)
        if self._wake is not None:
            self._wake()
