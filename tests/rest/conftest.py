"""Fixtures of the REST tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rest.stock import Stock
from tests.rest.target import Target
from tests.rest.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The platform, started over an empty folder, without limits."""
    world = World(tmp_path)
    await world.open()
    yield world
    await world.close()


@pytest.fixture(scope="module")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    """One platform for all of it: none of this changes anything."""
    world = World(tmp_path_factory.mktemp("world"))
    await world.open()
    stock = Stock(world)
    await stock.lay_in()
    yield Target(world, stock)
    await world.close()
