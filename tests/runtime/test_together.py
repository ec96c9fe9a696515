"""Reads of one tick travel together, and nobody's fate is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from runtime.problem import Unavailable
from runtime.together import Together

pytestmark = pytest.mark.anyio


class Source:
    """Answers in capitals; fails when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.error: Exception | None = None

    async def load(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(list(keys))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return {key: key.upper() for key in keys if key != "none"}


async def test_what_is_asked_in_one_tick_is_loaded_once() -> None:
    source = Source()
    together = Together(source.load)
    found = await asyncio.gather(*[together.get(key) for key in ("a", "b", "a", "none")])
    assert found == ["A", "B", "A", None]
    assert source.asked == [["a", "b", "none"]]


async def test_what_is_asked_later_is_loaded_anew() -> None:
    source = Source()
    together = Together(source.load)
    await together.get("a")
    await together.get("a")
    assert source.asked == [["a"], ["a"]]


async def test_no_more_than_the_most_travel_at_once() -> None:
    source = Source()
    together = Together(source.load, most=2)
    await asyncio.gather(*[together.get(key) for key in "abcde"])
    assert source.asked == [["a", "b"], ["c", "d"], ["e"]]


async def test_a_failure_is_told_to_all_that_wait_and_to_nobody_after() -> None:
    source = Source()
    together = Together(source.load)
    source.error = Unavailable("gone")
    outcomes = await asyncio.gather(*[together.get(k) for k in "ab"], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    source.error = None
    assert await together.get("a") == "A"


async def test_who_is_cancelled_leaves_the_others_their_answer() -> None:
    source = Source()
    together = Together(source.load)
    first, second, third = (asyncio.ensure_future(together.get(key)) for key in ("a", "a", "b"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "A"
    assert await third == "B"
    assert first.cancelled()
