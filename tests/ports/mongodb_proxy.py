"""Between a client and MongoDB: passes all through, until it is told to hang, refuse or cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import bson


class Proxy:
    """A server's stand-in on a port of its own.

    While it hangs, what is sent goes nowhere, and connections are still accepted. Of `cuts`
    requests that hold `cut_at` the answer is lost, together with the connection.
    """

    def __init__(self) -> None:
        parts = urlsplit(os.environ["MONGO_DB_URI"])
        self._target = (parts.hostname or "", parts.port or 27017)
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self.cut_at = b""
        self.cuts = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server
        self.port = 0

    def hang(self, hangs: bool = True) -> None:
        """Lets nothing through any more, or all again."""
        if hangs:
            self._goes_on.clear()
        else:
            self._goes_on.set()

    def address(self, name: str) -> str:
        """MONGO_DB_URI through here, with another database and a password."""
        parts = urlsplit(os.environ["MONGO_DB_URI"])
        # The server names its own address, which would lead past us.
        return urlunsplit(
            parts._replace(
                netloc=f"127.0.0.1:{self.port}", path=f"/{name}", query="directConnection=true"
            )
        )

    async def start(self) -> None:
        """Listens."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuses connections, and cuts those there are."""
        self._server.close()
        for writer in [*self._writers]:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(up_writer)
        answers = asyncio.ensure_future(self._answers(up_reader, writer))
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(4)
                message = head + await reader.readexactly(struct.unpack("<i", head)[0] - 4)
                await self._goes_on.wait()
                if self.cuts and self.cut_at in message:
                    self.cuts -= 1
                    answers.cancel()
                    await asyncio.gather(answers, return_exceptions=True)
                    up_writer.write(message)
                    # It is done there before we go.
                    await up_reader.readexactly(16)
                    break
                up_writer.write(message)
        answers.cancel()
        for each in (writer, up_writer):
            self._writers.discard(each)
            each.transport.abort()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)


@asynccontextmanager
async def proxy() -> AsyncIterator[Proxy]:
    """One that passes all through."""
    one = Proxy()
    await one.start()
    try:
        yield one
    finally:
        one.hang(False)
        await one.stop()


@asynccontextmanager
async def answering(hello: dict[str, Any]) -> AsyncIterator[int]:
    """The port of a server that answers all it is asked with `hello`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                length, request, _, code = struct.unpack("<iiii", await reader.readexactly(16))
                await reader.readexactly(length - 16)
                body = bson.encode({"ok": 1, "maxWireVersion": 21, "minWireVersion": 0, **hello})
                if code == 2013:  # OP_MSG
                    reply = struct.pack("<IB", 0, 0) + body
                else:  # OP_QUERY, as the first hello is; OP_REPLY
                    code, reply = 1, struct.pack("<iqii", 8, 0, 0, 1) + body
                head = struct.pack("<iiii", 16 + len(reply), 1, request, code)
                writer.write(head + reply)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """The port of a server that accepts connections and never answers."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
