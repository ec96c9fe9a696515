"""Throughput and latency: wrk, one thread, closed loop, on a core of its own.

Where wrk is not installed our own client asks in its place, and the tables say so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import LOAD_CORE, ROOT, on_core
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


def asker() -> str:
    """Who asks."""
    return "wrk" if shutil.which("wrk") else "our own client, as wrk is not installed"


def measure(contender: Contender, what: str, seconds: float) -> Figures:
    """One round of GETs or POSTs. Raises RuntimeError where an answer was no success."""
    by = _by_wrk if shutil.which("wrk") else _by_client
    return by(contender, what, seconds)


def _by_client(contender: Contender, what: str, seconds: float) -> Figures:
    server = contender.server
    # The client takes a number of requests: some at first tell how many fill the time.
    tried = _asked(contender, what, 200)["latencies"][what]
    count = max(200, int(CONNECTIONS * len(tried) / sum(tried) * seconds))
    server.settle()
    before = server.cpu()
    latencies = sorted(_asked(contender, what, count)["latencies"][what])
    drained = server.settle()
    return Figures(
        # In a closed loop all connections are always busy.
        rate=CONNECTIONS * count / sum(latencies),
        cpu=(server.cpu() - before) / count,
        p50=latencies[count // 2],
        p99=latencies[count * 99 // 100],
        drained=drained,
        count=count,
    )


def _asked(contender: Contender, what: str, count: int) -> Any:
    task = {
        "port": contender.server.port,
        "budget": contender.budget_id,
        "token": contender.token,
        "body": contender.expense().decode(),
        "run": f"run-{time.time_ns()}",
        "every": 0 if what == "GET" else 1,
        "connections": CONNECTIONS,
        "count": count,
    }
    output = subprocess.run(
        on_core(LOAD_CORE, [sys.executable, "-m", "bench.load.client"]),
        input=json.dumps(task),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    told = json.loads(output)
    if not set(told["statuses"]) <= {"200", "201"}:
        raise RuntimeError(f"{contender.name}, {what}: {told['statuses']}")
    return told


def _by_wrk(contender: Contender, what: str, seconds: float) -> Figures:
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
