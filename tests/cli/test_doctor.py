"""What is wrong with an installation, and what to do about it; and schemas brought up."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

import upkeep
from commands.checks import examined
from generated.storage import TABLES
from runtime.adapters.sqlite import Database
from runtime.diagnosis import CannotMigrate, Finding, addresses
from runtime.settings import Settings
from tests.cli.calls import ROOT, answered, beside, run
from tests.durability.server import SECRET, serving

pytestmark = pytest.mark.anyio

STRONG = "VjZ0nq1R8mX3pLk7Yw2bTc9dHs5fGa4e"


@pytest.fixture
def ports() -> dict[str, str]:
    """Ports that are free, or were a moment ago."""
    found = {}
    with socket.socket() as one, socket.socket() as other:
        for name, probe in (("PORT", one), ("GRPC_PORT", other)):
            probe.bind(("127.0.0.1", 0))
            found[name] = str(probe.getsockname()[1])
    return found


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A data folder at this version."""
    folder = tmp_path / "data"
    await (await Database.open(folder, TABLES)).close()
    return folder


def states(findings: Sequence[Finding]) -> dict[str, str]:
    """State by what was looked at; the worst of several."""
    found: dict[str, str] = {}
    for each in findings:
        worse = {"ok": 0, "warning": 1, "wrong": 2}
        if worse[each.state] >= worse[found.get(each.what, "ok")]:
            found[each.what] = each.state
    return found


def wrong(findings: Sequence[Finding]) -> dict[str, str]:
    """What is wrong, and what was found of it. Each says what to do."""
    assert all(each.remedy for each in findings if each.state != "ok")
    return {each.what: each.found for each in findings if each.state == "wrong"}


async def test_an_installation_that_is_well_is_called_so(
    folder: Path, ports: dict[str, str]
) -> None:
    report = answered(await beside("doctor", "--json", data=folder, JWT_SECRET=STRONG, **ports))
    assert report["healthy"] is True
    assert {each["state"] for each in report["findings"]} <= {"ok", "warning"}
    looked_at = {each["what"] for each in report["findings"]}
    assert {"JWT_SECRET", "disk", "budget.db", "schema", "clock", "PORT", "GRPC_PORT"} <= looked_at


async def test_a_first_start_needs_nothing(tmp_path: Path, ports: dict[str, str]) -> None:
    assert wrong(await examined({"DATA_DIR": str(tmp_path / "new"), **ports})) == {}
    assert not (tmp_path / "new").exists()


async def test_it_exits_1_and_says_what_to_do_and_shows_no_secret(tmp_path: Path) -> None:
    weak = "hush-" * 8
    done = await beside("doctor", data=tmp_path, JWT_SECRET=weak, PORT="0", GRPC_PORT="0")
    assert done.returncode == 1
    assert "WRONG    JWT_SECRET: can be guessed" in done.stdout
    assert "openssl rand" in done.stdout
    assert "hush" not in done.stdout + done.stderr
    faulty = await beside("doctor", data=tmp_path, JWT_SECRET="hush", PORT="x")
    assert faulty.returncode == 1
    assert "WRONG    PORT: must be a port" in faulty.stdout
    assert "hush" not in faulty.stdout + faulty.stderr


async def test_a_kept_secret_that_others_can_read_is_wrong(
    folder: Path, ports: dict[str, str]
) -> None:
    kept = folder / "jwt-secret"
    kept.write_text(STRONG)
    kept.chmod(0o644)
    found = wrong(await examined({"DATA_DIR": str(folder), **ports}))
    assert "may read" in found["JWT_SECRET"]
    kept.chmod(0o600)
    assert wrong(await examined({"DATA_DIR": str(folder), **ports})) == {}


async def test_a_port_that_is_taken_is_named(folder: Path, ports: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(ports["PORT"])))
        taken.listen()
        found = wrong(await examined({"DATA_DIR": str(folder), **ports}))
    assert list(found) == ["PORT"]
    assert f"port {ports['PORT']} on 127.0.0.1 is in use" in found["PORT"]


