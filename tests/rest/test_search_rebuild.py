"""A lost search index comes back by itself: the store has what it was made of."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.rest.world import World

pytestmark = pytest.mark.anyio


async def test_an_index_that_was_lost_is_filled_at_the_next_start(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.open()
    ann = await world.account()
    budget = await world.made(ann, "/budgets", {"name": "Home", "limit": "10"})
    expense = {"budgetId": budget["id"], "description": "Tea", "amount": "1", "category": "Food"}
    await world.made(ann, "/expenses", expense)
    assert await world.platform.drained()  # else its event would fill the index
    await world.close()
    shutil.rmtree(tmp_path / "search")

    again = World(tmp_path)
    await again.open()
    try:
        for _ in range(100):
            answer = await again.send(ann, "POST", "/search/expenses", {"text": "tea"})
            if answer.json()["total"] == 1:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("the expense is not found")
    finally:
        await again.close()
