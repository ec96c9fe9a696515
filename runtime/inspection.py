"""What the command line asks of stores and buses beyond their ports: what waits, and what is kept.

The Protocols are small on purpose: each adapter answers from what it keeps anyway, by reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Waiting:
    """Committed events of one channel and type that are not with all their consumers yet.

    `oldest`: when the first of them happened, RFC 3339.
    """

    channel: str
    type: str
    count: int
    oldest: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """An event that one consumer failed on and gets again at `due` (RFC 3339)."""

    consumer: str
    event_id: str
    type: str
    attempts: int
    reason: str
    due: str


class Backlogs(Protocol):
    """What is under way, without touching it."""

    async def waiting(self) -> list[Waiting]:
        """By channel and type, the oldest first. Raises Unavailable."""
        ...

    async def retrying(self, most: int) -> list[Retrying]:
        """The next ones due. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class KeptKey:
    """An idempotency record as it is kept; `at` is when, in milliseconds."""

    caller: str
    key: str
    operation: str
    fingerprint: bytes
    answer: bytes
    at: int


class KeyRecords(Protocol):
    """The idempotency records of a platform, as a whole."""

    async def keys(
        self, service: str, since: int, after: tuple[str, str] | None, most: int
    ) -> list[KeptKey]:
        """Those of one service from `since` (ms) on, in some order of caller and key that `after`
        goes on in. Raises Unavailable.
        """
        ...

    async def keep(self, service: str, records: Sequence[KeptKey]) -> None:
        """Puts them in, or in the place of what is there. Raises Unavailable."""
        ...


class Inspecting(Backlogs, KeyRecords, Protocol):
    """Both, of one place where things are kept."""


class Inspections:
    """`Backlogs` and `KeyRecords` over several places: each service's records are in one."""

    def __init__(self) -> None:
        self._by_service: dict[str, Inspecting] = {}
        self._all: list[Inspecting] = []

    def add(self, inspecting: Inspecting, services: Sequence[str] = ()) -> None:
        """One more place, which has the records of `services`."""
        self._all.append(inspecting)
        self._by_service.update(dict.fromkeys(services, inspecting))

    async def waiting(self) -> list[Waiting]:
        """By channel and type, the oldest first. Raises Unavailable."""
        found = [each for place in self._all for each in await place.waiting()]
        return sorted(found, key=lambda each: each.oldest)

    async def retrying(self, most: int) -> list[Retrying]:
        """The next ones due. Raises Unavailable."""
        found = [each for place in self._all for each in await place.retrying(most)]
        return sorted(found, key=lambda each: each.due)[:most]

    async def keys(
        self, service: str, since: int, after: tuple[str, str] | None, most: int
    ) -> list[KeptKey]:
        """Those of one service. Raises Unavailable."""
        return await self._by_service[service].keys(service, since, after, most)

    async def keep(self, service: str, records: Sequence[KeptKey]) -> None:
        """Puts them in. Raises Unavailable."""
        await self._by_service[service].keep(service, records)
