"""Creates what the file must hold, and refuses a file that holds something else."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any

import apsw

from runtime.adapters.sqlite.folder import CannotOpen
from runtime.table import Table

# "bdgt": marks the file as ours (PRAGMA application_id).
APPLICATION = 0x62646774
# Of the platform's own tables below (PRAGMA user_version).
LAYOUT = 1
# How long the start may look for damage.
MOST_CHECKING = 1.0

ENVELOPE = ("id", "type", "channel", "key", "subject", "version", "time", "data", "traceparent")
_ENVELOPE_DDL = (
    "id TEXT NOT NULL, type TEXT NOT NULL, channel TEXT NOT NULL, key TEXT NOT NULL, "
    "subject TEXT NOT NULL, version INTEGER NOT NULL, time TEXT NOT NULL, data BLOB NOT NULL, "
    "traceparent TEXT NOT NULL"
)
OWN: tuple[str, ...] = (
    "CREATE TABLE IF NOT EXISTS stored_schema "
    "(name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) STRICT",
    # AUTOINCREMENT: the relay asks for what follows the last `seq` it saw, so none may come twice.
    "CREATE TABLE IF NOT EXISTS outbox "
    f"(seq INTEGER PRIMARY KEY AUTOINCREMENT, {_ENVELOPE_DDL}) STRICT",
    # Events that one consumer failed on: `due` in ms, or NULL for a dead letter.
    "CREATE TABLE IF NOT EXISTS parked (consumer TEXT NOT NULL, attempts INTEGER NOT NULL, "
    f"due INTEGER, reason TEXT NOT NULL, at TEXT NOT NULL, {_ENVELOPE_DDL}, "
    "UNIQUE (consumer, id)) STRICT",
    "CREATE INDEX IF NOT EXISTS parked_due ON parked (consumer, due) WHERE due IS NOT NULL",
    # These two are purged from their oldest end, which is their lowest rowid.
    "CREATE TABLE IF NOT EXISTS inbox (consumer TEXT NOT NULL, event_id TEXT NOT NULL, "
    "at INTEGER NOT NULL, UNIQUE (consumer, event_id)) STRICT",
    "CREATE TABLE IF NOT EXISTS idempotency (service TEXT NOT NULL, caller TEXT NOT NULL, "
    "key TEXT NOT NULL, operation TEXT NOT NULL, fingerprint BLOB NOT NULL, answer BLOB NOT NULL, "
    "at INTEGER NOT NULL, UNIQUE (service, caller, key)) STRICT",
)


def prepare(connection: apsw.Connection, tables: Sequence[Table[Any]], *, guest: bool) -> None:
    """Makes the file fit `tables`, in one transaction. A guest adds only what is wholly absent.

    Raises CannotOpen for a file that is not ours, is newer, is damaged, or whose table differs by
    more than indexes and new columns that may be empty.
    """
    application = connection.pragma("application_id")
    layout = connection.pragma("user_version")
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()[0][0] == 0
    if not empty and application != APPLICATION:
        raise CannotOpen("the file is another application's database")
    if layout > LAYOUT:
        raise CannotOpen("the file was written by a newer version of the platform")
    if not guest:
        _look_for_damage(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in OWN:
            connection.execute(statement)
        for table in tables:
            _fit(connection, table, guest=guest)
        if (application, layout) != (APPLICATION, LAYOUT):
            connection.pragma("application_id", APPLICATION)
            connection.pragma("user_version", LAYOUT)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def nullable(connection: apsw.Connection, table: str) -> frozenset[str]:
    """The columns of `table` that may hold NULL."""
    return frozenset(
        name
        for name, (_, not_null, _, key) in _columns(connection, table).items()
        if not not_null and not key
    )


def leading(connection: apsw.Connection, table: str) -> frozenset[str]:
    """The columns of `table` that an index begins with."""
    rows = _rows(
        connection,
        "SELECT c.name FROM pragma_index_list(?) AS i, pragma_index_info(i.name) AS c "
        "WHERE c.seqno = 0",
        table,
    )
    return frozenset(name for (name,) in rows)


def fingerprint(table: Table[Any]) -> str:
    """What the file keeps to know a table's declaration again."""
    return hashlib.sha256("\n".join(table.ddl).encode()).hexdigest()


