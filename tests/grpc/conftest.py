"""Fixtures of gRPC's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.grpc.stage import Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The platform, serving gRPC."""
    stage = Stage(tmp_path)
    await stage.open()
    yield stage
    await stage.close()
