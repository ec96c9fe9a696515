"""Fixtures of the ports' suites."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from runtime.adapters.fanout import LocalFanout
from runtime.ports import SearchIndex, Store
from tests.ports import redis_server, searching
from tests.ports.platforms import NEEDS, PLATFORMS, Embedded, Platform


def _each(adapters: Iterable[str], needs: Mapping[str, str]) -> list[ParameterSet]:
    """The adapters as parameters, each marked with the real server that it needs."""
    return [
        pytest.param(name, marks=[pytest.mark.server(needs[name])] if name in needs else [])
        for name in adapters
    ]


@pytest.fixture(params=_each(PLATFORMS, NEEDS))
async def platform(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Platform]:
    """Each platform in turn, open and empty."""
    platform = PLATFORMS[request.param](tmp_path)
    await platform.open()
    yield platform
    await platform.close()


@pytest.fixture
def store(platform: Platform) -> Store:
    """Its store."""
    return platform.store


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Embedded]:
    """The embedded platform, for what only it promises."""
    platform = Embedded(tmp_path)
    await platform.open()
    yield platform
    await platform.close()


@pytest.fixture(params=_each(searching.ADAPTERS, {"elasticsearch": "elasticsearch"}))
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchIndex]:
    """Each search index in turn, empty."""
    async with searching.ADAPTERS[request.param](tmp_path) as index:
        yield index


@pytest.fixture(params=["local", pytest.param("redis", marks=pytest.mark.server("redis"))])
async def fanout(request: pytest.FixtureRequest) -> AsyncIterator[LocalFanout]:
    """Each fan-out in turn, with nobody listening."""
    if request.param == "local":
        yield LocalFanout()
        return
    async with redis_server.opened(os.environ["REDIS_URL"]) as line:
        fanout = redis_server.fanout(line)
        yield fanout
        await fanout.aclose()
