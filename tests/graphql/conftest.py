"""Fixtures of the GraphQL tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rest.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The platform, started over an empty folder, without limits."""
    world = World(tmp_path)
    await world.open()
    yield world
    await world.close()
