"""The store and the outbox on MongoDB, a replica set of version 6 or later.

    database = await MongoDatabase.open(uri, clock=clock, ids=ids)
    await migrate(database, DOCUMENTS, services)
    store = MongoStore(database, COLLECTIONS, "budget")
    outbox = MongoOutbox(database, COLLECTIONS, "budget")
    ...
    await outbox.close()
    await database.close()

A commit of one entity and its events is one update of one document, which holds the events until
they are relayed; any other commit is one transaction. Reads and writes are PyMongo's with compiled
codecs; Beanie's documents declare the schema and its indexes (`schema.py`).
"""

from runtime.adapters.mongodb.database import CannotReach, MongoDatabase
from runtime.adapters.mongodb.outbox import MongoOutbox
from runtime.adapters.mongodb.store import MongoStore

__all__ = ["CannotReach", "MongoDatabase", "MongoOutbox", "MongoStore"]
