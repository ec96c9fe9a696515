"""What the figures were measured on: its nature, and nothing that names it."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path


def describe() -> str:
    """One sentence."""
    cpu = _found(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo"))
    memory = int(_found(r"MemTotal:\s*(\d+)", Path("/proc/meminfo"))) / 1e6
    kernel = platform.release().split("-")[0]
    return (
        f"{os.cpu_count()} virtual cores ({cpu.strip()}), {memory:.0f} GB, Linux {kernel}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version} for FastAPI's side; "
        f"load {os.getloadavg()[0]:.1f} when it began"
    )


def versions() -> str:
    """What was compared."""
    names = "granian connexion fastapi uvicorn sqlmodel aiosqlite pydantic".split()
    found = [f"{name} {version(name)}" for name in names]
    node = subprocess.run(
        ["node", "--version"], check=True, capture_output=True, text=True
    ).stdout.strip()
    return ", ".join([*found, f"Node {node}"])


def _found(pattern: str, path: Path) -> str:
    match = re.search(pattern, path.read_text()) if path.exists() else None
    return match[1] if match else "0"
