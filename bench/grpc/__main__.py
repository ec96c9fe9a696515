"""`python -m bench.grpc`: what a unary call costs the server, beside its peers, by ratios.

The load is ghz where it is on PATH (or GHZ names it), else our own client. What is compared is the
server's CPU time a call, so that a busy machine disturbs all alike; rounds are interleaved.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import grpc
import httpx

from bench.processes import LOAD_CORE, ROOT, Server, free_port, on_core, stopping
from bench.sample import BUDGET, BUDGET_BODY, BUDGET_ID, USER_ID
from generated.grpc import budget_pb2 as pb

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
CALLS = int(os.environ.get("BENCH_CALLS", "10000"))
AT_ONCE = 32
METHOD = "budget.v1.BudgetService/GetBudget"
GHZ = os.environ.get("GHZ") or shutil.which("ghz")


class Contender:
    """A server, and who asks it for which budget."""

    def __init__(self, name: str, server: Server, port: int, token: str, budget: str) -> None:
        self.name, self.server, self.port = name, server, port
        self.token, self.budget = token, budget
        self.costs: list[float] = []

    def round(self) -> None:
        """One round: CPU µs of the server a call."""
        before = self.server.cpu()
        load(self)
        self.costs.append((self.server.cpu() - before) / CALLS * 1e6)


def load(to: Contender) -> None:
    """CALLS calls, AT_ONCE at a time, on one connection. Raises where one fails."""
    if GHZ is None:
        asyncio.run(_load(to))
        return
    words = [
        *(GHZ, "--insecure", "--proto", "specs/budget.proto", "--call", METHOD, "--format", "json"),
        *("-n", str(CALLS), "-c", str(AT_ONCE), "-d", json.dumps({"id": to.budget})),
        *("-m", json.dumps({"authorization": f"Bearer {to.token}"}), f"127.0.0.1:{to.port}"),
    ]
    done = subprocess.run(
        on_core(LOAD_CORE, words), cwd=ROOT, capture_output=True, text=True, check=True
    )
    statuses = json.loads(done.stdout)["statusCodeDistribution"]
    assert statuses == {"OK": CALLS}, f"{to.name}: {statuses}"


async def _load(to: Contender) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{to.port}") as channel:
        ask: Any = channel.unary_unary(f"/{METHOD}", response_deserializer=pb.Budget.FromString)
        raw = pb.GetBudgetRequest(id=to.budget).SerializeToString()
        metadata = (("authorization", f"Bearer {to.token}"),)

        async def some(count: int) -> None:
            for _ in range(count):
                answer = await ask(raw, metadata=metadata)
                assert answer.id == to.budget, to.name

        await asyncio.gather(*(some(CALLS // AT_ONCE) for _ in range(AT_ONCE)))


@contextmanager
def contenders() -> Iterator[list[Contender]]:
    """All of them, running."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        rest, ours, same, hand, node = (free_port() for _ in range(5))
        command = [*(sys.executable, "cli.py", "serve", "--port", str(rest)), "--grpc-port"]
        environ = {"DATA_DIR": folder, "RATE_LIMIT_FACTOR": "1000000", "MONITOR_RATE": "0"}
        platform = Server([*command, str(ours)], environ, rest)
        by_hand = Server([sys.executable, "-m", "bench.grpc.by_hand", str(hand)], {}, hand)
        aside = stack.enter_context(tempfile.TemporaryDirectory())
        on_ours = Server([sys.executable, "-m", "bench.grpc.by_hand", str(same), aside], {}, same)
        in_node = Server(
            ["node", "bench/grpc/server.js", str(node), USER_ID, json.dumps(BUDGET)], {}, node
        )
        stack.enter_context(stopping([platform, on_ours, by_hand, in_node]))
        platform.wait("/health/ready", [200])
        token, budget = sign_up(rest)
        _reached(same)
        other, its = json.loads(Path(aside, "told.json").read_text())
        found = [
            Contender("ours, the whole platform", platform, ours, token, budget),
            Contender("grpc.aio by hand, our handlers", on_ours, same, other, its),
            Contender("grpc.aio by hand, in memory", by_hand, hand, "a token", BUDGET_ID),
            Contender("@grpc/grpc-js, in memory", in_node, node, "a token", BUDGET_ID),
        ]
        for each in found:
            _reached(each.port)
        yield found


def _reached(port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ready: Callable[..., None] = grpc.channel_ready_future(channel).result
        ready(timeout=60)


def sign_up(port: int) -> tuple[str, str]:
    """A token, and the id of a budget of its account's."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api") as http:
        account = {"email": "ann@example.com", "password": "a password for it", "name": "Ann"}
        token = str(http.post("/auth/register", json=account).json()["accessToken"])
        signed = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        return token, str(http.post("/budgets", content=BUDGET_BODY, headers=signed).json()["id"])


def main() -> None:
    """Measures and prints."""
    with contenders() as found:
        for _ in range(ROUNDS + 1):
            for each in found:
                each.round()
        for each in found:
            del each.costs[0]  # the first warms it up
        ours = median(found[0].costs)
        load_by = "ghz" if GHZ else "our own client"
        print(f"GetBudget, {CALLS} calls a round, {AT_ONCE} at once, {ROUNDS} rounds, by {load_by}")
        for each in found:
            cost = median(each.costs)
            print(f"{each.name:30} {cost:7.1f} µs of CPU a call   ours / this {ours / cost:5.2f}")
        print(f"resident memory of ours: {found[0].server.resident():.0f} MB")


if __name__ == "__main__":
    main()
