"""The command line as a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# What the worlds sign with: whoever takes turns with one at its folder needs the same.
SECRET = "a secret that only the tests know"


def environment(data: Path | None, **variables: str) -> dict[str, str]:
    """Nothing of the shell that runs the tests."""
    environ = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"} | variables
    if data is not None:
        environ["DATA_DIR"] = str(data)
    return environ


def run(
    *words: str, data: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """One call; `data` is the data folder."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT,
        env=environment(data, **variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def beside(
    *words: str, data: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """One call beside a platform that runs in this loop."""
    return await asyncio.to_thread(run, *words, data=data, **variables)


def answered(done: subprocess.CompletedProcess[str]) -> Any:
    """The JSON that a call answered, which succeeded."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
