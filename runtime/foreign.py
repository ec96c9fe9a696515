"""ASGI applications that are not ours: how they are called, and their answers taken whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from runtime.rest import Receive, Response, Scope, Send

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


async def captured(app: Asgi, scope: Scope, receive: Receive) -> Response:
    """The whole answer of an ASGI application that is not ours."""
    response = Response(500)
    parts: list[bytes] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = [
                (name.lower(), value)
                for name, value in message["headers"]
                if name.lower() != b"content-length"
            ]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    response.body = b"".join(parts)
    return response
