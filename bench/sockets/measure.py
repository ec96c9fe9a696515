"""What thousands of open sockets cost, and how soon a broadcast reaches them all."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.processes import LOAD_CORE, ROOT, Server, on_core, stopping
from bench.served.contenders import start_ours

PASSWORD = "password123"  # noqa: S105 # the demo accounts' own


@dataclass(frozen=True)
class Crowded:
    """In milliseconds from the request that sends the broadcast; memory in KB a socket."""

    sockets: int
    deaf: int
    p50: float
    p99: float
    last: float
    memory: float
    opened: float
    cpu: float


def measure(
    count: int, rounds: int, say: Callable[[str], None] = lambda _: None
) -> dict[str, Crowded]:
    """With all reading, and with one in ten that reads nothing."""
    found = {}
    for name, deaf in (("all read", 0), ("1 in 10 reads nothing", 10)):
        found[name] = _crowded(count, deaf, rounds)
        say(f"{name}: {found[name]}")
    return found


def _crowded(count: int, deaf: int, rounds: int) -> Crowded:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        at = Path(folder) / "ours"
        subprocess.run(
            [sys.executable, "cli.py", "seed", "--data", str(at)],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        server = start_ours(at, {"LOG_LEVEL": "warning"})
        with stopping([server]):
            server.wait("/health/ready", [200])
            token, admin = (_sign_in(server, f"{who}@example.com") for who in ("user", "admin"))
            server.settle()
            before = server.resident()
            command = [sys.executable, "-m", "bench.sockets.crowd"]
            command += [str(server.port), str(count), str(deaf)]
            crowd = subprocess.Popen(
                on_core(LOAD_CORE, command),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                _tell(crowd, token)
                opened = _answer(crowd)["seconds"]
                server.settle(5)
                memory = (server.resident() - before) * 1000 / count
                cpu = server.cpu()
                delays = [_broadcast(server, admin, crowd) for _ in range(rounds)]
                cpu = (server.cpu() - cpu) / rounds
            finally:
                crowd.kill()
                crowd.communicate()
    return Crowded(
        sockets=count,
        deaf=len(range(0, count, deaf)) if deaf else 0,
        p50=median(_at(delay, 0.5) for delay in delays),
        p99=median(_at(delay, 0.99) for delay in delays),
        last=median(delay[-1] for delay in delays),
        memory=memory,
        opened=opened,
        cpu=cpu,
    )


def _broadcast(server: Server, admin: str, crowd: subprocess.Popen[str]) -> list[float]:
    """Delays in ms, sorted. The clock is one for all processes of the machine."""
    _tell(crowd, "expect 1")
    body = {"title": f"Broadcast {time.time_ns()}", "body": "To whoever is there. " * 5}
    signed = {"authorization": f"Bearer {admin}"}
    began = time.perf_counter()
    status, _, answer = server.ask("POST", "/api/notifications", signed, json.dumps(body).encode())
    assert status == 201, answer
    told = _answer(crowd)
    assert "heard" in told, told
    return sorted((at - began) * 1000 for at in told["heard"])


def _at(sorted_values: Sequence[float], share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def _sign_in(server: Server, email: str) -> str:
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    status, _, answer = server.ask("POST", "/api/auth/login", body=body)
    assert status == 200, answer
    token: str = json.loads(answer)["accessToken"]
    return token


def _tell(crowd: subprocess.Popen[str], line: str) -> None:
    assert crowd.stdin is not None
    crowd.stdin.write(line + "\n")
    crowd.stdin.flush()


def _answer(crowd: subprocess.Popen[str]) -> dict[str, Any]:
    assert crowd.stdout is not None
    told: dict[str, Any] = json.loads(crowd.stdout.readline())
    return told


if __name__ == "__main__":
    for name, row in measure(int(sys.argv[1]) if sys.argv[1:] else 5000, 10).items():
        print(name, row)
