"""GraphiQL in a real browser: an example is asked and answered, a subscription goes live."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.graphql.test_subscriptions import budget_of, heard
from tests.rest.world import World
from tests.websocket.client import free_port, served

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Browser:
    """A headless one, by WebDriver."""

    def __init__(self, http: httpx.AsyncClient, session: str) -> None:
        self._http = http
        self._session = f"/session/{session}"

    async def go(self, url: str) -> None:
        answer = await self._http.post(f"{self._session}/url", json={"url": url})
        assert answer.is_success, answer.text

    async def run(self, script: str, *args: Any) -> Any:
        """What a script returns."""
        body = {"script": script, "args": args}
        answer = await self._http.post(f"{self._session}/execute/sync", json=body)
        assert answer.is_success, answer.text
        return answer.json()["value"]

    async def until(self, script: str) -> Any:
        """What a script returns, once that is something."""
        async with asyncio.timeout(30):
            while not (value := await self.run(script)):  # noqa: ASYNC110 # the page tells nobody
                await asyncio.sleep(0.05)
            return value

    async def faults(self) -> list[str]:
        """What the console says is wrong: what was blocked, what was not there."""
        answer = await self._http.post(f"{self._session}/se/log", json={"type": "browser"})
        return [each["message"] for each in answer.json()["value"] if each["level"] == "SEVERE"]


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    driver = shutil.which("chromedriver")
    binary = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    assert driver is not None
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        driver, f"--port={port}", stdout=asyncio.subprocess.DEVNULL
    )
    try:
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, timeout=60) as http:
            async with asyncio.timeout(20):
                while True:
                    try:
                        await http.get("/status")
                        break
                    except httpx.HTTPError:
                        await asyncio.sleep(0.05)  # it does not listen yet
            options = {
                "binary": binary,
                "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"],
            }
            asked = {"browserName": "chrome", "goog:chromeOptions": options}
            asked["goog:loggingPrefs"] = {"browser": "ALL"}
            made = await http.post("/session", json={"capabilities": {"alwaysMatch": asked}})
            assert made.is_success, made.text
            session = made.json()["value"]["sessionId"]
            try:
                yield Browser(http, session)
            finally:
                await http.delete(f"/session/{session}")
    finally:
        process.terminate()
        await process.wait()


CHOOSE = """
const choice = document.getElementById("example");
const option = [...choice.querySelectorAll("option")].find((each) => each.text === arguments[0]);
choice.value = option.value;
choice.dispatchEvent(new Event("change"));
"""
EDITORS = "return document.querySelectorAll('.graphiql-container .CodeMirror').length > 2"
QUERY = "return document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.getValue()"
RESULT = "document.querySelector('.result-window .CodeMirror').CodeMirror.getValue()"
ASK = "document.querySelector('.graphiql-execute-button').click()"
SIGN_IN = "document.getElementById('token').value = arguments[0]"
READ = "localStorage.getItem('graphiql:operationName')"
GIVE = (
    "[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')][0]"
    ".CodeMirror.setValue(arguments[0])"
)


async def test_an_example_is_asked_and_a_subscription_goes_live(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.open()
    account = await world.account()
    budget = await budget_of(world, account)
    async with served(world) as port, browsing() as browser:
        await browser.go(f"http://127.0.0.1:{port}/api/graphql")
        await browser.until(EDITORS)
        await browser.until("return document.querySelectorAll('#example option').length > 60")
        await browser.run(SIGN_IN, account.access)
        await browser.run(CHOOSE, "budgets")
        await browser.until(f"{QUERY}.includes('query Budgets')")
        await browser.run(ASK)
        await browser.until(f"return {RESULT}.includes('Household')")
        await browser.run(CHOOSE, "budgetChanged")
        await browser.until(f"{QUERY}.includes('subscription BudgetChanged')")
        # It reads what was put in a little later, and asks for the operation that it has read.
        await browser.until(f"return {READ} === 'BudgetChanged'")
        await browser.run(GIVE, f'{{"id": "{budget}"}}')
        await browser.run(ASK)
        await heard(world, f"budget:{budget}")
        change = {"name": "Live", "limit": "5.00"}
        await world.send(account, "PUT", f"/budgets/{budget}", change)
        await browser.until(f"return {RESULT}.includes('Live')")
        assert await browser.faults() == []
    await world.close()
