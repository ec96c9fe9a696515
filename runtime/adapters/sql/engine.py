"""SQLAlchemy over the stores' drivers, for what is not hot: migrations, administration, tests."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool


def engine(url: str, *, pooled: int = 0) -> AsyncEngine:
    """An engine for a POSTGRES_URL or MYSQL_URL, read as the stores read it.

    Each use has a connection of its own, unless so many are to be `pooled`. Raises ValueError for a
    URL that its driver does not take.
    """
    keeping: dict[str, Any] = {"pool_size": pooled} if pooled else {"poolclass": NullPool}
    if url.startswith("mysql"):
        import asyncmy

        from runtime.adapters.mysql.driver import connect_options

        options = connect_options(url)
        if options is None:
            raise ValueError("is not a URL that the driver takes")

        async def creator() -> Any:
            return await asyncmy.connect(**options)

        return create_async_engine("mysql+asyncmy://", async_creator=creator, **keeping)

    import asyncpg

    async def connect() -> Any:
        return await asyncpg.connect(url)

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, **keeping)
