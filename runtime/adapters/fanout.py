"""Live messages within one process."""

from __future__ import annotations

import asyncio
from collections import deque
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
                listener.take(message)

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
    """One subscription: an iterator of messages. Ends when it is `size` behind, or closed."""

    def __init__(self, channel: Channel, size: int) -> None:
        self._channel = channel
        self._size = size
        self._messages: deque[bytes] = deque()
        self._ended = False
        self._arrived = asyncio.Event()

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> bytes:
        while not self._messages:
            if self._ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._messages.popleft()

    async def aclose(self) -> None:
        """Ends it now; what it has not read is dropped."""
        self._messages.clear()
        self.end()

    def take(self, message: bytes) -> None:
        """Keeps `message` for the reader; ends the listener where there is no room."""
        if self._ended:
            return
        if len(self._messages) >= self._size:
            self.end()
            return
        self._messages.append(message)
        self._arrived.set()

    def end(self) -> None:
        """No more messages; what came before is still read."""
        self._ended = True
        self._channel.listeners.discard(self)
        self._arrived.set()
