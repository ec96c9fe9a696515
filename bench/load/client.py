"""Our own client, where wrk cannot do it: a fixed pace, or a mix with each answer looked at.

At a fixed pace a request's latency counts from the moment it was due, so that a server that stops
for a while is not spared the requests which it kept from being sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import uvloop

Make = Callable[[int], tuple[str, bytes]]


@dataclass
class Told:
    """What the answers were like: seconds by kind of request, and how many by status."""

    latencies: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)

    def quantile(self, kind: str, share: float) -> float:
        """The latency that `share` of the requests of one kind kept within."""
        ordered = sorted(self.latencies[kind])
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def request(method: str, path: str, token: str, body: bytes = b"", key: str = "") -> bytes:
    """One HTTP/1.1 request as it is sent."""
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"authorization: Bearer {token}"]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    if key:
        lines.append(f"idempotency-key: {key}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


class _Connection(asyncio.Protocol):
    """One connection; one request is under way at a time. Answers have a content-length."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._due = 0.0
        self._kind = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # a TCP transport is one

    def ask(self, kind: str, raw: bytes, due: float) -> None:
        """Sends; the answer tells the client."""
        assert self._transport is not None, "asked before connected"
        self._kind, self._due = kind, due
        self._transport.write(raw)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._client.answered(self, self._kind, time.perf_counter() - self._due, int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        self._client.lost(self)


class Client:
    """Keeps `connections` open to 127.0.0.1:`port` and sends what `make` gives it."""

    def __init__(self, port: int, connections: int, make: Make) -> None:
        self._port = port
        self._connections = connections
        self._make = make
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[tuple[int, float]] = deque()
        self._done = asyncio.Event()
        self._left = 0
        self._closing = False
        self.told = Told()

    async def run(self, count: int, rate: float | None) -> Told:
        """Sends `count` requests: `rate` a second, or each as soon as a connection is free."""
        loop = asyncio.get_running_loop()
        for _ in range(self._connections):
            _, connection = await loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self._port
            )
            self._idle.append(connection)
        self._left = count
        began = time.perf_counter()
        if rate is None:
            self._waiting.extend((number, 0.0) for number in range(count))
            self._pump()
        else:
            for number in range(count):
                due = began + number / rate
                if (early := due - time.perf_counter()) > 0.0005:
                    await asyncio.sleep(early)
                self._waiting.append((number, due))
                self._pump()
        async with asyncio.timeout(120):
            await self._done.wait()
        self._closing = True
        for connection in self._idle:
            with contextlib.suppress(AttributeError):
                connection._transport.close()  # type: ignore[union-attr] # suppressed
        return self.told

    def _pump(self) -> None:
        while self._idle and self._waiting:
            number, due = self._waiting.popleft()
            self._idle.popleft().ask(*self._make(number), due or time.perf_counter())

    def answered(self, connection: _Connection, kind: str, seconds: float, status: int) -> None:
        """Called by a connection for each answer."""
        self.told.latencies.setdefault(kind, []).append(seconds)
        self.told.statuses[status] += 1
        self._idle.append(connection)
        self._left -= 1
        if self._left == 0:
            self._done.set()
        else:
            self._pump()

    def lost(self, connection: _Connection) -> None:
        """Called by a connection that was closed by the server."""
        if not self._closing:
            raise RuntimeError("the server closed an honest connection")


def mix(budget_id: str, token: str, body: bytes, run: str, every: int) -> Make:
    """GET of the budget, and each `every`th (0: none) a new expense with a key of its own."""
    read = request("GET", f"/api/budgets/{budget_id}", token)

    def make(number: int) -> tuple[str, bytes]:
        if not every or number % every:
            return "GET", read
        return "POST", request("POST", "/api/expenses", token, body, f"{run}-{number}")

    return make


def main() -> None:
    """Reads its task from standard input and writes what it was told: a process, so as to be kept
    on a core of its own.
    """
    task = json.load(sys.stdin)
    make = mix(
        task["budget"], task["token"], task["body"].encode(), task["run"], task.get("every", 10)
    )

    async def work() -> Told:
        return await Client(task["port"], task["connections"], make).run(
            task["count"], task.get("rate")
        )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        told = runner.run(work())
    json.dump({"latencies": told.latencies, "statuses": told.statuses}, sys.stdout)


if __name__ == "__main__":
    main()
