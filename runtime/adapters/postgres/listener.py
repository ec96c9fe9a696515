"""Hears from other processes that they have written into an outbox (LISTEN and NOTIFY)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from runtime.adapters.sql.driver import Refused

CHANNEL = "budget_outbox"
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 10.0


class Listener:
    """A connection of its own, made anew when it is lost. What was missed, a poll finds."""

    def __init__(
        self, connect: Callable[[], Awaitable[asyncpg.Connection]], heard: Callable[[str], None]
    ) -> None:
        """Calls `heard` with the service whose outbox has grown; empty: any of them may have."""
        self._connect = connect
        self._heard = heard
        self._task = asyncio.get_running_loop().create_task(self._listen())

    async def close(self) -> None:
        """Ends the connection."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _listen(self) -> None:
        delay = _FIRST_DELAY
        while True:
            try:
                connection = await self._connect()
            except Refused:
                await asyncio.sleep(delay)
                delay = min(_LONGEST_DELAY, delay * 2)
                continue
            lost = asyncio.Event()
            try:
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                with contextlib.suppress(Exception):
                    await connection.add_listener(CHANNEL, self._notified)
                    delay = _FIRST_DELAY
                    # What was told before is lost.
                    self._heard("")
                    await lost.wait()
            finally:
                connection.terminate()
            await asyncio.sleep(delay)

    def _notified(self, connection: Any, pid: int, channel: str, payload: Any) -> None:
        self._heard(str(payload))
