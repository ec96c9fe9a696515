"""Fixtures of the ports' suites."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runtime.ports import SearchIndex, Store
from tests.ports import searching
from tests.ports.platforms import BROKERS, PLATFORMS, STORES, Embedded, Platform

if TYPE_CHECKING:
    from tests.ports.mongodb_platform import MongoPlatform


async def _opened(kind: Callable[[Path], Platform], folder: Path) -> AsyncIterator[Platform]:
    platform = kind(folder)
    await platform.open()
    yield platform
    await platform.close()
    await platform.remove()


@pytest.fixture(
    params=[
        *PLATFORMS,
        *(pytest.param(name, marks=pytest.mark.server(name)) for name in (*STORES, *BROKERS)),
    ]
)
async def platform(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Platform]:
    """Each platform in turn, open and empty."""
    async for platform in _opened((PLATFORMS | STORES | BROKERS)[request.param], tmp_path):
        yield platform


@pytest.fixture
def store(platform: Platform) -> Store:
    """Its store."""
    return platform.store


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.server(name)) for name in BROKERS])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Platform]:
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


@pytest.fixture(params=searching.ADAPTERS)
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchIndex]:
    """Each search index in turn, empty."""
    index = searching.ADAPTERS[request.param](tmp_path)
    yield index
    await index.close()
