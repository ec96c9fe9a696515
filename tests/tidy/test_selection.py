"""tests/conftest.py: nothing is skipped in CI, and a test sees the servers that it asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SKIPPING = {
    "skip": "import pytest\ndef test_it(): pytest.skip('no reason')",
    "skipif": "import pytest\n@pytest.mark.skipif(True, reason='r')\ndef test_it(): ...",
    "xfail": "import pytest\n@pytest.mark.xfail(reason='r')\ndef test_it(): assert False",
    "module": "import pytest\npytest.importorskip('nothing_by_that_name')\ndef test_it(): ...",
    "server": "import pytest\n@pytest.mark.server('postgres')\ndef test_it(): ...",
}


def run(folder: Path, sources: dict[str, str], *options: str, **variables: str) -> tuple[int, str]:
    """Exit code and output of pytest on these modules, with these variables and our conftest."""
    for name, source in sources.items():
        (folder / f"test_{name}.py").write_text(source, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = server\n", encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    # Without the plugins that this needs none of, it starts in half the time.
    environ |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = ["-p", "tests.conftest", "-p", "xdist.plugin"]
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-rA", *plugins, *options, str(folder)],
        cwd=ROOT,
        env=environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_what_skips_at_home_fails_in_ci(tmp_path: Path) -> None:
    code, said = run(tmp_path, SKIPPING)
    assert (code, "4 skipped, 1 xfailed in" in said) == (0, True), said
    code, said = run(tmp_path, SKIPPING, "--continue-on-collection-errors", CI="true")
    assert (code, "2 failed, 3 errors in" in said) == (1, True), said


def test_a_skip_fails_in_ci_across_workers_too(tmp_path: Path) -> None:
    few = {way: SKIPPING[way] for way in ("skip", "xfail")}
    code, said = run(tmp_path, few, "-n", "2", CI="true")
    assert (code, "2 failed in" in said) == (1, True), said


def test_a_test_sees_the_servers_that_it_is_marked_with_and_no_others(tmp_path: Path) -> None:
    source = """
import os, pytest
NAMES = {"POSTGRES_URL", "REDIS_URL", "KAFKA_BROKER"}
def seen(): return NAMES & os.environ.keys()
def test_none(): assert seen() == set()
@pytest.mark.server("postgres")
def test_one(): assert seen() == {"POSTGRES_URL"}
@pytest.mark.server("redis", "kafka")
def test_two(): assert seen() == {"REDIS_URL", "KAFKA_BROKER"}
def test_none_again(): assert seen() == set()
"""
    given = {"POSTGRES_URL": "postgresql://x", "REDIS_URL": "redis://x", "KAFKA_BROKER": "x:1"}
    code, said = run(tmp_path, {"seen": source}, CI="true", **given)
    assert code == 0, said


def test_an_unknown_server_is_an_error(tmp_path: Path) -> None:
    code, said = run(tmp_path, {"typo": SKIPPING["server"].replace("postgres", "postgers")})
    assert code != 0
    assert "no server is called postgers" in said
