"""Fixtures of the socket's tests: one platform, served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rest.world import World
from tests.websocket.client import Line, served


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The platform over an empty folder, without limits."""
    world = World(tmp_path)
    await world.open()
    yield world
    await world.close()


@pytest.fixture
async def line(world: World) -> AsyncIterator[Line]:
    """The way to it: a real server's."""
    async with served(world) as port:
        line = Line(port)
        yield line
        await line.hang_up()
