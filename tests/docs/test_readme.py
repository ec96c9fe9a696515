"""The README's first five minutes, run as they are printed."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]


def blocks() -> list[str]:
    """The shell blocks of the chapter, in order."""
    text = (ROOT / "README.md").read_text()
    chapter = text.split("## The first five minutes")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A served platform over an empty folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "cli", "serve", "--port", str(number), "--grpc-port", "0"]
    command += ["--data", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            # The line that says so comes when it listens.
            for line in server.stdout:
                if b"ready at" in line:
                    break
            yield number
        finally:
            server.terminate()
            server.communicate(timeout=30)
    assert server.returncode == 0


def test_the_first_five_minutes_work_as_printed(port: int, tmp_path: Path) -> None:
    """One shell runs them all, so that TOKEN and BUDGET carry over; only port and paths differ."""
    if shutil.which("curl") is None:
        pytest.fail("curl is needed: the README's reader has it")
    mark = "=== next ==="
    script = f"\necho '{mark}'\n".join(blocks())
    script = script.replace("localhost:3000", f"127.0.0.1:{port}")
    script = script.replace(
        ".venv/bin/budget-manager", f"DATA_DIR={tmp_path} {sys.executable} -m cli"
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seeded, signed_in, token, lists, made, found, wrong = (
        part.strip() for part in done.stdout.split(mark)
    )
    assert "user@example.com / password123" in seeded
    assert json.loads(signed_in)["tokenType"] == "Bearer"
    assert token == ""
    listed, created = _documents(lists)
    assert {budget["name"] for budget in listed["items"]} >= {"Household", "Holidays"}
    assert (created["name"], created["limit"], created["spent"]) == ("Books", "60.00", "0.00")
    assert json.loads(made)["amount"] == "12.50"
    summary, hits = _documents(found)
    assert summary["budgetId"] == json.loads(made)["budgetId"]
    assert "total" in hits
    problem = json.loads(wrong)
    assert {(error["pointer"], error["code"]) for error in problem["errors"]} == {
        ("/name", "minLength"),
        ("/limit", "type"),
        ("/colour", "unknown"),
    }


def test_the_pages_that_it_names_are_there(port: int) -> None:
    """Swagger UI and the contract."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as client:
        page = client.get("/docs")
        assert page.status_code == 200
        assert "swagger-ui" in page.text
        assert client.get("/openapi.json").json()["openapi"] == "3.0.3"


def _documents(text: str) -> list[dict[str, Any]]:
    """JSON documents that stand one after the other."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    text = text.strip()
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].lstrip()
    return found
