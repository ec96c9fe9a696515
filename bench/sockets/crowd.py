"""A crowd of sockets in one process: each signs in by its subprotocol, and notes when it hears.

    python -m bench.sockets.crowd PORT COUNT DEAF < token

Commands come by lines: `settle`, `expect`; answers go by lines of JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from base64 import b64encode
from functools import partial
from os import urandom
from typing import cast

import uvloop

# Sockets that are being opened at once.
_AT_ONCE = 100
_MARK = b'"title":"Broadcast '


class Member(asyncio.Protocol):
    """One socket. The server's frames are not masked, so texts are found as they are."""

    def __init__(self, crowd: Crowd, *, deaf: bool) -> None:
        self.crowd = crowd
        self.deaf = deaf
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.crowd.request())

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.ready.done():
            self._head += data
            if b'"type":"ack"' in self._head:
                assert self._head.startswith(b"HTTP/1.1 101"), self._head[:200]
                self.ready.set_result(None)
                self._head = b""
                if self.deaf:
                    self.transport.pause_reading()
        else:
            for _ in range(data.count(_MARK)):
                self.crowd.heard.append(now)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(error or ConnectionError(self._head[:300]))
        self.crowd.lost += 1


class Crowd:
    """All of them."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self._token = token
        self.members: list[Member] = []
        self.heard: list[float] = []
        self.lost = 0

    def request(self) -> bytes:
        """An opening handshake."""
        key = b64encode(urandom(16)).decode()
        return (
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: budget.v1, bearer.{self._token}\r\n\r\n"
        ).encode()

    async def gather(self, count: int, deaf: int) -> None:
        """Opens `count` sockets, every `deaf`th of which will not read; none for 0."""
        loop = asyncio.get_running_loop()
        for start in range(0, count, _AT_ONCE):
            made = []
            for number in range(start, min(count, start + _AT_ONCE)):
                make = partial(Member, self, deaf=bool(deaf) and number % deaf == 0)
                made.append(loop.create_connection(make, "127.0.0.1", self.port))
            members = [member for _, member in await asyncio.gather(*made)]
            await asyncio.gather(*(member.ready for member in members))
            self.members += members

    async def hear(self, count: int) -> list[float]:
        """When each of the next `count` messages came."""
        async with asyncio.timeout(60):
            while len(self.heard) < count:  # noqa: ASYNC110 # an event for each costs more
                await asyncio.sleep(0.002)
        heard, self.heard = self.heard, []
        return heard


async def main(port: int, count: int, deaf: int) -> None:
    """Opens them, and answers what is asked."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    token = sys.stdin.readline().strip()
    crowd = Crowd(port, token)
    began = time.perf_counter()
    await crowd.gather(count, deaf)
    listening = count - (len(range(0, count, deaf)) if deaf else 0)
    _say({"opened": count, "seconds": time.perf_counter() - began})
    loop = asyncio.get_running_loop()
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).split():
        times = int(line[1])
        try:
            heard = await crowd.hear(times * listening)
        except TimeoutError:
            _say({"missing": times * listening - len(crowd.heard), "lost": crowd.lost})
            continue
        _say({"heard": heard, "lost": crowd.lost})


def _say(document: object) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:4])))
