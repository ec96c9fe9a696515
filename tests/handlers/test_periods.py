"""What a period is: every day has exactly one, they follow each other, and days of UTC decide."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generated.models import Period
from handlers.periods import months_after, window_at
from tests.handlers.household import day

DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))
RECURRING = st.sampled_from([Period.MONTHLY, Period.WEEKLY, Period.YEARLY])


@pytest.mark.parametrize(
    ("period", "starts_on", "today", "first", "last"),
    [
        (Period.MONTHLY, "2026-11-01", "2026-11-22", "2026-11-01", "2026-11-30"),
        (Period.MONTHLY, "2026-03-15", "2026-11-14", "2026-10-15", "2026-11-14"),
        (Period.MONTHLY, "2026-03-15", "2026-11-15", "2026-11-15", "2026-12-14"),
        (Period.MONTHLY, "2026-01-31", "2026-02-28", "2026-02-28", "2026-03-30"),
        (Period.MONTHLY, "2026-01-31", "2026-03-31", "2026-03-31", "2026-04-29"),
        (Period.WEEKLY, "2026-11-02", "2026-11-22", "2026-11-16", "2026-11-22"),
        (Period.YEARLY, "2024-02-29", "2026-02-27", "2025-02-28", "2026-02-27"),
        (Period.YEARLY, "2024-02-29", "2028-02-29", "2028-02-29", "2029-02-27"),
    ],
)
def test_a_period_begins_on_the_day_of_the_first(
    period: Period, starts_on: str, today: str, first: str, last: str
) -> None:
    window = window_at(period, day(starts_on), None, day(today))
    assert (window.start, window.end) == (day(first), day(last))


def test_a_budget_for_once_has_one_period_with_or_without_end() -> None:
    starts_on, ends_on = day("2026-06-01"), day("2026-08-31")
    assert window_at(Period.ONCE, starts_on, ends_on, day("2030-01-01")).end == ends_on
    assert window_at(Period.ONCE, starts_on, None, day("2030-01-01")).end is None


def test_before_the_first_period_it_is_the_first_and_after_the_last_the_last() -> None:
    starts_on, ends_on = day("2026-06-10"), day("2026-08-20")
    early = window_at(Period.MONTHLY, starts_on, ends_on, day("2020-01-01"))
    late = window_at(Period.MONTHLY, starts_on, ends_on, day("2030-01-01"))
    assert (early.start, early.end) == (starts_on, day("2026-07-09"))
    assert (late.start, late.end) == (day("2026-08-10"), ends_on)


@given(period=RECURRING, starts_on=DAYS, today=DAYS)
def test_periods_tile_the_days(period: Period, starts_on: date, today: date) -> None:
    window = window_at(period, starts_on, None, today)
    assert max(today, starts_on) in window
    assert window.end is not None
    # Asked from any of its days it is the same, and the next day is the next one's first.
    assert window_at(period, starts_on, None, window.start) == window
    assert window_at(period, starts_on, None, window.end) == window
    if window.end < date(2199, 12, 31):
        following = window_at(period, starts_on, None, window.end + timedelta(days=1))
        assert following.start == window.end + timedelta(days=1)


@given(starts_on=DAYS, months=st.integers(0, 1200))
def test_a_month_later_is_in_the_next_month(starts_on: date, months: int) -> None:
    later = months_after(starts_on, months)
    assert (later.year * 12 + later.month) - (starts_on.year * 12 + starts_on.month) == months
    assert later.day <= starts_on.day
