"""MongoDB under the ports' suites: a database of its own, whose events an embedded bus carries."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from runtime.adapters.clock import TurnableClock
from runtime.adapters.embedded_bus import EmbeddedBus
from runtime.adapters.mongodb import MongoDatabase, MongoOutbox, MongoStore
from runtime.adapters.mongodb.schema import migrate
from runtime.adapters.sqlite import Database
from tests.ports.relayed import Relayed
from tests.ports.sample_documents import COLLECTIONS, DOCUMENTS, SERVICES


def address(name: str) -> str:
    """MONGO_DB_URI with another database."""
    return urlunsplit(urlsplit(os.environ["MONGO_DB_URI"])._replace(path=f"/{name}"))


class MongoPlatform:
    """The sample's entities in a new database, and a bus in a folder."""

    store: MongoStore
    other: MongoStore
    bus: Relayed

    def __init__(self, folder: Path) -> None:
        self.clock = TurnableClock()
        self.uri = address(f"ports_{secrets.token_hex(6)}")
        self._folder = folder / "bus"
        self._made = False

    async def open(self) -> None:
        """Connects."""
        self.database = await MongoDatabase.open(self.uri, clock=self.clock)
        if not self._made:
            await migrate(self.database, DOCUMENTS, SERVICES)
            self._made = True
        self.store = MongoStore(self.database, COLLECTIONS, "pot")
        self.other = MongoStore(self.database, COLLECTIONS, "other")
        self.outbox = MongoOutbox(self.database, COLLECTIONS, "pot")
        self._embedded = await Database.open(self._folder, (), clock=self.clock)
        self._inner = EmbeddedBus(
            self._embedded,
            first_delay=0.01,
            longest_delay=0.05,
            patience=2.0,
            stop_within=0.2,
        )
        self.bus = Relayed(self._inner, self.outbox)

    async def close(self) -> None:
        """Stops the bus and disconnects."""
        await self.bus.stop()
        await self._embedded.close()
        await self.outbox.close()
        await self.database.close()

    def wake(self) -> None:
        """Has the embedded bus look."""
        self._inner.nudge(parked=True)

    async def remove(self) -> None:
        """Drops the database."""
        database = await MongoDatabase.open(self.uri)
        await database.client.drop_database(database.documents.name)
        await database.close()
