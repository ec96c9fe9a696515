"""The time: the system's, and one that tests turn."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


class SystemClock:
    """The machine's clock, cut to the milliseconds that every store keeps."""

    def now(self) -> datetime:
        """Now, in UTC."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def today(self) -> date:
        """Today, in UTC."""
        return datetime.now(UTC).date()


class TurnableClock:
    """A clock that stands until it is turned."""

    def __init__(self, start: datetime = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """The moment it was last turned to."""
        return self._now

    def today(self) -> date:
        """That moment's day."""
        return self._now.date()

    def turn(self, by: timedelta) -> datetime:
        """Moves the clock by a span, in milliseconds at the finest; answers the new time."""
        moment = self._now + by
        self._now = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        return self._now


def milliseconds(moment: datetime) -> int:
    """Since 1970: how the adapters' own tables keep a time that they compare."""
    return round(moment.timestamp() * 1000)
