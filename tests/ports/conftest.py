"""Fixtures of the ports' suites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from runtime.ports import SearchIndex, Store
from tests.ports import searching
from tests.ports.platforms import NEEDS, PLATFORMS, Embedded, Platform
from tests.ports.sql_platforms import SQL_SERVERS, Server


def _platform(name: str) -> Any:
    """The platform's name, marked with the servers that it needs."""
    marks = [pytest.mark.server(server) for server in NEEDS.get(name, ())]
    return pytest.param(name, marks=marks)


_PARAMETERS = {name: _platform(name) for name in PLATFORMS}


@pytest.fixture(params=_PARAMETERS.values())
async def platform(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Platform]:
    """Each platform in turn, open and empty."""
    platform = PLATFORMS[request.param](tmp_path)
    await platform.open()
    yield platform
    await platform.close()
    await platform.drop()


@pytest.fixture(params=[p for name, p in _PARAMETERS.items() if name in SQL_SERVERS])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """Each platform on a SQL server, for what only those promise."""
    server = SQL_SERVERS[request.param](tmp_path)
    await server.open()
    yield server
    await server.close()
    await server.drop()


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


@pytest.fixture(params=searching.ADAPTERS)
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchIndex]:
    """Each search index in turn, empty."""
    index = searching.ADAPTERS[request.param](tmp_path)
    yield index
    await index.close()
