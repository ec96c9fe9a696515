"""An end to waiting for a client library, also where that does not let itself be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def bounded(work: Coroutine[Any, Any, T], within: float) -> T:
    """What `work` gives. Raises TimeoutError after `within` seconds, and what `work` raises.

    `asyncio.timeout` cancels and then waits for the work's own `finally`, where clients say goodbye
    to a server that hangs. Here it is cancelled and left behind.
    """
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.wait((task,), timeout=within)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_noted)
    if not task.done():
        raise TimeoutError
    return task.result()


def _noted(task: asyncio.Task[Any]) -> None:
    """Nobody waits for it: its failure is no news."""
    if not task.cancelled():
        task.exception()