def _look_for_damage(connection: apsw.Connection) -> None:
    """SQLite's quick check, as far as it comes in a second: `doctor` does the whole."""
    until = time.monotonic() + MOST_CHECKING
    connection.set_progress_handler(lambda: time.monotonic() > until, 20_000)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchall()[0][0]
    except apsw.InterruptError:
        return
    finally:
        connection.set_progress_handler(None)
    if found != "ok":
        raise CannotOpen("the file is damaged; put a backup in its place")


def _fit(connection: apsw.Connection, table: Table[Any], *, guest: bool) -> None:
    wanted = fingerprint(table)
    rows = connection.execute(
        "SELECT fingerprint FROM stored_schema WHERE name = ?", (table.name,)
    ).fetchall()
    if rows == [(wanted,)]:
        return
    if rows:
        if guest:
            raise CannotOpen(f"table {table.name} is of another version: start the server first")
        _alter(connection, table)
    else:
        for statement in table.ddl:
            connection.execute(statement)
    connection.execute(
        "INSERT INTO stored_schema VALUES (?1, ?2) "
        "ON CONFLICT (name) DO UPDATE SET fingerprint = ?2",
        (table.name, wanted),
    )


def _alter(connection: apsw.Connection, table: Table[Any]) -> None:
    """Adds new columns, and makes the indexes anew that differ."""
    wanted = apsw.Connection(":memory:")
    for statement in table.ddl:
        wanted.execute(statement)
    stored_tables, wanted_tables = _tables(connection, table.name), _tables(wanted, table.name)
    if stored_tables != wanted_tables:
        raise _differs(table, "its set indexes changed")
    for name in wanted_tables:
        stored_columns, columns = _columns(connection, name), _columns(wanted, name)
        for column, shape in columns.items():
            if column in stored_columns:
                if stored_columns[column] != shape:
                    raise _differs(table, f"column {column} changed")
                continue
            type_, not_null, default, _ = shape
            if not_null and default is None:
                raise _differs(table, f"column {column} is new and must have a value")
            rest = f" NOT NULL DEFAULT {default}" if not_null else ""
            connection.execute(f'ALTER TABLE "{name}" ADD COLUMN "{column}" {type_}{rest}')
        if gone := stored_columns.keys() - columns.keys():
            raise _differs(table, f"column {min(gone)} is gone")
    stored_indexes, indexes = _indexes(connection, wanted_tables), _indexes(wanted, wanted_tables)
    for name in stored_indexes.keys() - {n for n in indexes if indexes[n] == stored_indexes.get(n)}:
        connection.execute(f'DROP INDEX "{name}"')
    for name, text in indexes.items():
        if stored_indexes.get(name) != text:
            try:
                connection.execute(text)
            except apsw.ConstraintError:
                raise _differs(table, "what is stored breaks a new uniqueness rule") from None


def _differs(table: Table[Any], how: str) -> CannotOpen:
    return CannotOpen(
        f"table {table.name} differs from the contract: {how}; "
        "start with an empty data folder, or with the version that wrote this one"
    )


def _tables(connection: apsw.Connection, name: str) -> list[str]:
    """The entity's table and its side tables."""
    return [
        found
        for (found,) in _rows(
            connection, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
        )
        if found == name or found.startswith(f"{name}__")
    ]


def _columns(connection: apsw.Connection, table: str) -> dict[str, tuple[Any, ...]]:
    """Each column's type, whether it must have a value, its default, its place in the key."""
    return {
        name: (type_, not_null, default, key)
        for _, name, type_, not_null, default, key in _rows(
            connection, "SELECT * FROM pragma_table_info(?)", table
        )
    }


def _indexes(connection: apsw.Connection, tables: Sequence[str]) -> dict[str, str]:
    return {
        name: text
        for name, table, text in _rows(
            connection,
            "SELECT name, tbl_name, sql FROM sqlite_schema "
            "WHERE type = 'index' AND sql IS NOT NULL",
        )
        if table in tables
    }


def _rows(connection: apsw.Connection, sql: str, *bindings: str) -> list[tuple[Any, ...]]:
    return list(connection.execute(sql, bindings))
