"""A headless Chromium, by the WebDriver protocol (W3C): as much of it as a page's script needs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.websocket.client import free_port

_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


class Page:
    """A window of it."""

    def __init__(self, http: httpx.AsyncClient, session: str) -> None:
        self._http = http
        self._session = session

    async def open(self, url: str) -> None:
        """Goes there, and waits until it is loaded."""
        await self._post("/url", {"url": url})

    async def run(self, script: str) -> Any:
        """What a script returns, or resolves to."""
        return await self._post("/execute/sync", {"script": script, "args": []})

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = await self._http.post(f"/session/{self._session}{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()["value"]


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Page]:
    """A new browser with nothing in it; `folder` is for what it keeps."""
    driver = shutil.which("chromedriver")
    assert driver, "the mark `browser` sees to it"
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        driver,
        f"--port={port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False
        ) as http:
            async with asyncio.timeout(30):
                while True:
                    try:
                        if (await http.get("/status")).json()["value"]["ready"]:
                            break
                    except httpx.TransportError:
                        await asyncio.sleep(0.05)  # it does not listen yet
            options = {"args": [*_FLAGS, f"--user-data-dir={folder}"]}
            wanted = {"alwaysMatch": {"goog:chromeOptions": options}}
            answer = await http.post("/session", json={"capabilities": wanted})
            assert answer.is_success, answer.text
            session = answer.json()["value"]["sessionId"]
            try:
                yield Page(http, session)
            finally:
                await http.delete(f"/session/{session}")
    finally:
        process.terminate()
        await process.wait()
