"""What GraphQL costs those who do not use it, and that what ends leaves nothing behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.graphql.client import connected
from tests.graphql.test_subscriptions import BUDGET, NOTES, budget_of, heard, subscribed
from tests.rest.world import World
from tests.websocket.client import served

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


def test_a_server_that_nobody_asks_loads_none_of_it() -> None:
    code = "import app, sys; print(sorted({'graphql', 'strawberry'} & sys.modules.keys()))"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"


async def test_the_first_requests_load_it_once_and_hold_nobody_up(world: World) -> None:
    account = await world.account()
    body = {"query": "{ me { id } }"}
    late = 0.0

    async def beat() -> None:
        nonlocal late
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            late = max(late, loop.time() - before)

    beating = asyncio.create_task(beat())
    answers = await asyncio.gather(
        *(world.http.post("/api/graphql", json=body, headers=account.headers) for _ in range(5))
    )
    beating.cancel()
    assert {answer.status_code for answer in answers} == {200}
    engine = await world.platform.graphql.load()
    assert engine is await world.platform.graphql.load()
    # Python's threads take turns of 5 ms; an import that held the loop would take 200.
    assert late < 0.15


async def test_sockets_that_end_anyhow_leave_nothing_behind(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.open()
    account = await world.account()
    budget = await budget_of(world, account)
    async with served(world) as port:
        # What the server itself has running.
        async with connected(port) as client:
            await client.sign_in(account.access)
        await gone(world)
        before = len(asyncio.all_tasks())
        for ending in ("close", "cut", "complete", "cancelled"):
            async with connected(port) as client:
                await client.sign_in(account.access)
                await subscribed(client, BUDGET, {"id": budget}, "b")
                await subscribed(client, NOTES, None, "n")
                await heard(world, f"budget:{budget}")
                await heard(world, f"user:{account.id}")
                if ending == "cut":
                    client.connection.transport.abort()
                elif ending == "complete":
                    await client.send({"id": "b", "type": "complete"})
                    await client.send({"id": "n", "type": "complete"})
                    await heard(world, f"budget:{budget}", False)
                elif ending == "cancelled":
                    await subscribed(client, "{ budgets { expenses { id } } }", id="q")
            await gone(world)
            await heard(world, f"budget:{budget}", False)
            await heard(world, f"user:{account.id}", False)
        assert len(asyncio.all_tasks()) <= before
    await world.close()


async def gone(world: World) -> None:
    """Waits until no socket is open."""
    async with asyncio.timeout(5):
        while world.platform.graphql._sockets:  # noqa: ASYNC110 # it tells nobody
            await asyncio.sleep(0.005)


async def test_a_client_that_reads_nothing_is_left_behind_and_costs_a_bounded_part(
    tmp_path: Path,
) -> None:
    """Its socket's queue fills, then its listener's; the others hear everything meanwhile."""
    world = World(tmp_path)
    await world.open()
    account, other = await world.account(), await world.account()
    async with served(world) as port, connected(port) as slow, connected(port) as quick:
        chat = "subscription ($room: ID!) { chatMessage(room: $room) { text } }"
        for client, who in ((slow, account), (quick, account)):
            await client.sign_in(who.access)
            await subscribed(client, chat, {"room": account.id})
        await heard(world, f"chat:{account.id}")
        sockets = list(world.platform.graphql._sockets)
        assert len(sockets) == 2
        slow.connection.transport.pause_reading()

        async def read() -> int:
            count = 0
            while count < 400:
                message = await quick.next()
                count += message["type"] == "next"
            return count

        reading = asyncio.create_task(read())
        text = "x" * 2000
        for _ in range(400):
            await world.made(account, f"/chat/{account.id}/messages", {"text": text})
            for socket in sockets:
                assert len(socket._outbox._waiting) <= 64
        async with asyncio.timeout(30):
            assert await reading == 400
        assert (await world.send(other, "GET", "/auth/me")).status_code == 200
    await world.close()
