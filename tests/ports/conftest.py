"""Fixtures of the ports' suites."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from _pytest.mark.structures import ParameterSet

from runtime.adapters.fanout import LocalFanout
from runtime.ports import SearchIndex, Store
from tests.ports import redis_server, searching
from tests.ports.platforms import BROKERS, PLATFORMS, STORES, Broker, Embedded, Platform

if TYPE_CHECKING:
    from tests.ports.mongodb_platform import MongoPlatform
    from tests.ports.sql_platforms import Server

P = TypeVar("P", bound=Platform)
SQL = ("postgres", "mariadb")


def _each(adapters: Iterable[str], needs: Mapping[str, str]) -> list[ParameterSet]:
    """The adapters as parameters, each marked with the real server that it needs."""
    return [
        pytest.param(name, marks=[pytest.mark.server(needs[name])] if name in needs else [])
        for name in adapters
    ]


async def _opened(kind: Callable[[Path], P], folder: Path) -> AsyncIterator[P]:
    platform = kind(folder)
    await platform.open()
    yield platform
    await platform.close()
    await platform.remove()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Stores are tried without brokers, and buses with them."""
    if "platform" in metafunc.fixturenames:
        real = list(STORES)
        if metafunc.module.__name__.rpartition(".")[2] in ("test_bus", "test_bus_failures"):
            real += BROKERS
        names: list[Any] = list(PLATFORMS)
        names += [pytest.param(name, marks=pytest.mark.server(name)) for name in real]
        metafunc.parametrize("platform", names, indirect=True)


@pytest.fixture
async def platform(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Platform]:
    """Each platform in turn, open and empty."""
    kinds: dict[str, Callable[[Path], Platform]] = {**PLATFORMS, **STORES, **BROKERS}
    async for platform in _opened(kinds[request.param], tmp_path):
        yield platform


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.server(name)) for name in SQL])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """Each platform on a SQL server, for what only those promise."""
    from tests.ports.sql_platforms import SQL_SERVERS

    async for server in _opened(SQL_SERVERS[request.param], tmp_path):
        yield server


@pytest.fixture
def store(platform: Platform) -> Store:
    """Its store."""
    return platform.store


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.server(name)) for name in BROKERS])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    """Each real broker in turn, for what brokers promise beyond the port."""
    async for platform in _opened(BROKERS[request.param], tmp_path):
        yield platform


@pytest.fixture
async def mongo(tmp_path: Path) -> AsyncIterator[MongoPlatform]:
    """MongoDB, for what only it promises."""
    from tests.ports.mongodb_platform import MongoPlatform

    platform = MongoPlatform(tmp_path)
    await platform.open()
    yield platform
    await platform.close()
    await platform.remove()


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
