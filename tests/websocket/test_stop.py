"""A process that is told to stop, with sockets and streams open."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.durability.server import SECRET, serving
from tests.rest.world import World
from tests.websocket.client import Line

pytestmark = pytest.mark.anyio


async def test_a_stopped_process_says_goodbye_and_ends(tmp_path: Path) -> None:
    world = World(tmp_path, jwt_secret=SECRET)
    await world.open()
    ann = await world.account()
    await world.close()
    async with serving(tmp_path) as server:
        line = Line(server.port)
        clients = [await line.signed_in(ann) for _ in range(10)]
        stranger = await line.connect()
        async with (
            server.client() as http,
            http.stream("GET", "/api/notifications/stream", headers=ann.headers) as stream,
        ):
            chunks = stream.aiter_raw()
            assert (await anext(chunks)).startswith(b"retry:")
            stopping = asyncio.create_task(server.stop())
            for client in (*clients, stranger):
                assert await client.ended() == 1001
            # Not cut: the stream ends as it should, or this raises.
            assert [chunk async for chunk in chunks] == []
            assert isinstance(http, httpx.AsyncClient)
        async with asyncio.timeout(10):
            assert await stopping == 0
        await line.hang_up()
