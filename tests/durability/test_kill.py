"""A server that is killed at any moment loses nothing acknowledged, and does nothing twice."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from generated.models import Role
from tests.durability.load import Client, Fuse, assert_stored
from tests.durability.server import SECRET, Server
from tests.durability.truth import assert_true
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio

USERS, MANAGERS, SHARED = 10, 2, 3
# Requests begun or answered before the kill.
MOST_BURNED = 400


async def people(folder: Path) -> tuple[list[Account], list[dict[str, Any]]]:
    """Accounts in a new folder, and the budgets that all of them may edit."""
    world = World(folder, jwt_secret=SECRET)
    await world.open()
    accounts = [await world.account() for _ in range(USERS)]
    accounts += [await world.account(Role.MANAGER) for _ in range(MANAGERS)]
    shared: list[dict[str, Any]] = []
    for owner in accounts[:SHARED]:
        body = {"name": "Shared", "limit": "1000.00", "startsOn": "2026-01-01"}
        budget = await world.made(owner, "/budgets", body)
        for guest in accounts:
            if guest is not owner:
                body = {"email": guest.email, "role": "editor"}
                await world.made(owner, f"/budgets/{budget['id']}/invitations", body)
                token = {"token": await world.mailed(guest.email)}
                budget = await world.made(guest, "/invitations/accept", token)
        shared.append(budget)
    await world.close()
    return accounts, shared


async def kill_under_load(folder: Path, clients: list[Client], after: int) -> None:
    """Starts a server, lets the clients write, and kills it after so many requests."""
    server = Server(folder)
    await server.start()
    fuse = Fuse(after, server.kill)
    try:
        async with server.client() as http, asyncio.TaskGroup() as tasks:
            for client in clients:
                tasks.create_task(client.live(http, fuse))
    finally:
        server.kill()
        code = await server.process.wait()
    assert code == -signal.SIGKILL


async def kill_while_starting(folder: Path, seconds: float) -> None:
    """Kills a server that may not have recovered yet."""
    server = Server(folder)
    process = await server.spawn()
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        server.kill()
    assert await process.wait() == -signal.SIGKILL, (folder / "server.log").read_text()


async def assert_whole(folder: Path, clients: list[Client]) -> None:
    """Starts, has every client ask again, and compares what is stored with what was said."""
    world = World(folder, jwt_secret=SECRET)
    await world.open()
    try:
        async with asyncio.TaskGroup() as tasks:
            for client in clients:
                tasks.create_task(client.settle(world.http))
        assert_stored(await assert_true(world.platform), clients)
        for client in clients:
            client.account = await world.sign_in(client.account.email)
    finally:
        await world.close()


async def survive(folder: Path, kills: int, seed: int) -> int:
    """Kills so many times, and answers how many writes were acknowledged."""
    chance = random.Random(seed)
    accounts, shared = await people(folder)
    clients = [
        Client(account, random.Random(f"{seed} {number}"), shared)
        for number, account in enumerate(accounts)
    ]
    while kills > 0:
        await kill_under_load(folder, clients, chance.randrange(1, MOST_BURNED))
        kills -= 1
        while kills and chance.random() < 0.25:
            await kill_while_starting(folder, chance.uniform(0.3, 1.5))
            kills -= 1
        # Now and then the next server finds what two left undone.
        if not kills or chance.random() < 0.7:
            await assert_whole(folder, clients)
    acknowledged = sum(client.acknowledged for client in clients)
    print(f"seed {seed}: {acknowledged} writes acknowledged")
    return acknowledged


async def test_a_kill_loses_nothing_acknowledged_and_does_nothing_twice(tmp_path: Path) -> None:
    assert await survive(tmp_path, kills=6, seed=7) > 200


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_kill_after_kill_nothing_is_lost_and_nothing_is_done_twice(
    tmp_path: Path, seed: int
) -> None:
    assert await survive(tmp_path, kills=14, seed=seed) > 400
