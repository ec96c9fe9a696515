"""Platforms that deliver nothing, filled and compared: what tests of moves stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import app
from commands.move import PlatformSide
from commands.moving import Side, tallied
from generated.models import Customer
from runtime.ids import TypeIds
from runtime.passwords import Passwords
from runtime.ports import Insert, Store
from runtime.settings import Settings
from tests.cli.calls import SECRET


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[app.Platform]:
    """A platform that delivers nothing."""
    settings = Settings(data_dir=folder, jwt_secret=SECRET.encode())
    platform = await app.build(settings, passwords=Passwords(cost=4))
    try:
        yield platform
    finally:
        await platform.stop()


async def stocked(store: Store, count: int) -> list[Customer]:
    """So many customers, who have been changed a few times."""
    ids, now = TypeIds(), datetime(2026, 1, 1, tzinfo=UTC)
    made = [
        Customer(
            id=ids.new("cus"),
            version=7,
            created_at=now,
            updated_at=now,
            name="Somebody",
            email="somebody@example.com",
        )
        for _ in range(count)
    ]
    for at in range(0, count, 500):
        await store.commit(*map(Insert, made[at : at + 500]))
    return made


async def tallies(platform: app.Platform) -> dict[str, Any]:
    """Counts and checksums of all that it holds."""
    return (await tallied(side(platform), since=0)).as_json()


def side(platform: app.Platform) -> Side:
    """The platform as `move` sees it."""
    return PlatformSide("a platform", platform)


def quiet(name: str, count: int) -> None:
    """Says nothing."""
