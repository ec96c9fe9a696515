"""A list of 100 objects with 10 fields, served: ours, plain Strawberry, Apollo Server.

    python -m bench.graphql.measure [ROUNDS] [REQUESTS]

Ours also knows who asks, counts the call, and reads the page from its store; the peers answer
anybody from memory. Each is asked by one connection, in turns; CPU is the server's.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.processes import ROOT, Server, free_port, stopping
from bench.report import table
from bench.sample import BUDGET_BODY
from bench.served.contenders import enter, start_ours

APOLLO = ROOT / "bench" / "peers" / "apollo"
FIELDS = "id version createdAt updatedAt name limit currency period startsOn spent"
QUERY = f"query {{ budgets(first: 100) {{ {FIELDS} }} }}"
BODY = json.dumps({"query": QUERY}).encode()
_ASKED = (
    "Asked by one connection. Ours also knows who asks, counts the call and reads the page from "
    "its store; the peers answer anybody from memory."
)
OURS, STRAWBERRY, APOLLO_SERVER = "ours", "Strawberry", "Apollo Server"


@dataclass(frozen=True)
class Peer:
    """One that is asked."""

    name: str
    server: Server
    path: str
    headers: dict[str, str]

    def ask(self, connection: http.client.HTTPConnection) -> bytes:
        """One answer."""
        headers = {"content-type": "application/json", **self.headers}
        connection.request("POST", self.path, BODY, headers)
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200, f"{self.name}: {response.status} {body[:300]!r}"
        return body

    def check(self) -> None:
        """Raises AssertionError unless it answers with a hundred times ten fields."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        budgets = json.loads(self.ask(connection))["data"]["budgets"]
        connection.close()
        assert len(budgets) == 100, f"{self.name}: {len(budgets)} budgets"
        assert all(set(each) == set(FIELDS.split()) for each in budgets), self.name
        assert budgets[0]["limit"] == "500.00", budgets[0]
        assert budgets[0]["period"] == "MONTHLY", budgets[0]


@dataclass(frozen=True)
class Figures:
    """Of one round: the server's CPU a request, and how long an answer takes, in seconds."""

    cpu: float
    latency: float


@contextmanager
def started(folder: Path) -> Iterator[list[Peer]]:
    """All of them, each with its hundred budgets."""
    ours = start_ours(folder)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.peers.strawberry_app:app"]
    plain = Server([*command, "--port", str(port), "--log-level", "error"], {}, port)
    if not (APOLLO / "node_modules").exists():
        words = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(words, cwd=APOLLO, check=True)
    port = free_port()
    environ = {"PORT": str(port), "NODE_ENV": "production"}
    apollo = Server(["node", "server.mjs"], environ, port, APOLLO)
    with stopping([ours, plain, apollo]):
        us = enter(ours)
        for _ in range(99):
            ours.ask("POST", "/api/budgets", us.headers(), BUDGET_BODY)
        plain.wait("/", [200, 400, 404, 405])
        apollo.wait("/", [200, 400, 404, 405, 415])
        yield [
            Peer(OURS, ours, "/api/graphql", us.headers()),
            Peer(STRAWBERRY, plain, "/", {}),
            Peer(APOLLO_SERVER, apollo, "/", {}),
        ]


def measured(peer: Peer, requests: int) -> Figures:
    """One round."""
    connection = http.client.HTTPConnection("127.0.0.1", peer.server.port, timeout=30)
    for _ in range(20):
        peer.ask(connection)
    peer.server.settle()
    before, took = peer.server.cpu(), []
    for _ in range(requests):
        began = time.perf_counter()
        peer.ask(connection)
        took.append(time.perf_counter() - began)
    peer.server.settle()
    connection.close()
    return Figures((peer.server.cpu() - before) / requests, median(took))


def measure(rounds: int = 3, requests: int = 300) -> dict[str, Figures]:
    """The medians over the rounds, by name."""
    os.environ.setdefault("MONITOR_RATE", "0")
    found: dict[str, list[Figures]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, started(Path(folder)) as peers:
        for peer in peers:
            peer.check()
        for _ in range(rounds):
            for peer in peers:
                found.setdefault(peer.name, []).append(measured(peer, requests))
    return {
        name: Figures(median(f.cpu for f in each), median(f.latency for f in each))
        for name, each in found.items()
    }


def report(found: dict[str, Figures]) -> str:
    """The table, ratios to ours first."""
    ours = found[OURS]
    rows = [
        [
            name,
            f"{each.cpu / ours.cpu:.1f}",
            f"{each.latency / ours.latency:.1f}",
            f"{each.cpu * 1e6:.0f}",
            f"{each.latency * 1e3:.2f}",
        ]
        for name, each in found.items()
    ]
    heads = ["", "CPU / ours", "latency / ours", "CPU µs", "p50 ms"]
    title = "### GraphQL: a list of 100 objects with 10 fields (aim: Strawberry / ours ≥ 2)"
    return f"{title}\n\n{table(heads, rows)}\n\n{_ASKED}"


if __name__ == "__main__":
    print(report(measure(*map(int, sys.argv[1:3]))))
