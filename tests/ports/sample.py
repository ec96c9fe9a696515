"""Two entities and an event, as the compiler would write them, for the ports' suites."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from runtime.ids import TypeIds
from runtime.model import Entity, assemble, from_milli, to_milli
from runtime.ports import Envelope
from runtime.scalar import instant, rfc3339
from runtime.table import (
    JsonCell,
    Row,
    Table,
    day_cell,
    decimal_cell,
    moment_cell,
    plain_cell,
)

CHANNEL = "pot-events"
OPENED = "pot.opened.v1"
START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

_ids = TypeIds()


class Mood(StrEnum):
    CALM = "calm"
    WILD = "wild"


class Pot(Entity):
    """Somebody's money, seen by its members."""

    owner_id: str
    name: str
    limit: Decimal
    currency: str
    mood: Mood
    closed_on: date | None
    rank: int | None
    created_at: datetime
    members: list[str]


class Tally(Entity):
    """How many pots an owner has opened, by a consumer's count."""

    count: int
    label: str | None = None


def pot(**changed: Any) -> Pot:
    """A pot like any other, but for what is said."""
    values = {
        "id": _ids.new("pot"),
        "version": 1,
        "owner_id": "usr_ann",
        "name": _ids.new("name"),
        "limit": Decimal("500.00"),
        "currency": "USD",
        "mood": Mood.CALM,
        "closed_on": None,
        "rank": None,
        "created_at": START,
        "members": [],
    }
    return assemble(Pot, {**values, **changed})


def tally(id: str, count: int = 0, version: int = 1) -> Tally:
    """A count."""
    return assemble(Tally, {"id": id, "version": version, "count": count, "label": None})


@dataclass(frozen=True, slots=True)
class PotOpened:
    """`pot.opened.v1`."""

    pot_id: str
    owner_id: str

    def envelope(self, id: str, time: str, traceparent: str = "") -> Envelope:
        """The event as it travels."""
        data = json.dumps({"potId": self.pot_id, "ownerId": self.owner_id}).encode()
        return Envelope(id, OPENED, CHANNEL, self.owner_id, self.pot_id, 1, time, data, traceparent)

    @classmethod
    def decode(cls, envelope: Envelope) -> PotOpened:
        """Raises ValueError."""
        data = json.loads(envelope.data)
        return cls(data["potId"], data["ownerId"])


_MEMBERS: JsonCell[list[str]] = JsonCell(list[str])


def _pot_row(e: Pot) -> Row:
    return (
        e.id,
        e.version,
        e.owner_id,
        e.name,
        to_milli(e.limit),
        e.currency,
        e.mood.value,
        None if e.closed_on is None else e.closed_on.isoformat(),
        e.rank,
        rfc3339(e.created_at),
        _MEMBERS.write(e.members),
    )


_MOODS = {member.value: member for member in Mood}


def _pot(r: Row) -> Pot:
    return assemble(
        Pot,
        {
            "id": r[0],
            "version": r[1],
            "owner_id": r[2],
            "name": r[3],
            "limit": from_milli(r[4], r[5]),
            "currency": r[5],
            "mood": _MOODS[r[6]],
            "closed_on": None if r[7] is None else date.fromisoformat(r[7]),
            "rank": r[8],
            "created_at": instant(r[9]),
            "members": _MEMBERS.read(r[10]),
        },
    )


POTS: Table[Pot] = Table(
    kind=Pot,
    name="pots",
    service="pot",
    columns=(
        "id",
        "version",
        "owner_id",
        "name",
        "limit",
        "currency",
        "mood",
        "closed_on",
        "rank",
        "created_at",
        "members",
    ),
    ddl=(
        'CREATE TABLE "pots" ("id" TEXT PRIMARY KEY NOT NULL, "version" INTEGER NOT NULL, '
        '"owner_id" TEXT NOT NULL, "name" TEXT NOT NULL, "limit" INTEGER NOT NULL, '
        '"currency" TEXT NOT NULL, "mood" TEXT NOT NULL, "closed_on" TEXT, "rank" INTEGER, '
        '"created_at" TEXT NOT NULL, "members" TEXT NOT NULL) STRICT, WITHOUT ROWID',
        'CREATE UNIQUE INDEX "pots.owner_id.name" ON "pots" ("owner_id", "name")',
        'CREATE INDEX "pots:owner_id:created_at" ON "pots" ("owner_id", "created_at", "id")',
        'CREATE TABLE "pots__visible_to" ("value" TEXT NOT NULL, "id" TEXT NOT NULL, '
        'PRIMARY KEY ("value", "id")) STRICT, WITHOUT ROWID',
        'CREATE INDEX "pots__visible_to:id" ON "pots__visible_to" ("id")',
    ),
    encode=_pot_row,
    decode=_pot,
    cells={
        "id": plain_cell,
        "version": plain_cell,
        "owner_id": plain_cell,
        "name": plain_cell,
        "limit": decimal_cell,
        "currency": plain_cell,
        "mood": plain_cell,
        "closed_on": day_cell,
        "rank": plain_cell,
        "created_at": moment_cell,
        "members": plain_cell,
    },
    unique=(("owner_id", "name"),),
    sets={"visible_to": lambda e: (e.owner_id, *e.members)},
)

TALLIES: Table[Tally] = Table(
    kind=Tally,
    name="tallies",
    service="pot",
    columns=("id", "version", "count", "label"),
    ddl=(
        'CREATE TABLE "tallies" ("id" TEXT PRIMARY KEY NOT NULL, "version" INTEGER NOT NULL, '
        '"count" INTEGER NOT NULL, "label" TEXT) STRICT, WITHOUT ROWID',
    ),
    encode=lambda e: (e.id, e.version, e.count, e.label),
    decode=lambda r: assemble(Tally, {"id": r[0], "version": r[1], "count": r[2], "label": r[3]}),
    cells={"id": plain_cell, "version": plain_cell, "count": plain_cell, "label": plain_cell},
)

TABLES: tuple[Table[Any], ...] = (POTS, TALLIES)
