"""A client of graphql-transport-ws, over a real connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATIENCE = 10.0
SUBPROTOCOL = "graphql-transport-ws"


class Client:
    """One connection; messages are dicts."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: dict[str, Any] | str | bytes) -> None:
        """Sends a message, or whatever else."""
        await self.connection.send(json.dumps(message) if isinstance(message, dict) else message)

    async def next(self) -> dict[str, Any]:
        """The next message but pings."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message: dict[str, Any] = json.loads(await self.connection.recv())
                if message["type"] != "ping":
                    return message

    async def sign_in(self, access: str) -> dict[str, Any]:
        """Says hello with an access token."""
        payload = {"authorization": f"Bearer {access}"}
        await self.send({"type": "connection_init", "payload": payload})
        return await self.next()

    async def closed(self) -> tuple[int, str]:
        """The code and reason that it closes with; what comes before is passed over."""
        async with asyncio.timeout(PATIENCE):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed:
                return self.connection.close_code or 0, self.connection.close_reason or ""


@asynccontextmanager
async def connected(
    port: int, *, path: str = "/api/graphql", **options: Any
) -> AsyncIterator[Client]:
    """A client of the server on `port`."""
    options = {"subprotocols": [SUBPROTOCOL]} | options
    async with connect(f"ws://127.0.0.1:{port}{path}", **options) as connection:
        yield Client(connection)
