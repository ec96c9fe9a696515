"""docs/sockets.md, run as it is printed: by Node, and by a page in a browser."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from handlers.demo import sow
from tests.rest.world import World
from tests.websocket.browser import browser
from tests.websocket.client import Line, served

pytestmark = pytest.mark.anyio

TEXT = (Path(__file__).parents[2] / "docs" / "sockets.md").read_text()


def block(language: str, line: Line) -> str:
    """The page's block in a language; only the port differs."""
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found
    return found[1].replace("localhost:3000", f"127.0.0.1:{line.port}")


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """A platform with the demo's accounts, served."""
    world = World(tmp_path / "data")
    await world.open()
    await sow(world.platform)
    async with served(world) as port:
        line = Line(port)
        line.world = world
        yield line
        await line.hang_up()
    await world.close()


async def token(line: Line, who: str) -> str:
    account = await line.world.sign_in(f"{who}@example.com", "password123")
    return account.access


def documents(text: str) -> Iterator[dict[str, Any]]:
    """JSON documents that stand one after the other."""
    decoder = json.JSONDecoder()
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        yield document
        text = text[end:]


@pytest.mark.node
async def test_the_example_prints_notifications(line: Line) -> None:
    script = f"TOKEN={await token(line, 'user')}\n{block('sh', line)}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told = list(documents(out.decode()))
    assert told[0]["type"] == "ack"
    event = next(each for each in told if each.get("type") == "event")
    assert event["payload"]["title"] == "Task monthlyReport succeeded"


@pytest.mark.browser
async def test_the_page_gets_notifications_and_talks_with_support(
    line: Line, tmp_path: Path
) -> None:
    support = await line.connect()
    secret = {"accessToken": await token(line, "support")}
    assert (await support.ask("signIn", payload=secret))["type"] == "ack"
    user = await line.world.sign_in("user@example.com", "password123")
    await support.subscribe(f"chat/{user.id}")
    async with browser(tmp_path / "browser") as page:
        await page.open(f"http://127.0.0.1:{line.port}/docs/")
        await page.run("window.said = []; console.log = (...told) => said.push(told.join(' '))")
        await page.run(f"return (async () => {{ {block('js', line)} }})()")
        asked = await support.until(type="event")
        assert asked["payload"]["text"] == "Hello?"
        await support.say(user.id, "Hello!")

        async def said(text: str) -> None:
            async with asyncio.timeout(20):
                while text not in await page.run("return said"):  # noqa: ASYNC110 # it is asked
                    await asyncio.sleep(0.05)

        await said("chat Hello!")
        await said("stream open")
        admin = await line.world.sign_in("admin@example.com", "password123")
        note = {"title": "News", "body": "Now", "userId": user.id}
        await line.world.made(admin, "/notifications", note)
        await said("socket News")
        await said("stream News")
