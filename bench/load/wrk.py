"""Throughput and latency by wrk: one thread, closed loop, on a core of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import LOAD_CORE, on_core
from bench.served.contenders import Contender

CONNECTIONS = 32
_POST = Path(__file__).with_name("expenses.lua")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Figures:
    """One round. CPU is the server's, until it was idle again; latencies are in seconds."""

    rate: float
    cpu: float
    p50: float
    p99: float
    # Seconds after the last answer until what was put off (the outbox) was done.
    drained: float
    count: int


def missing() -> str | None:
    """Why wrk cannot be used."""
    return None if shutil.which("wrk") else "wrk is not installed (Debian: apt-get install wrk)"


def measure(contender: Contender, what: str, seconds: float) -> Figures:
    """One round of GETs or POSTs. Raises RuntimeError where an answer was no success."""
    server = contender.server
    path = contender.budget_path if what == "GET" else "/api/expenses"
    command = [
        *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--latency"),
        *("--duration", f"{max(1, round(seconds))}s", "--timeout", "30s"),
        *("--header", f"authorization: Bearer {contender.token}"),
    ]
    environ = dict(os.environ)
    if what == "POST":
        command += ["--script", str(_POST), "--header", "content-type: application/json"]
        environ["BENCH_BODY"] = contender.expense().decode()
        environ["BENCH_RUN"] = f"run-{time.time_ns()}"
    server.settle()
    before = server.cpu()
    output = subprocess.run(
        on_core(LOAD_CORE, [*command, f"http://127.0.0.1:{server.port}{path}"]),
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    drained = server.settle()
    failed = re.search(r"Non-2xx.*|Socket errors.*", output)
    if failed:
        raise RuntimeError(f"{contender.name}, {what}: {failed[0]}")
    count = int(_found(r"(\d+) requests in", output))
    return Figures(
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", output)),
        cpu=(server.cpu() - before) / count,
        p50=_seconds(_found(r"\n\s+50%\s+(\S+)", output)),
        p99=_seconds(_found(r"\n\s+99%\s+(\S+)", output)),
        drained=drained,
        count=count,
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"wrk said nothing of {pattern}: {text}")
    return match[1]


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if match is None:
        raise RuntimeError(f"wrk gave the time {text}")
    return float(match[1]) * _UNITS[match[2]]
