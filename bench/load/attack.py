"""Hostile clients, until they are stopped: slow sockets, monstrous bodies, garbage.

`python -m bench.load.attack KIND PORT TOKEN SECONDS`; writes how many answers had which status.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence

import uvloop

SLOW_SOCKETS = 2000
_MEGABYTE = 1 << 20
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_BUDGET = b'"budgetId":"bud_01jd8z4k5qf6x8v0m2t7n9w301","category":"x","description":"x"'


def _post(token: str, body: bytes, *headers: str) -> bytes:
    head = [
        "POST /api/expenses HTTP/1.1",
        "host: localhost",
        f"authorization: Bearer {token}",
        "content-type: application/json",
        *(headers or (f"content-length: {len(body)}",)),
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def _chunked(body: bytes, size: int = 65536) -> bytes:
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def nested(token: str) -> list[bytes]:
    """10 MB of nested JSON, its length told or not; and the largest that is looked into, 1 MiB."""
    ten = b"[" * (5 * _MEGABYTE) + b"]" * (5 * _MEGABYTE)
    one = b'{"a":' * (_MEGABYTE // 6) + b"1" + b"}" * (_MEGABYTE // 6)
    flat = b'{"tags":[' + b",".join([b'"x"'] * (_MEGABYTE // 4 - 100)) + b"]}"
    return [
        _post(token, ten),
        _post(token, _chunked(ten), "transfer-encoding: chunked"),
        _post(token, one),
        _post(token, flat),
    ]


def numbers(token: str) -> list[bytes]:
    """NaN, infinity, numbers without end, repeated keys, text that is none."""
    bodies = [
        b'{"amount":NaN,' + _BUDGET + b"}",
        b'{"amount":Infinity,' + _BUDGET + b"}",
        b'{"amount":1e999999999,' + _BUDGET + b"}",
        b'{"amount":' + b"9" * 100_000 + b"," + _BUDGET + b"}",
        b'{"amount":"' + b"9" * 100_000 + b'",' + _BUDGET + b"}",
        b"{" + b",".join([b'"amount":"1.00"'] * 10_000) + b"," + _BUDGET + b"}",
        b'{"amount":"1.00","note":"\xff\xfe\xc0\x80",' + _BUDGET + b"}",
        b'{"amount":"1.00","note":"\\ud800",' + _BUDGET + b"}",
        b"\x00" * 1000,
    ]
    return [_post(token, body) for body in bodies]


def garbage(token: str) -> list[bytes]:
    """Requests that are none, and chunks that lie."""
    chunked = "transfer-encoding: chunked"
    return [
        os.urandom(4096),
        _post(token, b"zz\r\nhello\r\n0\r\n\r\n", chunked),
        _post(token, b"ffffffffffffffffff\r\n{}", chunked),
        _post(token, b"5\r\n{}\r\n0\r\n\r\n", chunked),
        _post(token, b"-2\r\n{}\r\n0\r\n\r\n", chunked),
        _post(token, b"{}", "content-length: 2", chunked),
        _post(token, b"{}", "content-length: -5"),
        _post(token, b"{}", "content-length: 2", "content-length: 200000"),
        b"GET /api/budgets/" + b"%00" * 2000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x-a: " + b"a" * 100_000 + b"\r\n\r\n",
    ]


def _cycle(raws: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from raws


async def _throw(port: int, raw: bytes, statuses: Counter[str]) -> None:
    """Sends one request on a connection of its own, whatever comes of it."""
    status = "cut"
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(raw)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                answer = await reader.read(4096)
                if found := _STATUS.match(answer):
                    status = found[1].decode()
            finally:
                writer.close()
    statuses[status] += 1


async def _pelt(port: int, raws: Sequence[bytes], rate: float, seconds: float) -> Counter[str]:
    """`rate` requests a second, each on its own connection, at most 64 at once."""
    statuses: Counter[str] = Counter()
    began = time.perf_counter()
    running: set[asyncio.Task[None]] = set()
    for number, raw in enumerate(_cycle(raws)):
        due = number / rate
        if due > seconds:
            break
        await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
        if len(running) < 64:
            task = asyncio.create_task(_throw(port, raw, statuses))
            running.add(task)
            task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running)
    return statuses


async def _crawl(port: int, token: str, until: float, place: int, told: Counter[str]) -> None:
    """One slow socket: a byte every two seconds, of the headers or of the body; again when cut."""
    head = _post(token, b"", "content-length: 1000")
    given = len(head) if place % 2 else 20
    await asyncio.sleep(place / SLOW_SOCKETS * 2)
    while time.perf_counter() < until:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            told["opened"] += 1
            try:
                writer.write(head[:given])
                while time.perf_counter() < until and not reader.at_eof():
                    writer.write(b"a")
                    await writer.drain()
                    await asyncio.sleep(2)
            finally:
                writer.close()
        await asyncio.sleep(0.5)


async def _slow(port: int, token: str, seconds: float) -> Counter[str]:
    told: Counter[str] = Counter()
    until = time.perf_counter() + seconds
    await asyncio.gather(
        *(_crawl(port, token, until, place, told) for place in range(SLOW_SOCKETS))
    )
    return told


Attack = Callable[[int, str, float], Awaitable[Counter[str]]]
ATTACKS: dict[str, Attack] = {
    "slow": _slow,
    "nested": lambda port, token, seconds: _pelt(port, nested(token), 10, seconds),
    "numbers": lambda port, token, seconds: _pelt(port, numbers(token), 50, seconds),
    "garbage": lambda port, token, seconds: _pelt(port, garbage(token), 50, seconds),
}


def main() -> None:
    """The command."""
    kind, port, token, seconds = sys.argv[1:]
    # What honest clients on the same core measure must not be our own use of it.
    os.nice(10)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        told = runner.run(_run(ATTACKS[kind](int(port), token, float(seconds))))
    json.dump(told, sys.stdout)


async def _run(attack: Awaitable[Counter[str]]) -> Counter[str]:
    return await attack


if __name__ == "__main__":
    main()
