"""The migrations make the tables that are declared, on the real servers."""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

import migrations
from runtime.adapters.sql import SqlDatabase
from runtime.adapters.sql.engine import engine
from runtime.settings import SettingsError
from tests.ports.sql_platforms import Mysql, Postgres, Server

pytestmark = pytest.mark.anyio

SERVERS = {"postgres": Postgres, "mariadb": Mysql}


@pytest.fixture(params=[pytest.param(n, marks=pytest.mark.server(n)) for n in SERVERS])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """An empty schema or database on each server."""
    server = SERVERS[request.param](tmp_path)
    await server.admin(server.creation)
    yield server
    await server.admin(server.removal)


async def opened(server: Server, revision: str) -> None:
    database = await SqlDatabase.open(
        server.driver(4.0), server.dialect, variable=server.variable, revision=revision, within=0.5
    )
    await database.close()


async def test_a_migrated_database_has_what_is_declared(server: Server) -> None:
    head = migrations.head(server.dialect.name)
    assert await migrations.migrate(server.url) == ("", head)
    assert await migrations.drift(server.url) == []
    # A second time, nothing is left to do.
    assert await migrations.migrate(server.url) == (head, head)
    await opened(server, head)


async def test_a_table_that_differs_is_found(server: Server) -> None:
    await migrations.migrate(server.url)
    table = "tasks" if server.dialect.name == "mysql" else "transactions"
    made = engine(server.url)
    async with made.begin() as connection:
        await connection.execute(text(f"ALTER TABLE {table} DROP COLUMN version"))
    await made.dispose()
    assert len(await migrations.drift(server.url)) == 1


async def test_several_may_migrate_at_once(server: Server) -> None:
    head = migrations.head(server.dialect.name)
    done = await asyncio.gather(*[migrations.migrate(server.url) for _ in range(4)])
    assert sorted(done) == [("", head), *[(head, head)] * 3]


async def test_a_migration_that_was_cut_off_is_done_again(server: Server) -> None:
    """MySQL keeps the tables of a step that did not come to its end."""
    await migrations.migrate(server.url)
    made = engine(server.url)
    async with made.begin() as connection:
        if server.dialect.name == "mysql":
            await connection.execute(text("DELETE FROM alembic_version"))
            await connection.execute(text("DROP TABLE outbox_lanes"))
    await made.dispose()
    await migrations.migrate(server.url)
    assert await migrations.drift(server.url) == []


async def test_a_database_that_is_not_migrated_is_not_served_from(server: Server) -> None:
    with pytest.raises(SettingsError, match="budget-manager migrate") as refused:
        await opened(server, "0001")
    assert server.variable in str(refused.value)
    await migrations.migrate(server.url)
    with pytest.raises(SettingsError, match="at revision 0001, and this version needs 9999"):
        await opened(server, "9999")


async def test_a_step_goes_back_as_it_came(server: Server) -> None:
    await migrations.migrate(server.url)
    await migrations.back(server.url)
    assert len(await migrations.drift(server.url)) > 0
    await migrations.migrate(server.url)
    assert await migrations.drift(server.url) == []


@pytest.mark.parametrize("home", migrations.VARIABLES)
def test_the_last_step_is_the_one_that_alembic_knows(home: str) -> None:
    folder = Path(migrations.__file__).parent
    script = ScriptDirectory(str(folder), version_locations=[str(folder / home)])
    assert script.get_heads() == [migrations.head(home)]


@pytest.mark.server("postgres", "mariadb")
@pytest.mark.parametrize("name", SERVERS)
async def test_a_wrong_password_is_not_told(name: str, tmp_path: Path) -> None:
    server = SERVERS[name](tmp_path)
    right = os.environ[server.variable]
    os.environ[server.variable] = right.replace(":budget@", ":geheim-9@")
    with pytest.raises(SettingsError) as refused:
        await migrations.migrate(server.url)
    assert server.variable in str(refused.value)
    assert "geheim" not in "".join(traceback.format_exception_only(refused.value))
    assert refused.value.__suppress_context__