async def test_a_damaged_or_foreign_database_is_found(folder: Path, ports: dict[str, str]) -> None:
    environ = {"DATA_DIR": str(folder), **ports}
    file = folder / "budget.db"
    whole = file.read_bytes()
    # The root of some table's pages, overwritten.
    file.write_bytes(whole[:8192] + os.urandom(4096) + whole[12288:])
    assert "budget.db" in wrong(await examined(environ))
    file.write_bytes(b"no database at all" * 400)
    assert "budget.db" in wrong(await examined(environ))
    file.unlink()
    other = apsw.Connection(str(file))
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    assert "not a database of this platform" in wrong(await examined(environ))["budget.db"]


async def test_a_clock_behind_what_was_written_is_wrong(
    folder: Path, ports: dict[str, str]
) -> None:
    ahead = time.time() + 7200
    os.utime(folder / "budget.db", (ahead, ahead))
    found = wrong(await examined({"DATA_DIR": str(folder), **ports}))
    assert "behind what was last written" in found["clock"]


async def test_dead_letters_and_moves_are_warned_of(folder: Path, ports: dict[str, str]) -> None:
    environ = {"DATA_DIR": str(folder), **ports}
    connection = apsw.Connection(str(folder / "budget.db"))
    connection.execute(
        "INSERT INTO parked (id, type, channel, key, subject, version, time, data, traceparent, "
        "consumer, attempts, due, reason, at) "
        "VALUES ('e', 't', 'c', 'k', 's', 1, 'now', x'', '', 'countExpenses', 8, NULL, 'r', 'now')"
    )
    connection.close()
    (folder / "moved.json").write_text("{}")
    found = states(await examined(environ))
    assert (found["events"], found["move"]) == ("warning", "warning")
    (folder / "unfinished-move").mkdir()
    (folder / "unfinished-move" / "budget.db").touch()
    assert states(await examined(environ))["move"] == "wrong"


