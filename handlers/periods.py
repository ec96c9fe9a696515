"""Which days a budget's period has. Everything is in days of UTC; both ends belong to a period."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from generated.models import Period

_DAY = timedelta(days=1)
_MONTHS = {Period.MONTHLY: 1, Period.YEARLY: 12}
# The contract's days end with the year 2199.
_LAST = date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Window:
    """One period: its first day, and its last; None where it has no end."""

    start: date
    end: date | None

    def __contains__(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day <= self.end)

    @property
    def days(self) -> int | None:
        """How many days it has."""
        return None if self.end is None else (self.end - self.start).days + 1


@lru_cache(maxsize=4096)
def window_at(period: Period, starts_on: date, ends_on: date | None, day: date) -> Window:
    """The period that `day` is in; before the first it is the first, after the last it is the last.

    Months and years begin on the day of `starts_on`, or on the last day of a month that has no such
    day: a budget from 31 January begins again on 28 February, and then on 31 March.
    """
    day = max(day, starts_on)
    if ends_on is not None:
        day = min(day, ends_on)
    if period is Period.ONCE:
        return Window(starts_on, ends_on)
    if period is Period.WEEKLY:
        start = day - timedelta(days=(day - starts_on).days % 7)
        end = start + timedelta(days=6)
    else:
        step = _MONTHS[period]
        passed = (day.year - starts_on.year) * 12 + day.month - starts_on.month
        count = passed // step
        if months_after(starts_on, count * step) > day:
            count -= 1
        start = months_after(starts_on, count * step)
        end = months_after(starts_on, (count + 1) * step) - _DAY
    end = min(end, _LAST)
    return Window(start, end if ends_on is None else min(end, ends_on))


def months_after(day: date, months: int) -> date:
    """The same day, `months` later or earlier; the month's last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def month_of(day: date) -> str:
    """`2026-03`."""
    return f"{day:%Y-%m}"
