"""What the embedded database tells the command line: what waits, and the idempotency records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from runtime.adapters.sqlite.database import Database
from runtime.adapters.sqlite.outbox import Statements
from runtime.inspection import KeptKey, Retrying, Waiting
from runtime.scalar import rfc3339

_WAITING = "SELECT channel, type, count(*), min(time) FROM outbox GROUP BY channel, type ORDER BY 4"
_RETRYING = (
    "SELECT consumer, id, type, attempts, reason, due FROM parked "
    "WHERE due IS NOT NULL ORDER BY due LIMIT ?"
)
_KEYS = (
    "SELECT caller, key, operation, fingerprint, answer, at FROM idempotency "
    "WHERE service = ? AND at >= ? AND (caller, key) > (?, ?) ORDER BY caller, key LIMIT ?"
)
_KEEP = (
    "INSERT INTO idempotency (service, caller, key, operation, fingerprint, answer, at) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (service, caller, key) DO UPDATE SET "
    "operation = ?4, fingerprint = ?5, answer = ?6, at = ?7"
)


class Inspection:
    """`Backlogs` and `KeyRecords` of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self) -> list[Waiting]:
        """What is in the outbox. Raises Unavailable."""
        return [Waiting(*row) for row in self._database.read(_WAITING)]

    async def retrying(self, most: int) -> list[Retrying]:
        """What is parked until its time. Raises Unavailable."""
        rows = self._database.read(_RETRYING, (most,))
        return [
            Retrying(consumer, id, type, attempts, reason, rfc3339(_moment(due)))
            for consumer, id, type, attempts, reason, due in rows
        ]

    async def keys(
        self, service: str, since: int, after: tuple[str, str] | None, most: int
    ) -> list[KeptKey]:
        """A page of records. Raises Unavailable."""
        row = (service, since, *(after or ("", "")), most)
        return [KeptKey(*found) for found in self._database.read(_KEYS, row)]

    async def keep(self, service: str, records: Sequence[KeptKey]) -> None:
        """Puts records in, in one transaction. Raises Unavailable."""
        rows = [
            (_KEEP, (service, r.caller, r.key, r.operation, r.fingerprint, r.answer, r.at))
            for r in records
        ]
        if rows:
            await self._database.write(Statements(rows))


def _moment(due: int) -> datetime:
    return datetime.fromtimestamp(due / 1000, UTC)
