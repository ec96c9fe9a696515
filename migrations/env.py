"""What Alembic runs for each command; `migrations/__init__.py` gives it its connection."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator


def _render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Our own column types by their names in runtime/columns.py."""
    if kind == "type" and isinstance(item, TypeDecorator):
        autogen.imports.add("from runtime import columns")
        return f"columns.{item!r}"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("declared"),
    compare_type=True,
    render_item=_render,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
