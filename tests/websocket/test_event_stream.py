"""The same notifications as server-sent events, over a real connection."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import httpx
import pytest

from generated.models import Role
from tests.rest.world import Account, World
from tests.websocket.client import Line

pytestmark = pytest.mark.anyio

STREAM = "/api/notifications/stream"


class Stream:
    """An open event stream. `last` is what an EventSource would resume from."""

    def __init__(self, response: httpx.Response) -> None:
        self._chunks = response.aiter_text()
        self._text = ""
        self.last = ""

    async def next(self) -> str:
        """The id of the next event. Raises StopAsyncIteration at the end."""
        while True:
            block, ended, rest = self._text.partition("\n\n")
            if not ended:
                async with asyncio.timeout(10):
                    self._text += await anext(self._chunks)
                continue
            self._text = rest
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            self.last = fields.get("id", self.last)
            if "data" in fields:
                return self.last

    async def began(self) -> str:
        """The id that it begins with."""
        while not self.last:
            async with asyncio.timeout(10):
                self._text += await anext(self._chunks)
            found = re.match(r"retry: 2000\nid: (ntf_\w+)\n\n", self._text)
            self.last = found[1] if found else ""
        return self.last


@asynccontextmanager
async def streaming(line: Line, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    """An event stream, begun."""
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{line.port}", timeout=10) as http,
        http.stream("GET", STREAM + query, headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        stream = Stream(response)
        await stream.began()
        yield stream


async def tell(world: World, admin: Account, account: Account, title: str) -> str:
    body: dict[str, Any] = {"title": title, "body": "As said.", "userId": account.id}
    id: str = (await world.made(admin, "/notifications", body))["id"]
    return id


async def test_a_browser_resumes_with_a_new_ticket(world: World, line: Line) -> None:
    ann, admin = await world.account(), await world.account(Role.ADMIN)

    async def ticket() -> str:
        text: str = (await world.made(ann, "/auth/ws-ticket"))["ticket"]
        return text

    async with streaming(line, f"?ticket={await ticket()}") as stream:
        here = stream.last
    first = await tell(world, admin, ann, "Meanwhile")
    # It has seen nothing, and yet knows from where to go on.
    async with streaming(line, f"?ticket={await ticket()}&lastEventId={here}") as stream:
        assert await stream.next() == first
    second = await tell(world, admin, ann, "Again")
    async with streaming(line, f"?ticket={await ticket()}&lastEventId={first}") as stream:
        assert await stream.next() == second


async def test_a_program_resumes_by_the_header(world: World, line: Line) -> None:
    ann, admin = await world.account(), await world.account(Role.ADMIN)
    sent = [await tell(world, admin, ann, f"number {number}") for number in range(3)]
    async with streaming(line, **ann.headers, **{"Last-Event-ID": sent[0]}) as stream:
        assert [await stream.next(), await stream.next()] == sent[1:]
        live = await tell(world, admin, ann, "live")
        assert await stream.next() == live


async def test_sockets_and_streams_tell_the_same(world: World, line: Line) -> None:
    ann, admin = await world.account(), await world.account(Role.ADMIN)
    client = await line.signed_in(ann)
    async with streaming(line, **ann.headers) as stream:
        for number in range(5):
            id = await tell(world, admin, ann, f"number {number}")
            assert await stream.next() == id
            assert (await client.until(type="event"))["id"] == id


async def test_a_revoked_session_ends_its_streams_within_a_second(world: World, line: Line) -> None:
    ann = await world.account()
    async with streaming(line, **ann.headers) as stream:
        began = monotonic()
        assert (await world.send(ann, "POST", "/auth/logout")).is_success
        with pytest.raises(StopAsyncIteration):
            await stream.next()
        assert monotonic() - began < 1


async def test_a_wrong_place_to_resume_from_is_refused(world: World) -> None:
    ann = await world.account()
    refused = await world.send(ann, "GET", "/notifications/stream?lastEventId=x")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "header:Last-Event-ID"
