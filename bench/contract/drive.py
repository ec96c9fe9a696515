"""Asks an ASGI application in process, and reckons what one request costs it in CPU time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import process_time
from typing import Any

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Ask:
    """One request, to be sent many times."""

    name: str
    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    media: bytes = b"application/json"

    def scope(self) -> dict[str, Any]:
        """A new ASGI scope, as a server would make for each request."""
        headers = [
            (b"host", b"localhost:3000"),
            (b"user-agent", b"bench"),
            (b"accept", b"*/*"),
            *self.headers,
        ]
        if self.body:
            headers.append((b"content-type", self.media))
            headers.append((b"content-length", b"%d" % len(self.body)))
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 3000),
            "client": ("127.0.0.1", 50000),
            "scheme": "http",
            "method": self.method,
            "root_path": "",
            "path": self.path,
            "raw_path": self.path.encode("ascii"),
            "query_string": b"",
            "headers": headers,
            "state": {},
        }


class _Receive:
    """A body that is there at once; after it the client waits, as clients do."""

    __slots__ = ("_body", "_given")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._given = False

    async def __call__(self) -> dict[str, Any]:
        if self._given:
            await asyncio.Event().wait()
        self._given = True
        return {"type": "http.request", "body": self._body, "more_body": False}


async def _discard(message: Any) -> None:
    """What is sent is made, and goes nowhere."""


async def once(app: Asgi, ask: Ask) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body of one answer."""
    status = 0
    headers: dict[bytes, bytes] = {}
    parts: list[bytes] = []

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers.update((name.lower(), value) for name, value in message["headers"])
        else:
            parts.append(message.get("body", b""))

    await app(ask.scope(), _Receive(ask.body), send)
    return status, headers, b"".join(parts)


async def cost(app: Asgi, ask: Ask, seconds: float) -> float:
    """CPU microseconds a request, asked one after the other for about `seconds`."""
    count = 0
    batch = 20
    began = process_time()
    until = began + seconds
    while (now := process_time()) < until:
        for _ in range(batch):
            await app(ask.scope(), _Receive(ask.body), _discard)
        count += batch
        # So few looks at the clock that they cost nothing, and a round that ends about in time.
        batch = max(20, min(2000, int(count / max(now - began, 1e-4) * seconds / 20)))
    return (process_time() - began) / count * 1e6


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """Answers without looking: what remains is the driver's own cost."""
    await send(_START)
    await send(_BODY)


_START = {"type": "http.response.start", "status": 204, "headers": []}
_BODY = {"type": "http.response.body", "body": b""}
