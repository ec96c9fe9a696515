"""`cli.py serve`, a process of its own that may be killed, over the folder of a `World`."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.rest.world import NO_LIMIT

_ROOT = Path(__file__).parents[2]
# Given to the worlds that take turns with servers at one folder.
SECRET = b"a secret that servers and worlds share"


class Server:
    """One process. It signs with the world's secret, so the world's accounts are its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    async def spawn(self) -> asyncio.subprocess.Process:
        """Begins to start."""
        environ = os.environ | {
            "JWT_SECRET": SECRET.decode(),
            "LOG_LEVEL": "error",
            "MONITOR_RATE": "0",
            "RATE_LIMIT_FACTOR": str(NO_LIMIT),
            "GRPC_PORT": "0",
        }
        with (self._folder / "server.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "cli", "serve", "--port", str(self.port), "--data", str(self._folder)),
                cwd=_ROOT,
                env=environ,
                stdout=log,
                stderr=log,
            )
        return self.process

    async def start(self) -> None:
        """Starts, and waits until it is ready."""
        await self.spawn()
        async with asyncio.timeout(30), self.client() as http:
            while self.process.returncode is None:
                try:
                    if (await http.get("/health/ready")).is_success:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.02)  # it does not listen yet
        raise AssertionError((self._folder / "server.log").read_text())

    def client(self) -> httpx.AsyncClient:
        """Reaches it over its socket."""
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            timeout=60,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        )

    def kill(self) -> None:
        """`kill -9`, now."""
        if self.process.returncode is None:
            self.process.kill()

    async def stop(self) -> int:
        """Asks it to stop; answers its exit code."""
        self.process.terminate()
        return await self.process.wait()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Server]:
    """A server that is ready, and gone at the end whatever happens."""
    server = Server(folder)
    await server.start()
    try:
        yield server
    finally:
        server.kill()
        await server.process.wait()
