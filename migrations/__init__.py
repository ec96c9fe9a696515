"""The histories of the databases: one for PostgreSQL, one for MySQL, in the folders beside this.

    await migrate(url)                                   # what `budget-manager migrate` does
    python -m migrations draft mysql "remember who read" # a new step, from the declared tables

A step is a file `vNNNN_what.py` with revision NNNN. It is drafted from the difference between the
declared tables and a database at the last step, and then read by a person. Steps only add, or
change what the version before still works with, since processes are restarted one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, MetaData

    from runtime.adapters.sql.driver import Driver

T = TypeVar("T")

VARIABLES = {"postgresql": "POSTGRES_URL", "mysql": "MYSQL_URL"}
_HERE = Path(__file__).parent
_STEP = re.compile(r"v(\d{4})_\w+\.py")
# Seconds that another process's migration is waited for.
_TURN = 120


def home_of(url: str) -> str:
    """The kind of server that a URL names: `postgresql` or `mysql`."""
    return "mysql" if url.startswith("mysql") else "postgresql"


def head(home: str) -> str:
    """The revision of the last step of `home`; a store wants its database to be there."""
    found = (_STEP.fullmatch(path.name) for path in (_HERE / home).iterdir())
    return max((match[1] for match in found if match), default="")


def declared(home: str) -> MetaData:
    """The tables that live on `home`: the contract's, their sets, and the stores' own."""
    from sqlalchemy import MetaData
    from sqlmodel import SQLModel

    import generated.tables  # noqa: F401 # declares them
    from generated.rows import SQL_TABLES
    from runtime.adapters.sql.schema import own_tables, side_tables

    stored = [each for each in SQL_TABLES if each.home == home]
    names = {each.table.name for each in stored}
    found = MetaData()
    for table in SQLModel.metadata.sorted_tables:
        if table.name in names:
            table.to_metadata(found)
    side_tables(found, stored)
    own_tables(found, lanes=home == "mysql")
    return found


async def migrate(url: str, revision: str = "head") -> tuple[str, str]:
    """Brings the database to `revision`; answers where it was (empty: nowhere) and where it is.

    Safe to run by several at once. Raises SettingsError, which names the variable, when the server
    does not answer.
    """
    from alembic import command

    def upgrade(connection: Connection) -> tuple[str, str]:
        before = _revision(connection)
        command.upgrade(_config(connection, home_of(url)), revision)
        connection.commit()
        return before, _revision(connection)

    return await _alone(url, upgrade)


async def revision(url: str) -> str:
    """Where the database is; empty: nowhere. Raises SettingsError."""
    return await _alone(url, _revision)


async def back(url: str, revision: str = "base") -> None:
    """Undoes the steps after `revision`, with what they hold."""
    from alembic import command

    def downgrade(connection: Connection) -> None:
        command.downgrade(_config(connection, home_of(url)), revision)
        connection.commit()

    await _alone(url, downgrade)


async def drift(url: str) -> list[Any]:
    """How the database differs from the declared tables: Alembic's operations, or none."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found: list[Any] = compare_metadata(context, declared(home_of(url)))
        return found

    return await _alone(url, compare)


async def draft(url: str, what: str) -> Path:
    """Writes the next step: what the declared tables have, and the last step has not.

    The database that `url` names is brought to the last step first.
    """
    from alembic import command

    home = home_of(url)
    await migrate(url)
    number = f"{int(head(home) or 0) + 1:04}"

    def write(connection: Connection) -> Path:
        config = _config(connection, home)
        config.attributes["declared"] = declared(home)
        script = command.revision(config, what, autogenerate=True, rev_id=number)
        if script is None or isinstance(script, list):
            raise TypeError("one script is asked for")
        return Path(script.path)

    return await _alone(url, write)


def _driver(url: str) -> Driver:
    if home_of(url) == "mysql":
        from runtime.adapters.mysql import MysqlDriver

        return MysqlDriver(url, patience=_TURN)
    from runtime.adapters.postgres import PostgresDriver

    return PostgresDriver(url, patience=_TURN)


async def _alone(url: str, work: Callable[[Connection], T]) -> T:
    """Does `work` with a connection, while no other process migrates this database."""
    from sqlalchemy import text

    from runtime.adapters.sql.database import reach
    from runtime.adapters.sql.engine import engine

    await reach(_driver(url), VARIABLES[home_of(url)])
    lock = {
        "postgresql": "SELECT pg_advisory_lock(hashtext('budget-manager migrate'))",
        "mysql": f"SELECT get_lock(concat('migrate:', left(database(), 50)), {_TURN})",
    }[home_of(url)]
    made = engine(url)
    try:
        async with made.connect() as connection:
            # Given back when the connection ends.
            await connection.execute(text(lock))
            await connection.commit()
            return await connection.run_sync(work)
    finally:
        await made.dispose()


def _revision(connection: Connection) -> str:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision() or ""


def _config(connection: Connection, home: str) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("version_locations", str(_HERE / home))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config
