"""Whole requests, in turns: each contender on one core, wrk on another."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.load import wrk
from bench.load.wrk import Figures
from bench.processes import stopping
from bench.served.contenders import (
    Contender,
    enter,
    install_express,
    sign_in,
    start_express,
    start_fastapi,
    start_ours,
)

OURS = "ours"


@dataclass(frozen=True)
class Result:
    """Medians over the rounds."""

    rate: float
    cpu: float
    p50: float
    p99: float
    drained: float


def measure(
    count: int, seconds: float, say: Callable[[str], None] = lambda _: None
) -> dict[tuple[str, str], Result]:
    """By contender and request. The peers run with synchronous=FULL, as ours, and with NORMAL."""
    install_express()
    rounds: dict[tuple[str, str], list[Figures]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        at = Path(folder)
        contenders: list[Contender] = []
        with stopping(servers := [start_ours(at / "ours")]):
            contenders.append(enter(servers[0]))
            for start in (start_fastapi, start_express):
                for synchronous in ("FULL", "NORMAL"):
                    contenders.append(start(at, synchronous))
                    servers.append(contenders[-1].server)
            for contender in contenders:
                contender.check()
                for what in ("GET", "POST"):
                    # Once unmeasured: compilers warm up, caches fill.
                    wrk.measure(contender, what, min(2, seconds))
            for number in range(count):
                sign_in(contenders[0])
                for what in ("GET", "POST"):
                    for contender in contenders:
                        figures = wrk.measure(contender, what, seconds)
                        rounds.setdefault((contender.name, what), []).append(figures)
                        say(f"round {number + 1}: {contender.name}, {what}: {figures}")
    return {key: _median(figures) for key, figures in rounds.items()}


def _median(rounds: list[Figures]) -> Result:
    return Result(
        rate=median(each.rate for each in rounds),
        cpu=median(each.cpu for each in rounds),
        p50=median(each.p50 for each in rounds),
        p99=median(each.p99 for each in rounds),
        drained=median(each.drained for each in rounds),
    )
