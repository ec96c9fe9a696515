"""A look at a data folder from outside, for `doctor` and `migrate`: it changes nothing there."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from runtime.adapters.sqlite import schema
from runtime.diagnosis import Finding
from runtime.table import Table

# The clock may be set back a little now and then.
_SKEW = 60.0


def served_by(folder: Path) -> str | None:
    """The pid of the process that serves from the folder; None where there is none."""
    try:
        with (folder / "budget.lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "unknown"
    except OSError:
        return None
    return None


def pending(folder: Path, tables: Sequence[Table[Any]]) -> list[str]:
    """What the next start would change in the schema, a line each. Raises apsw.Error."""
    file = folder / "budget.db"
    if not file.exists():
        return ["budget.db is made, with all its tables"]
    connection = _connect(file)
    try:
        stored = dict(_rows(connection, "SELECT name, fingerprint FROM stored_schema"))
    finally:
        connection.close()
    missing = [f"{t.name} is made" for t in tables if t.name not in stored]
    changed = [
        f"{t.name} is brought to this version"
        for t in tables
        if t.name in stored and stored[t.name] != schema.fingerprint(t)
    ]
    return missing + changed


def examine(folder: Path, tables: Sequence[Table[Any]]) -> list[Finding]:
    """The database in `folder`: whole, ours, at this version, and not of the future."""
    file = folder / "budget.db"
    what = "budget.db"
    if not file.exists():
        return [Finding(what, "ok", "is not there yet: the first start makes it")]
    try:
        connection = _connect(file)
    except apsw.Error as error:
        return [_unreadable(what, error)]
    try:
        if connection.pragma("application_id") != schema.APPLICATION:
            remedy = "name another folder, or put a backup in its place"
            return [Finding(what, "wrong", "is not a database of this platform", remedy)]
        return [*_database(connection, what), *_schema(connection, folder, tables), _clock(file)]
    except apsw.Error as error:
        return [_unreadable(what, error)]
    finally:
        connection.close()


def _database(connection: apsw.Connection, what: str) -> list[Finding]:
    found = _rows(connection, "PRAGMA integrity_check(5)")
    if found != [("ok",)]:
        remedy = "stop the server and put a backup in its place"
        return [Finding(what, "wrong", f"is damaged: {str(found[0][0])[:200]}", remedy)]
    size = connection.pragma("page_count") * connection.pragma("page_size")
    waiting, dead = (
        _rows(connection, sql)[0][0]
        for sql in (
            "SELECT count(*) FROM outbox",
            "SELECT count(*) FROM parked WHERE due IS NULL",
        )
    )
    findings = [Finding(what, "ok", f"is whole: {size / 1e6:.1f} MB, {waiting} events wait")]
    if dead:
        remedy = "budget-manager dead-letters list, then replay"
        findings.append(Finding("events", "warning", f"{dead} were given up", remedy))
    return findings


def _schema(
    connection: apsw.Connection, folder: Path, tables: Sequence[Table[Any]]
) -> list[Finding]:
    if connection.pragma("user_version") > schema.LAYOUT:
        remedy = "start the version that wrote it, or a newer one"
        return [Finding("schema", "wrong", "was written by a newer version", remedy)]
    changes = pending(folder, tables)
    if changes:
        text = f"{len(changes)} changes are to be made: {', '.join(changes[:5])}"
        return [Finding("schema", "wrong", text, "stop the server, then budget-manager migrate")]
    return [Finding("schema", "ok", f"{len(tables)} tables are at this version")]


def _clock(file: Path) -> Finding:
    ahead = max(os.stat(each).st_mtime for each in file.parent.glob("budget.db*")) - time.time()
    if ahead > _SKEW:
        text = f"is {ahead:.0f} s behind what was last written: ids and sessions would be wrong"
        return Finding("clock", "wrong", text, "set the clock, and keep it set (NTP)")
    return Finding("clock", "ok", "is not behind what was written")


def _unreadable(what: str, error: apsw.Error) -> Finding:
    text = f"cannot be read ({type(error).__name__})"
    remedy = "see to its permissions; if it is damaged, put a backup in its place"
    return Finding(what, "wrong", text, remedy)


def _connect(file: Path) -> apsw.Connection:
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(2000)
    return connection


def _rows(connection: apsw.Connection, sql: str) -> list[Any]:
    return connection.execute(sql).fetchall()
