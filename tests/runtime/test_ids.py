"""Ids: their shape, their order, and that nobody guesses the next."""

from __future__ import annotations

import re
from time import time_ns

from runtime.ids import TypeIds, encode, uuid7


def test_an_id_is_a_prefix_and_a_uuid_of_version_7() -> None:
    assert re.fullmatch("bud_[0-7][0-9a-hjkmnp-tv-z]{25}", TypeIds().new("bud"))
    number = uuid7(1_700_000_000_123_456_789)
    assert number >> 80 == 1_700_000_000_123
    assert number >> 76 & 0xF == 7
    assert number >> 62 & 0b11 == 0b10


def test_ids_sort_by_when_they_were_made_also_within_a_millisecond() -> None:
    made = [encode(uuid7(1_700_000_000_000_000_000 + at)) for at in range(0, 3_000_000, 250)]
    assert made == sorted(made)


def test_ids_of_one_moment_differ_by_chance_alone() -> None:
    now = time_ns()
    made = {uuid7(now) & (1 << 62) - 1 for _ in range(1000)}
    assert len(made) == 1000
    # Spread over the whole range, so that no half of it can be left out when guessing.
    assert 300 < sum(number >> 61 for number in made) < 700
