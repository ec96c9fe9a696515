"""The README's first five minutes, run as they are printed."""

from __future__ import annotations

import json
import os
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
def ports(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A served platform over an empty folder: HTTP's port and gRPC's."""
    ports: list[int] = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    command = [sys.executable, "-m", "cli", "serve", "--data", str(tmp_path)]
    command += ["--port", str(ports[0]), "--grpc-port", str(ports[1])]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            # The line that says so comes when it listens.
            for line in server.stdout:
                if b"ready at" in line:
                    break
            yield ports[0], ports[1]
        finally:
            server.terminate()
            server.communicate(timeout=30)
    assert server.returncode == 0


def test_the_first_five_minutes_work_as_printed(ports: tuple[int, int], tmp_path: Path) -> None:
    """One shell runs them all, so that TOKEN and BUDGET carry over; only port and paths differ."""
    if shutil.which("curl") is None:
        pytest.fail("curl is needed: the README's reader has it")
    mark = "=== next ==="
    node = shutil.which("node") is not None
    if os.environ.get("CI") == "true":
        assert node, "Node.js is needed"
    # Without it a reader leaves its examples out.
    wanted = [block for block in blocks() if node or "node " not in block]
    script = f"\necho '{mark}'\n".join(wanted)
    script = script.replace("localhost:3000", f"127.0.0.1:{ports[0]}")
    script = script.replace("localhost:50051", f"127.0.0.1:{ports[1]}")
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
    said = [part.strip() for part in done.stdout.split(mark)]
    seeded, signed_in, token, lists, made, found, wrong, graph, *more = said
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
    graphed = json.loads(graph)["data"]["budgets"]
    assert {budget["name"] for budget in graphed} >= {"Books", "Household"}
    if node:
        called, heard = more
        # The budget that was made last comes first.
        assert called == "Books 60.00"
        frames = _documents(heard)
        told = [frame for frame in frames if frame.get("channel") == "notifications"]
        assert told[0]["payload"]["title"] == "Task monthlyReport succeeded"


def test_the_pages_that_it_names_are_there(ports: tuple[int, int]) -> None:
    """Swagger UI and the contract."""
    with httpx.Client(base_url=f"http://127.0.0.1:{ports[0]}", follow_redirects=True) as client:
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
