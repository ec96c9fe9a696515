"""What waits to be sent to one client: bounded, in order, with a task only while it waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from runtime.rest import Send

# Frames that wait here. Who adds one more waits itself, so that events wait where they come from:
# the fan-out's listener holds 256, and then ends.
MOST = 64


class Outbox:
    """The sending half of a socket. An idle one has no task: 5,000 of them are mostly idle."""

    __slots__ = ("_closed", "_emptied", "_room", "_send", "_sending", "_waiting", "since")

    def __init__(self, send: Send, emptied: Callable[[], None]) -> None:
        self._send = send
        # Called when all is sent that was put before the end.
        self._emptied = emptied
        self._waiting: deque[str] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._room: asyncio.Event | None = None
        self._closed = False
        # When the frame that is being sent was given to the server; 0 when none is.
        self.since = 0.0

    @property
    def closed(self) -> bool:
        """Whether it has ended: nothing that is put now goes out."""
        return self._closed

    async def put(self, text: str) -> None:
        """Sends a frame, once there is room for it."""
        while len(self._waiting) >= MOST and not self._closed:
            if self._room is None:
                self._room = asyncio.Event()
            await self._room.wait()
        self.put_now(text)

    def put_now(self, text: str) -> None:
        """Sends a frame that must not wait: one of the few that the server sends by itself."""
        if not self._closed:
            self._waiting.append(text)
            if self._sending is None:
                self._sending = asyncio.get_running_loop().create_task(self._drain())

    def end(self) -> None:
        """Takes nothing more; what waits is still sent."""
        self._closed = True
        self._wake()
        if self._sending is None:
            self._emptied()

    def drop(self) -> None:
        """Sends no more: the client is gone, or takes nothing."""
        self._closed = True
        self._waiting.clear()
        self._wake()
        if self._sending is not None:
            self._sending.cancel()

    def stuck(self, now: float) -> float:
        """For how many seconds the client has not taken the frame that is being sent."""
        return now - self.since if self.since else 0.0

    async def _drain(self) -> None:
        try:
            while self._waiting:
                self.since = monotonic()
                text = self._waiting.popleft()
                await self._send({"type": "websocket.send", "text": text})
                self._wake()
            if self._closed:
                self._emptied()
        except asyncio.CancelledError:
            if not self._closed:
                raise
        except Exception:
            # The server's way to say that the client is gone; `receive` says it too.
            self._closed = True
            self._waiting.clear()
        finally:
            self.since = 0.0
            self._sending = None
            self._wake()

    def _wake(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
