"""The tables of version 1, as `python -m migrations draft` wrote them.

By hand: the engine, as only InnoDB has transactions; the rows of outbox_lanes; and that what is
there is left alone, as MySQL keeps what a step did before it was cut off.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import create_index_once, fill_lanes_once
from runtime import columns

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Towards the newer version."""
    op.create_table(
        "chat_messages",
        sa.Column("id", columns.Exact(30), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("author_id", columns.Exact(30), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("room", columns.Exact(30), nullable=False),
        sa.Column("text", columns.Exact(2000), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        mysql_engine="InnoDB",
        if_not_exists=True,
    )
    create_index_once(
        "chat_messages:room:created_at", "chat_messages", ["room", "created_at", "id"]
    )
    op.create_table(
        "idempotency",
        sa.Column("service", columns.Exact(40), nullable=False),
        sa.Column("caller", columns.Exact(100), nullable=False),
        sa.Column("key", columns.Exact(255), nullable=False),
        sa.Column("operation", columns.Exact(100), nullable=False),
        sa.Column("fingerprint", columns.Bytes(), nullable=False),
        sa.Column("answer", columns.Bytes(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service", "caller", "key"),
        mysql_engine="InnoDB",
        if_not_exists=True,
    )
    create_index_once("idempotency:at", "idempotency", ["at"])
    op.create_table(
        "inbox",
        sa.Column("service", columns.Exact(40), nullable=False),
        sa.Column("consumer", columns.Exact(100), nullable=False),
        sa.Column("event_id", columns.Exact(100), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service", "consumer", "event_id"),
        mysql_engine="InnoDB",
        if_not_exists=True,
    )
    create_index_once("inbox:at", "inbox", ["at"])
    op.create_table(
        "leases",
        sa.Column("id", columns.Exact(100), nullable=False),
        sa.Column("holder", columns.Exact(40), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        mysql_engine="InnoDB",
        if_not_exists=True,
    )
    op.create_table(
        "notification_receipts",
        sa.Column("id", columns.Exact(61), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("deleted_at", columns.Moment(), nullable=True),
        sa.Column("notification_id", columns.Exact(30), nullable=False),
        sa.Column("read_at", columns.Moment(), nullable=True),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("user_id", columns.Exact(30), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        mysql_engine="InnoDB",
        if_not_exists=True,
    )
    create_index_once(
        "notification_receipts:user_id:notification_id",
        "notification_receipts",
        ["user_id", "notification_id", "id"],
    )
    op.create_table(
        "notifications",
        sa.Column("id", columns.Exact(30), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", columns.Exact(2000), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("kind", columns.Exact(32), nullable=False),
        sa.Column("read_at", columns.Moment(), nullable=True),
        sa.Column("subject_id", columns.Exact(30), nullable=True),
        sa.Column("title", columns.Exact(120), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("user_id", columns.Exact(30), nullable=False),
        sa.Column("unread", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        mysql_engine="InnoDB",
        if_not_exists=True,
    )
    create_index_once(
        "notifications:user_id:unread:created_at",
        "notifications",
        ["user_id", "unread", "created_at", "id"],
    )
    create_index_once(
        "notifications:user_id:created_at", "notifications", ["user_id", "created_at", "id"]
    )
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("service", columns.Exact(40), nullable=False),
        sa.Column("id", columns.Exact(40), nullable=False),
        sa.Column("type", columns.Exact(100), nullable=False),
        sa.Column("channel", columns.Exact(100), nullable=False),
        sa.Column("key", columns.Exact(100), nullable=False),
        sa.Column("subject", columns.Exact(100), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("time", columns.Exact(30), nullable=False),
        sa.Column("data", columns.Bytes(), nullable=False),
        sa.Column("traceparent", columns.Exact(100), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        mysql_engine="InnoDB",
        if_not_exists=True,
    )
    create_index_once("outbox:service:id", "outbox", ["service", "id"])
    create_index_once("outbox:service:seq", "outbox", ["service", "seq"])
    op.create_table(
        "outbox_lanes",
        sa.Column("lane", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("lane"),
        mysql_engine="InnoDB",
        if_not_exists=True,
    )
    fill_lanes_once()
    op.create_table(
        "tasks",
        sa.Column("id", columns.Exact(30), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("error", columns.Exact(500), nullable=True),
        sa.Column("input", columns.Document(), nullable=False),
        sa.Column("kind", columns.Exact(32), nullable=False),
        sa.Column("owner_id", columns.Exact(30), nullable=False),
        sa.Column("progress", sa.BigInteger(), nullable=False),
        sa.Column("result", columns.Exact(1000000), nullable=True),
        sa.Column("status", columns.Exact(32), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.Column("lease_until", columns.Moment(), nullable=True),
        sa.Column("runner_id", columns.Exact(30), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        mysql_engine="InnoDB",
        if_not_exists=True,
    )
    create_index_once("tasks:owner_id:created_at", "tasks", ["owner_id", "created_at", "id"])
    create_index_once("tasks:status:created_at", "tasks", ["status", "created_at", "id"])


def downgrade() -> None:
    """Back again."""
    op.drop_table("tasks")
    op.drop_table("outbox_lanes")
    op.drop_table("outbox")
    op.drop_table("notifications")
    op.drop_table("notification_receipts")
    op.drop_table("leases")
    op.drop_table("inbox")
    op.drop_table("idempotency")
    op.drop_table("chat_messages")
