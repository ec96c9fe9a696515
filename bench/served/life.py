"""A server's start, its memory over time, and the command line's help."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from bench.load.client import Client, mix
from bench.processes import ROOT, stopping
from bench.served.contenders import Contender, enter, sign_in, start_ours


@dataclass(frozen=True)
class Start:
    """Seconds, medians: the first start makes the data folder, the next ones find it."""

    first: float
    again: float
    help: float


def start(count: int) -> Start:
    """From the process's start to the first 200 of /health/ready; and `--help`, whole."""
    first: list[float] = []
    again: list[float] = []
    helped: list[float] = []
    for _ in range(count):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            for figures in (first, again):
                server = start_ours(Path(folder) / "ours")
                with stopping([server]):
                    figures.append(server.wait("/health/ready", [200]))
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "cli.py", "--help"], cwd=ROOT, check=True, capture_output=True
        )
        helped.append(time.perf_counter() - began)
    return Start(median(first), median(again), median(helped))


def resident(requests: int, times: int, say: Callable[[str], None] = lambda _: None) -> list[float]:
    """MB resident: ready, and after each of `times` loads of `requests`, a tenth of them POSTs."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = start_ours(Path(folder) / "ours")
        with stopping([server]):
            contender = enter(server)
            figures = [server.resident()]
            for number in range(times):
                # Tokens last 15 minutes, so none has to last for all.
                for part in range(10):
                    sign_in(contender)
                    _load(contender, requests // 10, f"soak-{number}-{part}")
                server.settle()
                figures.append(server.resident())
                say(f"{(number + 1) * requests} requests: {figures[-1]:.1f} MB")
            return figures


def _load(contender: Contender, count: int, run: str) -> None:
    make = mix(contender.budget_id, contender.token, contender.expense(), run, 10)

    async def work() -> None:
        told = await Client(contender.server.port, 32, make).run(count, None)
        assert set(told.statuses) <= {200, 201}, f"answers: {told.statuses}"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
