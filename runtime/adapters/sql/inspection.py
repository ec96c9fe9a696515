"""What a SQL server tells the command line: what waits, and the idempotency records."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.adapters.sql.database import SqlDatabase
from runtime.inspection import KeptKey, Retrying, Waiting

_WAITING = (
    'SELECT "channel", "type", count(*), min("time") FROM "outbox" '
    'GROUP BY "channel", "type" ORDER BY 4'
)
_KEYS = (
    'SELECT "caller", "key", "operation", "fingerprint", "answer", "at" FROM "idempotency" '
    'WHERE "service" = $1 AND "at" >= $2 AND ("caller" > $3 OR ("caller" = $3 AND "key" > $4)) '
    'ORDER BY "caller", "key" LIMIT '
)
# Younger than any that is kept: so what is there is replaced.
_ALL = 1 << 62


class SqlInspection:
    """`Backlogs` and `KeyRecords` of one database; a broker has what retries."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def waiting(self) -> list[Waiting]:
        """What is in the outbox, of all services. Raises Unavailable."""
        rows = await self._database.read(_WAITING)
        return [Waiting(channel, type, int(n), time) for channel, type, n, time in rows]

    async def retrying(self, most: int) -> list[Retrying]:
        """None: the bus puts events aside, not the store."""
        return []

    async def keys(
        self, service: str, since: int, after: tuple[str, str] | None, most: int
    ) -> list[KeptKey]:
        """A page of records. Raises Unavailable."""
        row = (service, since, *(after or ("", "")))
        rows = await self._database.read(f"{_KEYS}{int(most)}", row)
        return [
            KeptKey(caller, key, operation, bytes(fingerprint), bytes(answer), int(at))
            for caller, key, operation, fingerprint, answer, at in rows
        ]

    async def keep(self, service: str, records: Sequence[KeptKey]) -> None:
        """Puts records in, or in the place of what is there. Raises Unavailable."""
        statements = self._database.dialect.remember
        for r in records:
            row = (service, r.caller, r.key, r.operation, r.fingerprint, r.answer, r.at, _ALL)
            for statement in statements:
                # A dialect's statement uses the first places, or all.
                await self._database.write(statement, row[: _places(statement)])


def _places(statement: str) -> int:
    return max(place for place in range(1, 9) if f"${place}" in statement)
