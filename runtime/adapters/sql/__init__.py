"""Stores on SQL servers: one compiler of statements, two drivers (postgres/, mysql/).

    database = await postgres.open_database(url, revision=migrations.head("postgresql"))
    store = SqlStore(database, SQL_TABLES, "transaction")
    relay = Relay({"transaction": store.outbox}, bus.publish, clock)

Several processes work on one database side by side. Nothing is cached: what one commits, the others
read. Declared tables and migrations are in schema.py and migrations/, which the hot path never
imports.
"""

from runtime.adapters.sql.database import PATIENCE, SqlDatabase
from runtime.adapters.sql.outbox import SqlOutbox
from runtime.adapters.sql.store import SqlStore

__all__ = ["PATIENCE", "SqlDatabase", "SqlOutbox", "SqlStore"]
