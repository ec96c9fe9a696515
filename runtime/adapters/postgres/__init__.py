"""Stores on PostgreSQL (POSTGRES_URL); runtime/adapters/sql has what they share with MySQL."""

from __future__ import annotations

from runtime.adapters.postgres.driver import DIALECT, PostgresDriver
from runtime.adapters.sql.database import CONNECTIONS, PATIENCE, SqlDatabase
from runtime.ports import Clock, Ids

__all__ = ["DIALECT", "PostgresDriver", "open_database"]


async def open_database(
    url: str,
    *,
    revision: str,
    clock: Clock | None = None,
    ids: Ids | None = None,
    connections: int = CONNECTIONS,
) -> SqlDatabase:
    """The database of POSTGRES_URL, which is at `revision` or later; see `SqlDatabase.open`."""
    return await SqlDatabase.open(
        PostgresDriver(url, patience=PATIENCE),
        DIALECT,
        variable="POSTGRES_URL",
        revision=revision,
        clock=clock,
        ids=ids,
        connections=connections,
    )
