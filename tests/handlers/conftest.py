"""Fixtures of the handlers' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.handlers.household import Household
from tests.handlers.world import World


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the platform runs on."""
    return "asyncio"


@pytest.fixture(params=["here", "grpc"])
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """The embedded adapters, open and empty; handlers are called here, and once more by gRPC."""
    world = World(tmp_path, wired=request.param == "grpc")
    await world.open()
    yield world
    await world.close()


@pytest.fixture
async def house(world: World) -> AsyncIterator[Household]:
    """The budget, expense, transaction and search services, their consumers at work."""
    house = Household(world)
    await house.carry()
    yield house
    await world.bus.stop()
    await house.index.close()
