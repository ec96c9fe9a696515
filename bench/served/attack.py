"""What honest requests feel of an attack: their latency quiet, and under each kind, in turns."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.load.attack import ATTACKS
from bench.processes import LOAD_CORE, ROOT, on_core, stopping
from bench.served.contenders import Contender, enter, sign_in, start_ours

# Honest requests a second: a tenth of what the server could do, nine in ten of them reads.
RATE = 300
EVERY = 10
QUIET, ALL = "quiet", "all at once"


@dataclass(frozen=True)
class Felt:
    """Medians over the rounds, in seconds; and what the attackers were answered, all rounds."""

    p50: float
    p99: float
    post_p99: float
    answers: Counter[str]


def _honest(contender: Contender, seconds: float) -> dict[str, Any]:
    task = {
        "port": contender.server.port,
        "budget": contender.budget_id,
        "token": contender.token,
        "body": contender.expense().decode(),
        "run": f"honest-{time.time_ns()}",
        "every": EVERY,
        "connections": 16,
        "count": int(seconds * RATE),
        "rate": RATE,
    }
    done = subprocess.run(
        on_core(LOAD_CORE, [sys.executable, "-m", "bench.load.client"]),
        input=json.dumps(task),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    assert set(told["statuses"]) <= {"200", "201"}, f"honest requests got {told['statuses']}"
    return told


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _round(contender: Contender, kinds: list[str], seconds: float) -> tuple[Any, Counter[str]]:
    lead = 3.0 if kinds else 0.0
    attackers = [
        subprocess.Popen(
            on_core(
                LOAD_CORE,
                [
                    *(sys.executable, "-m", "bench.load.attack", kind),
                    *(str(contender.server.port), contender.token, str(lead + seconds + 1)),
                ],
            ),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for kind in kinds
    ]
    # Until the slow ones are all there.
    time.sleep(lead)
    told = _honest(contender, seconds)
    answers: Counter[str] = Counter()
    for attacker in attackers:
        answers += Counter(json.loads(attacker.communicate()[0]))
    return told, answers


def measure(count: int, seconds: float) -> dict[str, Felt]:
    """What honest requests felt, by kind of attack."""
    turns = {QUIET: [], **{kind: [kind] for kind in ATTACKS}, ALL: list(ATTACKS)}
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in turns}
    answers: dict[str, Counter[str]] = {name: Counter() for name in turns}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = start_ours(Path(folder) / "ours")
        with stopping([server]):
            contender = enter(server)
            contender.check()
            _honest(contender, 1)
            for _ in range(count):
                sign_in(contender)
                for name, kinds in turns.items():
                    server.settle()
                    felt, answered = _round(contender, kinds, seconds)
                    told[name].append(felt["latencies"])
                    answers[name] += answered
            assert server.ask("GET", "/health/ready")[0] == 200, "the server did not survive"
    return {
        name: Felt(
            median(_quantile(each["GET"], 0.50) for each in rounds),
            median(_quantile(each["GET"], 0.99) for each in rounds),
            median(_quantile(each["POST"], 0.99) for each in rounds),
            answers[name],
        )
        for name, rounds in told.items()
    }
