"""The sample's entities in MongoDB, as the compiler would write them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from beanie import DecimalAnnotation, Document
from pydantic import Field

from runtime.adapters.mongodb.declared import OUTBOX, OutboxEntry, keyset, unique
from runtime.document import Collection, day_bson, moment, money, money_bson, plain
from runtime.model import assemble
from tests.ports.sample import Mood, Pot, Tally

_MOODS = {member.value: member for member in Mood}


def _pot_document(e: Pot) -> dict[str, Any]:
    d: dict[str, Any] = {
        "_id": e.id,
        "version": e.version,
        "owner_id": e.owner_id,
        "name": e.name,
        "limit": money_bson(e.limit),
        "currency": e.currency,
        "mood": e.mood.value,
        "created_at": e.created_at,
        "members": e.members,
        "visible_to": [*dict.fromkeys((e.owner_id, *e.members))],
    }
    if e.closed_on is not None:
        d["closed_on"] = day_bson(e.closed_on)
    if e.rank is not None:
        d["rank"] = e.rank
    return d


def _pot(d: dict[str, Any]) -> Pot:
    get = d.get
    return assemble(
        Pot,
        {
            "id": d["_id"],
            "version": d["version"],
            "owner_id": d["owner_id"],
            "name": d["name"],
            "limit": money(d["limit"], d["currency"]),
            "currency": d["currency"],
            "mood": _MOODS[d["mood"]],
            "closed_on": None if (v := get("closed_on")) is None else v.date(),
            "rank": get("rank"),
            "created_at": moment(d["created_at"]),
            "members": d["members"],
        },
    )


POTS: Collection[Pot] = Collection(
    kind=Pot,
    name="pots",
    service="pot",
    fields=(
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
        "visible_to",
    ),
    nullable=frozenset(("closed_on", "rank")),
    encode=_pot_document,
    decode=_pot,
    cells={
        "id": plain,
        "version": plain,
        "owner_id": plain,
        "name": plain,
        "limit": money_bson,
        "currency": plain,
        "mood": plain,
        "closed_on": day_bson,
        "rank": plain,
        "created_at": plain,
        "members": plain,
    },
    sets={"visible_to": "visible_to"},
)


def _tally_document(e: Tally) -> dict[str, Any]:
    d: dict[str, Any] = {"_id": e.id, "version": e.version, "count": e.count}
    if e.label is not None:
        d["label"] = e.label
    return d


def _tally(d: dict[str, Any]) -> Tally:
    return assemble(
        Tally,
        {
            "id": d["_id"],
            "version": d["version"],
            "count": d["count"],
            "label": d.get("label"),
        },
    )


TALLIES: Collection[Tally] = Collection(
    kind=Tally,
    name="tallies",
    service="pot",
    fields=("version", "count", "label"),
    nullable=frozenset(("label",)),
    encode=_tally_document,
    decode=_tally,
    cells={"id": plain, "version": plain, "count": plain, "label": plain},
    sets={},
)

COLLECTIONS: tuple[Collection[Any], ...] = (POTS, TALLIES)


class PotDocument(Document):
    """Somebody's money, seen by its members."""

    id: str  # type: ignore[assignment] # ours, where Beanie has the driver's
    version: int
    owner_id: str
    name: str
    limit: DecimalAnnotation
    currency: str
    mood: Mood
    closed_on: date | None = None
    rank: int | None = None
    created_at: datetime
    members: list[str]
    visible_to: list[str]
    outbox: list[OutboxEntry] = Field(default_factory=list)

    class Settings:
        """Where it is kept, and what is found fast."""

        name = "pots"
        keep_nulls = False
        indexes = (
            unique("owner_id", "name"),
            keyset("owner_id", "created_at"),
            keyset("visible_to", "created_at"),
            OUTBOX,
        )


class TallyDocument(Document):
    """How many pots an owner has opened, by a consumer's count."""

    id: str  # type: ignore[assignment] # ours, where Beanie has the driver's
    version: int
    count_: int = Field(alias="count")
    label: str | None = None
    outbox: list[OutboxEntry] = Field(default_factory=list)

    class Settings:
        """Where it is kept, and what is found fast."""

        name = "tallies"
        keep_nulls = False
        indexes = (OUTBOX,)


DOCUMENTS: tuple[type[Document], ...] = (PotDocument, TallyDocument)
SERVICES = ("pot", "other")
