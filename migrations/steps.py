"""Parts of steps that may be found done: MySQL keeps what a step did before it was cut off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from runtime.adapters.sql.schema import LANES


def create_index_once(name: str, table: str, columns: list[str]) -> None:
    """An index, unless it is there."""
    known = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in known:
        op.create_index(name, table, columns)


def fill_lanes_once() -> None:
    """The rows of outbox_lanes that are not there."""
    lanes = sa.table("outbox_lanes", sa.column("lane", sa.SmallInteger))
    known = set(op.get_bind().execute(sa.select(lanes.c.lane)).scalars())
    op.bulk_insert(lanes, [{"lane": lane} for lane in range(LANES) if lane not in known])
