"""The tables of version 1, as `python -m migrations draft` wrote them.

By hand: when the outbox is vacuumed, since each of its rows goes soon after it came.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from runtime import columns

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Towards the newer version."""
    op.create_table(
        "account_balances",
        sa.Column("id", columns.Exact(34), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("credit", sa.Numeric(precision=19, scale=3), nullable=False),
        sa.Column("currency", columns.Exact(32), nullable=False),
        sa.Column("debit", sa.Numeric(precision=19, scale=3), nullable=False),
        sa.Column("owner_id", columns.Exact(30), nullable=False),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "account_balances:owner_id:currency",
        "account_balances",
        ["owner_id", "currency", "id"],
        unique=False,
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
    )
    op.create_index("idempotency:at", "idempotency", ["at"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("service", columns.Exact(40), nullable=False),
        sa.Column("consumer", columns.Exact(100), nullable=False),
        sa.Column("event_id", columns.Exact(100), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service", "consumer", "event_id"),
    )
    op.create_index("inbox:at", "inbox", ["at"], unique=False)
    op.create_table(
        "leases",
        sa.Column("id", columns.Exact(100), nullable=False),
        sa.Column("holder", columns.Exact(40), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
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
    )
    op.create_index("outbox:service:id", "outbox", ["service", "id"], unique=False)
    op.create_index("outbox:service:seq", "outbox", ["service", "seq"], unique=False)
    op.create_table(
        "transactions",
        sa.Column("id", columns.Exact(30), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=19, scale=3), nullable=False),
        sa.Column("budget_id", columns.Exact(30), nullable=True),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("currency", columns.Exact(32), nullable=False),
        sa.Column("description", columns.Exact(200), nullable=False),
        sa.Column("kind", columns.Exact(32), nullable=False),
        sa.Column("order_id", columns.Exact(30), nullable=True),
        sa.Column("owner_id", columns.Exact(30), nullable=False),
        sa.Column("reversal_of", columns.Exact(30), nullable=True),
        sa.Column("updated_at", columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id", "kind", name="transactions.order_id.kind"),
        sa.UniqueConstraint("reversal_of", name="transactions.reversal_of"),
    )
    op.create_index(
        "transactions:order_id:created_at",
        "transactions",
        ["order_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "transactions:owner_id:created_at",
        "transactions",
        ["owner_id", "created_at", "id"],
        unique=False,
    )
    op.execute(
        "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, "
        "autovacuum_vacuum_threshold = 5000)"
    )


def downgrade() -> None:
    """Back again."""
    op.drop_index("transactions:owner_id:created_at", table_name="transactions")
    op.drop_index("transactions:order_id:created_at", table_name="transactions")
    op.drop_table("transactions")
    op.drop_index("outbox:service:seq", table_name="outbox")
    op.drop_index("outbox:service:id", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("leases")
    op.drop_index("inbox:at", table_name="inbox")
    op.drop_table("inbox")
    op.drop_index("idempotency:at", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index("account_balances:owner_id:currency", table_name="account_balances")
    op.drop_table("account_balances")
