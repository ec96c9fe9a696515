"""Stores on MySQL and MariaDB (MYSQL_URL); runtime/adapters/sql has what PostgreSQL shares.

Only what MySQL 8 and MariaDB 10.11 both have is used.
"""

from __future__ import annotations

from runtime.adapters.mysql.driver import DIALECT, MysqlDriver
from runtime.adapters.sql.database import CONNECTIONS, PATIENCE, SqlDatabase
from runtime.ports import Clock, Ids

__all__ = ["DIALECT", "MysqlDriver", "open_database"]


async def open_database(
    url: str,
    *,
    revision: str,
    clock: Clock | None = None,
    ids: Ids | None = None,
    connections: int = CONNECTIONS,
) -> SqlDatabase:
    """The database of MYSQL_URL, which is at `revision` or later; see `SqlDatabase.open`."""
    return await SqlDatabase.open(
        MysqlDriver(url, patience=PATIENCE),
        DIALECT,
        variable="MYSQL_URL",
        revision=revision,
        clock=clock,
        ids=ids,
        connections=connections,
    )
