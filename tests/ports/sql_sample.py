"""The sample's tables as the compiler would write them for PostgreSQL and MySQL."""

from __future__ import annotations

from sqlalchemy import Column, Date, Index, MetaData, Table, UniqueConstraint

from runtime.adapters.sql import schema
from runtime.columns import DOCUMENT, MOMENT, MONEY, WHOLE, Exact
from runtime.model import assemble, scaled
from runtime.table import JsonCell, Row, SqlTable, utc
from tests.ports.sample import POTS, TALLIES, Mood, Pot, Tally

_MEMBERS: JsonCell[list[str]] = JsonCell(list[str])
_MOODS = {member.value: member for member in Mood}


def _pot_row(e: Pot) -> Row:
    return (
        e.id,
        e.version,
        e.owner_id,
        e.name,
        e.limit,
        e.currency,
        e.mood.value,
        e.closed_on,
        e.rank,
        e.created_at,
        _MEMBERS.write(e.members),
    )


def _pot(r: Row) -> Pot:
    return assemble(
        Pot,
        {
            "id": r[0],
            "version": r[1],
            "owner_id": r[2],
            "name": r[3],
            "limit": scaled(r[4], r[5]),
            "currency": r[5],
            "mood": _MOODS[r[6]],
            "closed_on": r[7],
            "rank": r[8],
            "created_at": utc(r[9]),
            "members": _MEMBERS.read(r[10]),
        },
    )


SQL_POTS: SqlTable[Pot] = SqlTable(
    table=POTS,
    home="postgresql",
    pack=_pot_row,
    unpack=_pot,
    optional=frozenset({"closed_on", "rank"}),
)
SQL_TALLIES: SqlTable[Tally] = SqlTable(
    table=TALLIES,
    home="postgresql",
    pack=lambda e: (e.id, e.version, e.count, e.label),
    unpack=lambda r: assemble(Tally, {"id": r[0], "version": r[1], "count": r[2], "label": r[3]}),
    optional=frozenset({"label"}),
)
SQL_TABLES = (SQL_POTS, SQL_TALLIES)


def declared(*, lanes: bool) -> MetaData:
    """The same tables as SQLAlchemy knows them, with the stores' own (see own_tables)."""
    metadata = MetaData()
    Table(
        "pots",
        metadata,
        Column("id", Exact(40), primary_key=True),
        Column("version", WHOLE, nullable=False),
        Column("owner_id", Exact(40), nullable=False),
        Column("name", Exact(100), nullable=False),
        Column("limit", MONEY, nullable=False),
        Column("currency", Exact(32), nullable=False),
        Column("mood", Exact(32), nullable=False),
        Column("closed_on", Date),
        Column("rank", WHOLE),
        Column("created_at", MOMENT, nullable=False),
        Column("members", DOCUMENT, nullable=False),
        UniqueConstraint("owner_id", "name", name="pots.owner_id.name"),
        Index("pots:owner_id:created_at", "owner_id", "created_at", "id"),
    )
    Table(
        "tallies",
        metadata,
        Column("id", Exact(40), primary_key=True),
        Column("version", WHOLE, nullable=False),
        Column("count", WHOLE, nullable=False),
        Column("label", Exact(100)),
    )
    schema.side_tables(metadata, SQL_TABLES)
    schema.own_tables(metadata, lanes=lanes)
    return metadata
