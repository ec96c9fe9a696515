"""A TCP proxy before a real server that can be made to hang, to hang up, and to refuse."""

from __future__ import annotations

import asyncio
import contextlib


class Proxy:
    """Passes bytes on while it is not told otherwise. The system chooses the port, and it stays."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._generation = 0
        self.port = 0

    async def start(self) -> None:
        """Listens, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def hang(self) -> None:
        """From now on, nothing passes, and nobody is told."""
        self._flows.clear()

    def release(self) -> None:
        """Bytes pass again, those that were held first."""
        self._flows.set()

    def stall(self) -> None:
        """The connections that are there pass nothing any more, for ever; new ones do."""
        self._generation += 1

    def hang_up(self) -> None:
        """Ends all connections."""
        for writer in self._open:
            writer.transport.abort()

    def take_no_more(self) -> None:
        """Takes no new connections; those that are there stay."""
        if self._server is not None:
            self._server.close()

    async def refuse(self) -> None:
        """Ends all connections, and takes none."""
        if self._server is not None:
            self._server.close()
        self.hang_up()

    async def stop(self) -> None:
        """The end."""
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.get_running_loop().create_task(self._pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        generation = self._generation
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._flows.wait()
                if generation != self._generation:
                    continue
                sink.write(data)
                await sink.drain()
        sink.transport.abort()
        self._open.discard(sink)
