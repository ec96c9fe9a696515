"""Redis for the ports' suites: keys of a test's own, and servers that a test may kill."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

from runtime.adapters.redis import Gone, Line, RedisFanout


@asynccontextmanager
async def opened(url: str, patience: float = 2.0) -> AsyncIterator[Line]:
    """A line to the server at `url`; patient, as the machine may be busy."""
    line = await Line.open(url, patience=patience)
    line.pause = 0.02
    try:
        yield line
    finally:
        await line.close()


def prefix() -> str:
    """The beginning of keys and channels that nobody else uses."""
    return f"test-{token_hex(6)}:"


def fanout(line: Line, named: str | None = None) -> RedisFanout:
    """A fan-out of a process of its own."""
    return RedisFanout(line, prefix=named or prefix())


async def swept(line: Line, named: str) -> None:
    """Removes the keys that begin with `named`."""
    cursor = b"0"
    while True:
        cursor, keys = await line.call("SCAN", cursor, "MATCH", f"{named}*", "COUNT", 1000)
        if keys:
            await line.call("DEL", *keys)
        if cursor == b"0":
            return


class OwnServer:
    """A redis-server on a free port, that the test kills, pauses and starts again, empty."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        assert program is not None, "redis-server is not installed"
        self._program = program
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it."""
        self._process = subprocess.Popen(
            [*f"{self._program} --port {self.port} --bind 127.0.0.1 --save".split(), ""],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """As a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def pause(self) -> None:
        """It holds its connections, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


async def back(line: Line) -> None:
    """Waits until the line is there."""
    async with asyncio.timeout(20):
        while True:
            try:
                await line.call("PING")
            except Gone:
                await asyncio.sleep(0.01)
            else:
                return
