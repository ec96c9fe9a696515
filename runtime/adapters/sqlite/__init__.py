"""The embedded store: one SQLite file in a data folder, with the outbox and the inbox.

    database = await Database.open(folder, TABLES, clock=clock, ids=ids)
    store = SqliteStore(database, TABLES, "budget")

Reads run inline on the event loop, on a connection of their own; all commits that wait become one
transaction, which a thread makes durable. One process serves from a folder; the command line joins
it as a guest.
"""

from runtime.adapters.sqlite.database import Database
from runtime.adapters.sqlite.folder import CannotOpen, InUse
from runtime.adapters.sqlite.store import SqliteStore

__all__ = ["CannotOpen", "Database", "InUse", "SqliteStore"]
