"""Reads that are awaited in the same tick of the event loop travel together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Together(Generic[K, V]):
    """`get` for one key at a time, over a `load` that takes many.

    Keys are asked for once a round, however many want them. A round begins with its first `get` and
    is sent at the end of the tick, so what was committed before a `get` is in its answer. What
    `load` raises, all of the round get. Who is cancelled leaves the others their answer.
    """

    __slots__ = ("_load", "_most", "_rounds", "_waiting")

    def __init__(
        self, load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], most: int = 256
    ) -> None:
        """`load` answers those of the keys that exist; `most` keys at once."""
        self._load = load
        self._most = most
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        # The loop itself holds its tasks weakly.
        self._rounds: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """The key's value, or None. Raises what `load` raises."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._send)
        future: asyncio.Future[V | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        return await future

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, {}
        keys = list(waiting)
        loop = asyncio.get_running_loop()
        for at in range(0, len(keys), self._most):
            some = {key: waiting[key] for key in keys[at : at + self._most]}
            task = loop.create_task(self._round(some))
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)

    async def _round(self, waiting: Mapping[K, list[asyncio.Future[V | None]]]) -> None:
        try:
            found = await self._load(list(waiting))
        except BaseException as error:
            for futures in waiting.values():
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for key, futures in waiting.items():
                value = found.get(key)
                for future in futures:
                    if not future.done():
                        future.set_result(value)
