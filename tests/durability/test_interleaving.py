"""Sixty-four who write at once: whatever meets what, at rest every sum is right."""

from __future__ import annotations

import asyncio
import random

import pytest

from generated.models import Role
from tests.durability.crowd import Crowd
from tests.durability.truth import assert_true
from tests.rest.world import World

pytestmark = pytest.mark.anyio

WRITERS = 64
# Each must have succeeded, or the test says nothing about it.
DONE = {
    *[("new expense", 201), ("change expense", 200), ("delete expense", 204), ("import", 207)],
    *[("change budget", 200), ("delete budget", 204), ("new row", 201), ("reverse", 201)],
    *[("new order", 201), ("step", 200)],
}


async def interleave(world: World, seed: int, times: int) -> None:
    """Has the crowd write, takes budgets away meanwhile, and asserts the truth."""
    accounts = [await world.account(Role.MANAGER) for _ in range(4)]
    crowd = Crowd(world, accounts, random.Random(seed))
    await crowd.begin(budgets=6)
    await asyncio.gather(
        crowd.write(WRITERS, times),
        crowd.delete_budgets(but=3),
        crowd.delete_account(accounts[-1]),
    )
    state = await assert_true(world.platform)
    assert state.budgets.keys() == crowd.budgets.keys()
    assert not DONE - crowd.answers.keys()


@pytest.mark.parametrize("seed", range(2))
async def test_every_sum_is_right_after_any_interleaving(world: World, seed: int) -> None:
    await interleave(world, seed, times=12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
async def test_every_sum_is_right_after_a_long_interleaving(world: World, seed: int) -> None:
    await interleave(world, seed, times=60)
