"""A client of the socket, over a real connection; and the server that it connects to."""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.rest.world import Account, World

SUBPROTOCOL = "budget.v1"
PATIENCE = 10.0


def free_port() -> int:
    """One that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def served(world: World) -> AsyncIterator[int]:
    """The platform on a port of its own, by the server that carries it (runtime/serve.py)."""
    port = free_port()
    server = Server(
        world.platform.edge,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        backlog=4096,
        backpressure=16_384,
        log_level=LogLevels.error,
    )
    serving = asyncio.create_task(server.serve())
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)  # it does not listen yet
            continue
        writer.close()
        break
    try:
        yield port
    finally:
        server.stop()
        await asyncio.wait({serving}, timeout=10)


class Client:
    """One connection. Frames are dicts; what was not asked for waits until it is."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[dict[str, Any]] = []

    @property
    def subprotocol(self) -> str | None:
        """What the server answered."""
        return self.connection.subprotocol

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        """Sends a frame, or whatever else."""
        await self.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def next(self) -> dict[str, Any]:
        """The next frame."""
        if self.heard:
            return self.heard.pop(0)
        async with asyncio.timeout(PATIENCE):
            frame: dict[str, Any] = json.loads(await self.connection.recv())
            return frame

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """The next frame that has these; those before it wait."""
        for at, frame in enumerate(self.heard):
            if wanted.items() <= frame.items():
                return self.heard.pop(at)
        passed: list[dict[str, Any]] = self.heard
        self.heard = []
        try:
            while True:
                frame = await self.next()
                if wanted.items() <= frame.items():
                    return frame
                passed.append(frame)
        finally:
            self.heard = passed

    async def ask(self, type: str, **frame: Any) -> dict[str, Any]:
        """Sends a frame; the ack or the error that answers it."""
        id = frame.pop("id", None) or uuid.uuid4().hex
        await self.send({"type": type, "id": id, **frame})
        return await self.until(id=id)

    async def subscribe(self, channel: str, **more: Any) -> dict[str, Any]:
        """The ack of a subscription."""
        answer = await self.ask("subscribe", channel=channel, **more)
        assert answer["type"] == "ack", answer
        return answer

    async def say(self, room: str, text: str, **more: Any) -> dict[str, Any]:
        """The message that was said in a room."""
        answer = await self.ask("send", channel=f"chat/{room}", payload={"text": text}, **more)
        assert answer["type"] == "ack", answer
        message: dict[str, Any] = answer["payload"]
        return message

    async def ended(self) -> int:
        """The code with which the server closes; what it says before waits in `heard`."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    self.heard.append(json.loads(await self.connection.recv()))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    async def close(self) -> None:
        """Leaves."""
        await self.connection.close()


class Line:
    """How clients reach one server."""

    # The platform behind it, where a test needs both.
    world: World

    def __init__(self, port: int) -> None:
        self.port = port
        self._open: list[Client] = []

    async def connect(self, path: str = "/", **options: Any) -> Client:
        """A socket that has not signed in."""
        options.setdefault("proxy", None)
        connection = await connect(f"ws://127.0.0.1:{self.port}{path}", **options)
        client = Client(connection)
        self._open.append(client)
        return client

    async def signed_in(self, account: Account, **frame: Any) -> Client:
        """A socket that signed in by a first frame."""
        client = await self.connect()
        answer = await client.ask("signIn", payload={"accessToken": account.access}, **frame)
        assert answer["type"] == "ack", answer
        client.heard.append(answer)
        return client

    async def hang_up(self) -> None:
        """Closes what is still open."""
        for client in self._open:
            await client.close()
