"""The tables that the SQL stores need beside the entities', as SQLAlchemy declares them.

For migrations and tests; the stores themselves never import it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Double, Index, MetaData, SmallInteger, Table

from runtime.columns import BYTES, WHOLE, Exact
from runtime.table import SqlTable

# Rows of outbox_lanes, by number from 0 (mysql/driver.py).
LANES = 64


def own_tables(metadata: MetaData, *, lanes: bool) -> None:
    """The outbox, the inbox, the idempotency records and the leases.

    Each row is of one service: several may share a database. `at` is in ms since 1970. `lanes`:
    also the rows that commits lock on MySQL; PostgreSQL has locks without rows.
    """
    Table(
        "outbox",
        metadata,
        Column("seq", WHOLE, primary_key=True, autoincrement=True),
        Column("service", Exact(40), nullable=False),
        Column("id", Exact(40), nullable=False),
        Column("type", Exact(100), nullable=False),
        Column("channel", Exact(100), nullable=False),
        Column("key", Exact(100), nullable=False),
        Column("subject", Exact(100), nullable=False),
        Column("version", WHOLE, nullable=False),
        Column("time", Exact(30), nullable=False),
        Column("data", BYTES, nullable=False),
        Column("traceparent", Exact(100), nullable=False),
        Index("outbox:service:seq", "service", "seq"),
        Index("outbox:service:id", "service", "id"),
    )
    Table(
        "inbox",
        metadata,
        Column("service", Exact(40), primary_key=True),
        Column("consumer", Exact(100), primary_key=True),
        Column("event_id", Exact(100), primary_key=True),
        Column("at", WHOLE, nullable=False),
        Index("inbox:at", "at"),
    )
    Table(
        "idempotency",
        metadata,
        Column("service", Exact(40), primary_key=True),
        Column("caller", Exact(100), primary_key=True),
        Column("key", Exact(255), primary_key=True),
        Column("operation", Exact(100), nullable=False),
        Column("fingerprint", BYTES, nullable=False),
        Column("answer", BYTES, nullable=False),
        Column("at", WHOLE, nullable=False),
        Index("idempotency:at", "at"),
    )
    Table(
        "leases",
        metadata,
        Column("id", Exact(100), primary_key=True),
        Column("holder", Exact(40), nullable=False),
        # Seconds since 1970, by the server's clock.
        Column("until", Double(), nullable=False),
    )
    if lanes:
        Table(
            "outbox_lanes",
            metadata,
            Column("lane", SmallInteger, primary_key=True, autoincrement=False),
        )


def side_tables(metadata: MetaData, tables: Iterable[SqlTable[Any]]) -> None:
    """The multi-valued indexes."""
    for stored in tables:
        for name in stored.table.sets or {}:
            side = f"{stored.table.name}__{name}"
            Table(
                side,
                metadata,
                Column("value", Exact(100), primary_key=True),
                Column("id", Exact(100), primary_key=True),
                Index(f"{side}:id", "id"),
            )
