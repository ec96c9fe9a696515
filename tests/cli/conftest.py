"""A platform that runs in the test's loop, over a folder that commands join or take turns at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rest.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Open; a test may close and open it again."""
    world = World(tmp_path / "data")
    await world.open()
    yield world
    await world.close()
