"""All that a platform keeps goes into another: whole, proved, or not at all."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from commands.landing import MOVED, UNFINISHED
from runtime.adapters.sqlite.outbox import Outbox
from tests.cli.calls import ROOT, SECRET, answered, beside, environment
from tests.cli.copies import opened, stocked, tallies
from tests.cli.test_dead_letters import given_up, poison
from tests.rest.world import Account, World

pytestmark = pytest.mark.anyio

KEY = "8f2c1f0e-key"


async def lived_in(world: World) -> tuple[Account, dict[str, Any]]:
    """Somebody with an expense that was made under a key, and what that answered."""
    ann = await world.account()
    budget = await world.made(ann, "/budgets", {"name": "Home", "limit": "100.00"})
    body = {"budgetId": budget["id"], "description": "Lamp", "amount": "9.00", "category": "House"}
    answer = await world.send(ann, "POST", "/expenses", body, idempotency_key=KEY)
    assert answer.status_code == 201
    await world.made(ann, "/tasks", {"kind": "monthlyReport", "input": {}})
    assert await world.platform.drained()
    made: dict[str, Any] = answer.json()
    return ann, made


def words(source: Path, target: Path, *more: str) -> tuple[str, ...]:
    """The command."""
    return ("move", "--from", str(source), "--to", str(target), "--yes", "--json", *more)


async def test_a_platform_is_the_same_where_it_was_moved_and_when_it_came_back(
    world: World, tmp_path: Path
) -> None:
    ann, made = await lived_in(world)
    await world.close()
    away, back = tmp_path / "away", tmp_path / "back"
    there = answered(await beside(*words(world.folder, away)))
    again = answered(await beside(*words(away, back)))
    assert there["kinds"] == again["kinds"]
    assert there["idempotencyKeys"] == again["idempotencyKeys"]
    assert there["kinds"]["expenses"]["count"] == there["indexed"] == 1
    assert there["kinds"]["sessions"]["count"] > 0
    assert there["idempotencyKeys"]["count"] == 1
    assert not (away / UNFINISHED).exists()
    assert json.loads((world.folder / MOVED).read_bytes())["count"] == there["count"]

    moved = World(back)
    await moved.open()
    # She is still signed in, and what she repeats under its key is not done twice.
    body = {name: made[name] for name in ("budgetId", "description", "amount", "category")}
    answer = await moved.send(ann, "POST", "/expenses", body, idempotency_key=KEY)
    assert (answer.status_code, answer.json()) == (201, made)
    refreshed = await moved.http.post("/api/auth/refresh", json={"refreshToken": ann.refresh})
    assert refreshed.status_code == 200
    (budget,) = (await moved.send(ann, "GET", "/budgets")).json()["items"]
    assert budget["spent"] == "9.00"
    found = await moved.send(ann, "POST", "/search/expenses", {"text": "lamp"})
    assert found.json()["total"] == 1
    await moved.close()
    await world.open()


async def test_a_server_on_either_side_is_told_of_and_nothing_is_copied(
    world: World, tmp_path: Path
) -> None:
    await lived_in(world)
    away = tmp_path / "away"
    served = await beside(*words(world.folder, away))
    assert (served.returncode, served.stdout) == (1, "")
    assert "serves from the data folder" in served.stderr
    dry = await beside(*words(world.folder, away), "--dry-run")
    assert dry.returncode == 1
    assert json.loads(dry.stdout)["kinds"]["expenses"]["count"] == 1
    assert "serves from" in json.loads(dry.stdout)["blocked"][0]
    # And as the target, where it has a folder that is in use and holds something.
    other = World(tmp_path / "other")
    await other.open()
    await other.close()
    full = await beside(*words(other.folder, world.folder))
    assert full.returncode == 1
    assert "is not empty: it has budget.db" in full.stderr


async def test_what_retries_or_was_given_up_is_not_left_behind_unsaid(
    world: World, tmp_path: Path
) -> None:
    ann, _ = await lived_in(world)
    later = round(datetime.now(UTC).timestamp() * 1000) + 3_600_000
    await Outbox(world.platform.database).park(
        "countExpenses", poison(), 1, later, "Unavailable: for a test", "2026-01-01T00:00:00.000Z"
    )
    await world.close()
    away = tmp_path / "away"
    waits = await beside(*words(world.folder, away, "--drain", "0.2"))
    assert waits.returncode == 1
    assert "for countExpenses: Unavailable: for a test" in waits.stderr
    assert not (away / "budget.db").exists()
    await world.open()
    replayed = Outbox(world.platform.database)
    await replayed.clear([], [("countExpenses", poison().id)])
    await given_up(world, ann)
    await world.close()
    dead = await beside(*words(world.folder, away))
    assert dead.returncode == 1
    assert "1 events" in dead.stderr
    assert "--leave-dead-letters" in dead.stderr
    answered(await beside(*words(world.folder, away, "--leave-dead-letters")))
    await world.open()


async def test_servers_that_cannot_be_used_are_named_without_their_password(
    world: World, tmp_path: Path
) -> None:
    await world.close()
    done = await beside(
        *("move", "--from", str(world.folder), "--to", "env", "--yes"),
        data=tmp_path / "rest",
        SMTP_URL="smtp://somebody:hush@127.0.0.1:9",
        JWT_SECRET=SECRET,
    )
    assert done.returncode == 1
    assert "SMTP_URL" in done.stderr
    assert "hush" not in done.stderr + done.stdout
    same = await beside("move", "--from", str(world.folder), "--to", "env", data=world.folder)
    assert same.returncode == 1
    assert "both sides" in same.stderr
    await world.open()


async def test_a_move_that_was_killed_is_run_again(world: World, tmp_path: Path) -> None:
    await lived_in(world)
    await world.close()
    async with opened(world.folder) as platform:
        await stocked(platform.stores["customer"], 20_000)
    away = tmp_path / "away"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *words(world.folder, away)),
        cwd=ROOT,
        env=environment(None),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    wal = away / UNFINISHED / "budget.db-wal"
    async with asyncio.timeout(60):
        # Well within the customers, and far from their end.
        while not wal.exists() or wal.stat().st_size < 1_000_000:  # noqa: ASYNC110 # another process writes
            await asyncio.sleep(0.002)
    process.kill()
    assert await process.wait() == -9
    # What is half there is not taken for a platform.
    assert (await beside("outbox", data=away)).returncode == 1
    assert not (away / "budget.db").exists()  # a look
    done = answered(await beside(*words(world.folder, away)))
    assert done["kinds"]["customers"]["count"] == 20_000
    async with opened(away) as copy, opened(world.folder) as source:
        assert await tallies(copy) == await tallies(source)
    await world.open()


async def test_a_move_that_was_killed_while_the_copy_came_out_is_run_again(
    world: World, tmp_path: Path
) -> None:
    await lived_in(world)
    await world.close()
    away = tmp_path / "away"
    done = answered(await beside(*words(world.folder, away)))
    # All but the database had come out.
    (away / UNFINISHED).mkdir()
    (away / "budget.db").rename(away / UNFINISHED / "budget.db")
    assert answered(await beside(*words(world.folder, away)))["kinds"] == done["kinds"]
    assert (away / "budget.db").exists()
    assert not (away / UNFINISHED).exists()
    await world.open()


async def test_the_environment_without_servers_is_its_data_folder(
    world: World, tmp_path: Path
) -> None:
    await lived_in(world)
    await world.close()
    away = tmp_path / "away"
    words_ = ("move", "--from", str(world.folder), "--to", "env", "--yes", "--json")
    there = answered(await beside(*words_, data=away))
    back = ("move", "--from", "env", "--to", str(tmp_path / "back"), "--yes", "--json")
    assert answered(await beside(*back, data=away))["kinds"] == there["kinds"]
    await world.open()