async def test_the_server_that_runs_is_asked_whether_it_is_ready(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    async with serving(folder) as server:
        environ = {"DATA_DIR": str(folder), "JWT_SECRET": SECRET.decode()}
        ready = await examined(environ | {"PORT": str(server.port)})
        (found,) = (each for each in ready if each.what.startswith("server"))
        assert (found.state, found.what) == ("ok", f"server (pid {server.process.pid})")
        assert "PORT" not in {each.what for each in ready}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            elsewhere = str(probe.getsockname()[1])
        deaf = await examined(environ | {"PORT": elsewhere})
        assert any(each.what.startswith("server") for each in deaf if each.state == "wrong")


# --- servers --------------------------------------------------------------------------------------


@pytest.fixture
def listening() -> Iterator[int]:
    """The port of something that takes connections."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def of(url: str, **ports: str) -> dict[str, str]:
    """An environment with one server."""
    return {"POSTGRES_URL": url, "JWT_SECRET": STRONG, **ports}


async def test_a_server_without_a_check_of_its_own_is_tried_for_connections(
    folder: Path, ports: dict[str, str], listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(upkeep.SERVER_CHECKS, "POSTGRES_URL")
    environ = {"DATA_DIR": str(folder), **ports}
    url = f"postgresql://somebody:hush@127.0.0.1:{listening}/x"
    assert wrong(await examined(environ | of(url))) == {}
    gone = "postgresql://somebody:hush@127.0.0.1:9/x"
    found = wrong(await examined(environ | of(gone)))
    assert "127.0.0.1:9 cannot be reached" in found["POSTGRES_URL"]
    assert "hush" not in str(found)


async def test_an_adapters_own_check_speaks_for_its_server_and_may_fail(
    folder: Path, ports: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def well(url: str) -> list[Finding]:
        return [Finding("POSTGRES_URL", "ok", "PostgreSQL 17, migrations at head")]

    async def failing(url: str) -> list[Finding]:
        raise RuntimeError(f"cannot connect to {url}")

    environ = {"DATA_DIR": str(folder), **ports} | of("postgresql://a:hush@127.0.0.1:9/x")
    monkeypatch.setitem(upkeep.SERVER_CHECKS, "POSTGRES_URL", well)
    assert wrong(await examined(environ)) == {}
    monkeypatch.setitem(upkeep.SERVER_CHECKS, "POSTGRES_URL", failing)
    found = wrong(await examined(environ))
    assert found == {"POSTGRES_URL": "could not be checked (RuntimeError)"}


def test_addresses_are_read_from_every_kind_of_variable() -> None:
    assert addresses("mongodb://u:p@a:1,b,c:3/x?replicaSet=r") == [
        ("a", 1),
        ("b", 27017),
        ("c", 3),
    ]
    assert addresses("k1:9092, k2:9093") == [("k1", 9092), ("k2", 9093)]
    assert addresses("postgresql://u:p%40x@db/x") == [("db", 5432)]
    assert addresses("smtps://[::1]") == [("::1", 465)]
    assert addresses("mongodb+srv://u:p@cluster.example/x") == []


# --- migrate --------------------------------------------------------------------------------------


def aged(folder: Path) -> None:
    """As an earlier version left it: an index less, and another declaration of its table."""
    connection = apsw.Connection(str(folder / "budget.db"))
    connection.execute('DROP INDEX "customers:email"')
    connection.execute("UPDATE stored_schema SET fingerprint = 'x' WHERE name = 'customers'")
    connection.close()


async def test_a_folder_of_an_earlier_version_is_brought_to_this_one(
    folder: Path, ports: dict[str, str]
) -> None:
    aged(folder)
    environ = {"DATA_DIR": str(folder), **ports}
    assert "customers is brought to this version" in wrong(await examined(environ))["schema"]
    dry = answered(await beside("migrate", "--dry-run", "--json", data=folder))
    assert dry["changes"] == {str(folder): ["customers is brought to this version"]}
    assert "schema" in wrong(await examined(environ))
    wet = answered(await beside("migrate", "--json", data=folder))
    assert wet["changes"] == dry["changes"]
    assert wrong(await examined(environ)) == {}
    again = await beside("migrate", data=folder)
    assert again.stdout == f"{folder}: is at this version\n"


async def test_nothing_is_migrated_under_a_running_server(folder: Path) -> None:
    aged(folder)
    database = await Database.open(folder, TABLES)
    try:
        # Its opening has brought it up; now it is of yet another version.
        aged(folder)
        done = await beside("migrate", data=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "serves from the data folder" in done.stderr
    finally:
        await database.close()


async def test_what_would_lose_data_is_refused(folder: Path) -> None:
    aged(folder)
    connection = apsw.Connection(str(folder / "budget.db"))
    connection.execute('ALTER TABLE "customers" ADD COLUMN "vip" TEXT')
    connection.close()
    done = await beside("migrate", data=folder)
    assert done.returncode == 1
    assert "column vip is gone" in done.stderr
    assert "Traceback" not in done.stderr


async def test_each_servers_migration_is_run_and_may_refuse(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from commands.doctor import migrated
    from commands.shell import Refused

    asked: list[Any] = []

    async def migration(url: str, dry_run: bool) -> list[str]:
        asked.append((url, dry_run))
        if len(asked) > 1:
            raise CannotMigrate("the database is of a newer version")
        return ["0001 tables of the ledger"]

    url = "postgresql://a:b@127.0.0.1:9/x"
    settings = Settings(data_dir=folder, postgres_url=url, jwt_secret=STRONG.encode())
    monkeypatch.setitem(upkeep.MIGRATIONS, "POSTGRES_URL", migration)
    done = await migrated(settings, dry_run=True)
    assert done == {"POSTGRES_URL": ["0001 tables of the ledger"], str(folder): []}
    with pytest.raises(Refused, match="POSTGRES_URL: the database is of a newer version"):
        await migrated(settings, dry_run=False)
    assert asked == [(url, True), (url, False)]


# --- the command line as a whole ------------------------------------------------------------------


def test_every_command_says_what_it_does_and_takes_json() -> None:
    shown = run("--help").stdout
    for words in (
        ("outbox",),
        ("dead-letters", "list"),
        ("dead-letters", "show"),
        ("dead-letters", "replay"),
        ("reindex",),
        ("export",),
        ("import",),
        ("move",),
        ("migrate",),
        ("doctor",),
    ):
        assert words[0] in shown
        help = run(*words, "--help")
        assert help.returncode == 0, words
        assert "--json" in help.stdout, words
        assert "Usage:" in help.stdout, words


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, cli; print(sorted({'app', 'pydantic', 'apsw', 'asyncio'} & {*sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.replace("'", '"')) == []
