"""Clients that do not read: they cost what is stated, and nobody else anything."""

from __future__ import annotations

import asyncio
import itertools
from time import monotonic

import pytest

from generated.models import Role
from runtime.websocket.outbox import MOST
from tests.rest.world import Account, World
from tests.websocket.client import Line

pytestmark = pytest.mark.anyio

# What the kernel takes for a client that does not read, and more: it is not the server's memory.
_MOST_MESSAGES = 6_000


class Deaf:
    """A signed-in socket that reads nothing after its acknowledgement."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def signed_in(cls, line: Line, account: Account) -> Deaf:
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port, limit=1000)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Authorization: Bearer %b\r\n\r\n" % account.access.encode()
        )
        await reader.readuntil(b'"ack"')
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's has it
        return cls(reader, writer)

    async def rest(self) -> bytes:
        """The end of what it was sent, read at last."""
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]  # a stream's has it
        last = b""
        async with asyncio.timeout(20):
            while part := await self._reader.read(65_536):
                last = (last + part)[-200:]
        self._writer.close()
        return last

    def leave(self) -> None:
        self._writer.transport.abort()


async def test_who_does_not_read_is_bounded_and_closed_and_the_others_hear_all(
    world: World, line: Line
) -> None:
    ann, admin = await world.account(), await world.account(Role.ADMIN)
    deaf = [await Deaf.signed_in(line, ann) for _ in range(2)]
    hears = await line.signed_in(ann)
    sockets = set(world.platform.hub._sockets)
    body = {"title": "News", "body": "x" * 2000, "userId": ann.id}
    sent = 0

    def stuck() -> int:
        return sum(len(socket._outbox._waiting) >= MOST for socket in sockets)

    for _ in itertools.count():
        await asyncio.gather(*(world.made(admin, "/notifications", body) for _ in range(50)))
        sent += 50
        for _ in range(50):
            assert (await hears.until(type="event"))["payload"]["title"] == "News"
        assert sent < _MOST_MESSAGES
        # More than the outbox and the fan-out hold waits by now: the listener has ended.
        if stuck() == 2:
            break
    for _ in range(8):
        await asyncio.gather(*(world.made(admin, "/notifications", body) for _ in range(50)))
        for _ in range(50):
            assert (await hears.until(type="event"))["payload"]["title"] == "News"
    assert all(len(socket._outbox._waiting) <= MOST for socket in sockets)
    # One reads on, and is told to come again; one never does, and is dropped.
    assert b"\x11\x39The client reads too slowly" in await deaf[0].rest()
    world.platform.hub.beat(monotonic() + 31)
    async with asyncio.timeout(10):
        while len(world.platform.hub._sockets) > 1:  # noqa: ASYNC110 # nothing tells of it
            await asyncio.sleep(0.01)
    deaf[1].leave()
    assert (await hears.ask("ping"))["type"] == "pong"
