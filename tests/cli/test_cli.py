"""The command line, as a person and as a script use it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calls import ROOT, run
from tests.rest.world import World


@pytest.fixture(scope="module")
def sown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the demo in it."""
    folder = tmp_path_factory.mktemp("sown")
    done = run("seed", data=folder)
    assert done.returncode == 0, done.stderr
    assert "user@example.com / password123 (user)" in done.stdout
    return folder


def test_help_and_version_say_what_this_is() -> None:
    assert "serve" in run("--help").stdout
    assert run("--version").stdout.startswith("budget-manager ")
    assert "set-role" in run("users", "--help").stdout


def test_a_wrong_word_exits_with_2_and_a_refusal_with_1(tmp_path: Path) -> None:
    assert run("sevre").returncode == 2
    assert run("serve", "--prot", "1").returncode == 2
    refused = run("users", "set-role", "nobody@example.com", "boss", data=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "user, manager, support, admin" in refused.stderr
    unknown = run("users", "set-role", "nobody@example.com", "admin", data=tmp_path)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "nobody@example.com" in unknown.stderr


def test_all_faults_of_the_environment_are_told_at_once_and_no_value(tmp_path: Path) -> None:
    done = run("serve", data=tmp_path, PORT="x", JWT_SECRET="short-hush", RATE_LIMIT_FACTOR="-")
    assert done.returncode == 1
    assert {"PORT", "JWT_SECRET", "RATE_LIMIT_FACTOR"} <= {
        line.partition(":")[0] for line in done.stderr.splitlines()
    }
    assert "short-hush" not in done.stderr
    assert "Traceback" not in done.stderr


def test_seeding_again_changes_nothing(sown: Path) -> None:
    again = run("seed", "--json", data=sown)
    assert again.returncode == 0, again.stderr
    assert set(json.loads(again.stdout)["made"].values()) == {0}


def test_seeding_real_servers_needs_force(tmp_path: Path) -> None:
    done = run(
        "seed",
        data=tmp_path,
        POSTGRES_URL="postgresql://somebody:hush@127.0.0.1/x",
        JWT_SECRET="a secret that only the tests know",
    )
    assert done.returncode == 1
    assert "POSTGRES_URL" in done.stderr
    assert "hush" not in done.stderr


def test_budgets_are_listed_with_what_was_spent(sown: Path) -> None:
    listed = run("list-budgets", "--json", data=sown)
    budgets = {budget["name"]: budget for budget in json.loads(listed.stdout)}
    assert {"Household", "Getting around", "Eating out", "Holidays"} <= set(budgets)
    # The year's expenses were counted before the command ended.
    assert float(budgets["Holidays"]["spent"]) > 0
    shown = run("list-budgets", data=sown)
    assert "Household" in shown.stdout
    nobody = run("list-budgets", "--user", "nobody@example.com", data=sown)
    assert (nobody.returncode, nobody.stdout) == (1, "")


def test_the_first_admin_is_made_here(sown: Path) -> None:
    done = run("users", "set-role", "user@example.com", "admin", "--json", data=sown)
    assert done.returncode == 0, done.stderr
    user = json.loads(done.stdout)
    assert (user["role"], user["emailVerified"]) == ("admin", True)
    assert "passwordHash" not in user
    run("users", "set-role", "user@example.com", "user", data=sown)


def test_a_reader_that_goes_away_is_no_traceback(sown: Path) -> None:
    command = f"{sys.executable} -m cli list-budgets --json | head -c 1"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "DATA_DIR": str(sown)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr


@pytest.mark.anyio
async def test_a_role_given_beside_a_running_server_holds_within_seconds(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.open()
    try:
        ann = await world.account()
        assert (await world.send(ann, "GET", "/users")).status_code == 403
        done = await asyncio.to_thread(run, "users", "set-role", ann.email, "admin", data=tmp_path)
        assert done.returncode == 0, done.stderr
        for _ in range(100):
            if (await world.send(ann, "GET", "/users")).status_code == 200:
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the role does not hold")
    finally:
        await world.close()
