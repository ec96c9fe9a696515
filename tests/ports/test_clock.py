"""The promises of the port Clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from runtime.adapters.clock import SystemClock, TurnableClock, milliseconds
from runtime.scalar import instant, rfc3339


def test_now_is_utc_in_whole_milliseconds_and_survives_its_text() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    now = SystemClock().now()
    assert before < now <= datetime.now(UTC)
    assert now.microsecond % 1000 == 0
    assert instant(rfc3339(now)) == now
    assert datetime.fromtimestamp(milliseconds(now) / 1000, UTC) == now


def test_today_is_the_day_in_utc() -> None:
    before = datetime.now(UTC).date()
    assert before <= SystemClock().today() <= datetime.now(UTC).date()


def test_a_turnable_clock_stands_until_it_is_turned() -> None:
    clock = TurnableClock(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert clock.now() == clock.now()
    assert clock.today() == date(2026, 12, 31)
    assert clock.turn(timedelta(minutes=1, microseconds=1999)) == datetime(
        2027, 1, 1, 0, 0, 0, 1000, tzinfo=UTC
    )
    assert clock.today() == date(2027, 1, 1)
