"""A world on a loop of its own thread, for tools that know no loop, such as Schemathesis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from runtime.rest import Message, Receive, Scope, Send
from tests.rest.world import World

T = TypeVar("T")


class Stage:
    """An ASGI application that passes each request on to the world that is on."""

    world: World

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal
        self._loop = portal.call(_this_loop)

    def run(self, work: Callable[..., Awaitable[T]], *args: Any) -> T:
        """What `work` gives, on the world's loop."""
        return self._portal.call(work, *args)

    @contextmanager
    def showing(self, folder: Path, **settings: Any) -> Iterator[World]:
        """A world, from its start to its end."""
        self.world = World(folder, **settings)
        self.run(self.world.open)
        try:
            yield self.world
        finally:
            self.run(self.world.close)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request that comes on any loop."""
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
            return
        here = asyncio.get_running_loop()

        async def fetch() -> Message:
            return await _elsewhere(receive(), here)

        async def give(message: Message) -> None:
            await _elsewhere(send(message), here)

        await _elsewhere(self.world.platform.edge(scope, fetch, give), self._loop)


@contextmanager
def staged() -> Iterator[Stage]:
    """A stage, with its thread."""
    with start_blocking_portal("asyncio", {"use_uvloop": True}) as portal:
        yield Stage(portal)


async def _this_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


async def _elsewhere(work: Awaitable[T], loop: asyncio.AbstractEventLoop) -> T:
    """Awaits `work` on another thread's loop; cancelled here, it is cancelled there."""

    async def awaited() -> T:
        return await work

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(awaited(), loop))
