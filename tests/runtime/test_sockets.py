"""Where websockets lead, and from whose pages."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest

from runtime.sockets import Sockets

pytestmark = pytest.mark.anyio


async def opened(path: str = "/ws", **headers: str) -> list[dict[str, Any]]:
    """What a client hears that opens a socket."""
    heard: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        heard.append(dict(message))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    raw = [(name.encode(), value.encode()) for name, value in {"host": "api", **headers}.items()]
    sockets = Sockets({"/ws": app}, ["https://app.example.com"])
    await sockets({"type": "websocket", "path": path, "headers": raw}, receive, send)
    return heard


@pytest.mark.parametrize("origin", ["https://app.example.com", "http://api", ""])
async def test_programs_our_own_pages_and_listed_ones_are_let_in(origin: str) -> None:
    headers = {"origin": origin} if origin else {}
    assert await opened(**headers) == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", "https://app.example.com.evil", "http://api:1"]
)
async def test_other_pages_are_not(origin: str) -> None:
    (heard,) = await opened(origin=origin)
    assert (heard["type"], heard["code"]) == ("websocket.close", 1008)


async def test_there_is_nothing_elsewhere() -> None:
    (heard,) = await opened("/nowhere")
    assert heard["type"] == "websocket.close"
