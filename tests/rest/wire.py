"""Requests as bytes: to an ASGI application in process, with nothing in between that mends them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from runtime.foreign import Asgi
from runtime.rest import Header, Message


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as a server hands it on; `target` is the path, percent-encoded, and the query."""

    method: str
    target: str
    headers: Sequence[Header] = ()
    body: bytes = b""
    # How the body comes, where not at once.
    chunk: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `body` is what came of it before the patience was over."""

    status: int
    headers: Sequence[Header]
    body: bytes = b""
    parts: list[bytes] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """A header's text; of a repeated one all, with commas between."""
        found = [value.decode("latin-1") for key, value in self.headers if key.decode() == name]
        return ", ".join(found) if found else None

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The problem's code; None for what is no problem."""
        if self.header("content-type") != "application/problem+json":
            return None
        return str(self.json()["code"])


async def ask(app: Asgi, wire: Wire, *, patience: float = 30.0) -> Answer:
    """The answer of `app`. A stream that goes on for longer than `patience` is cut."""
    path, _, query = wire.target.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": wire.method,
        "scheme": "http",
        # As Granian does: bytes that are no UTF-8 become replacement characters.
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in wire.headers],
        "client": ("203.0.113.7", 40000),
        "server": ("localhost", 80),
        "extensions": {},
        "state": {},
    }
    size = wire.chunk or max(1, len(wire.body))
    chunks = [wire.body[at : at + size] for at in range(0, len(wire.body), size)] or [b""]
    started: list[Message] = []
    parts: list[bytes] = []
    gone = asyncio.Event()

    async def receive() -> Message:
        if chunks:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        else:
            parts.append(message.get("body", b""))

    try:
        async with asyncio.timeout(patience):
            await app(scope, receive, send)
    except TimeoutError:
        gone.set()
    assert len(started) == 1, "there must be one answer"
    return Answer(started[0]["status"], list(started[0]["headers"]), b"".join(parts), parts)
