"""Suites and clients that nobody here wrote: graphql-http's audits, and graphql-ws's client."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.graphql.test_subscriptions import heard
from tests.rest.world import World
from tests.websocket.client import served

pytestmark = [pytest.mark.anyio, pytest.mark.node, pytest.mark.xdist_group("graphql-node")]

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def installed() -> Path:
    """The folder with what its lock says."""
    stamp = NODE / "node_modules" / ".package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < (NODE / "package-lock.json").stat().st_mtime:
        npm = shutil.which("npm")
        assert npm is not None
        command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=NODE, check=True, timeout=300)
        stamp.touch()
    return NODE


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[World, int]]:
    """The platform behind its server, and the port."""
    world = World(tmp_path)
    await world.open()
    async with served(world) as port:
        yield world, port
    await world.close()


async def node(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec("node", *arguments, stdin=pipe, stdout=pipe)


async def test_graphql_https_audits_pass(place: tuple[World, int], installed: Path) -> None:
    """All that is a MUST, and all that is a SHOULD."""
    _, port = place
    run = await node(str(installed / "audits.mjs"), f"http://127.0.0.1:{port}/api/graphql")
    async with asyncio.timeout(60):
        out, _ = await run.communicate()
    results = [json.loads(line) for line in out.splitlines()]
    assert len(results) > 50
    failed = [
        f"{each['id']} {each['name']}: {each['reason']}"
        for each in results
        if each["status"] != "ok" and not each["name"].startswith("MAY")
    ]
    assert not failed, "\n".join(failed)


async def test_graphql_wss_client_resumes_after_a_cut(
    place: tuple[World, int], installed: Path
) -> None:
    world, port = place
    account = await world.account()
    budget = (await world.made(account, "/budgets", {"name": "One", "limit": "5.00"}))["id"]
    url = f"ws://127.0.0.1:{port}/api/graphql"
    run = await node(str(installed / "client.mjs"), url, account.access, budget)
    assert run.stdin is not None
    assert run.stdout is not None

    async def until(wanted: str) -> Any:
        assert run.stdout is not None
        async with asyncio.timeout(20):
            while True:
                told: dict[str, Any] = json.loads(await run.stdout.readline())
                if wanted in told:
                    return told[wanted]

    async def renamed(name: str) -> None:
        await heard(world, f"budget:{budget}")
        changed = await world.send(
            account, "PUT", f"/budgets/{budget}", {"name": name, "limit": "5.00"}
        )
        assert changed.status_code == 200

    await until("connected")
    await renamed("Two")
    assert await until("name") == "Two"
    for name in ("Three", "Four"):
        run.stdin.write(b"cut\n")
        await until("connected")
        # It subscribes again, which nobody is told of: what changes until then, it does not hear.
        hearing = asyncio.ensure_future(until("name"))
        for at in range(100):
            await renamed(f"{name} {at}")
            done, _ = await asyncio.wait({hearing}, timeout=0.1)
            if done:
                break
        assert (await hearing).startswith(name)
    # A session that has ended is not tried again: the client is told once and for all.
    await world.send(account, "POST", "/auth/logout")
    assert await until("closed") == 4401
    assert await until("failed") == 4401
    assert await run.wait() == 0
