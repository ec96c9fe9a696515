"""What only a socket can get wrong: framing, lies about lengths, endless or very slow requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.durability.server import SECRET, Server, serving
from tests.rest.world import Account, World

# One server, and its log at the end: on one worker.
pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("sockets")]

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
# Of the server's CPU, all threads together, the reading of the socket included.
MOST_SECONDS = 0.010
SLOW = 200


@dataclass(frozen=True, slots=True)
class Running:
    """A server process, and an account on it."""

    server: Server
    account: Account
    folder: Path

    async def send(self, raw: bytes, *, patience: float = 5.0) -> bytes:
        """The first answer to these bytes; nothing where the connection is closed without one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        answer = b""
        # An answer may come before all is sent, and the connection end then.
        sending = asyncio.create_task(_written(writer, raw))
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                async with asyncio.timeout(patience):
                    answer = await reader.readuntil(b"\r\n\r\n")
                    for line in answer.lower().split(b"\r\n"):
                        if line.startswith(b"content-length:"):
                            answer += await reader.readexactly(int(line.partition(b":")[2]))
        finally:
            sending.cancel()
            writer.close()
        return answer

    def cpu(self) -> float:
        """Seconds that the process has used, all its threads together (proc(5), schedstat)."""
        threads = Path(f"/proc/{self.server.process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9

    def log(self) -> str:
        """What the server had to say."""
        return (self.folder / "server.log").read_text()


async def _written(writer: asyncio.StreamWriter, raw: bytes) -> None:
    with suppress(OSError):
        for at in range(0, len(raw), 65_536):
            writer.write(raw[at : at + 65_536])
            await writer.drain()


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """One server for all of it, whose account was made before it started."""
    folder = tmp_path_factory.mktemp("server")
    world = World(folder, jwt_secret=SECRET)
    await world.open()
    account = await world.account()
    await world.close()
    async with serving(folder) as server:
        running = Running(server, account, folder)
        await running.send(b"GET /docs/ HTTP/1.1\r\n" + HOST + b"\r\n")
        yield running


def _post(headers: bytes, body: bytes = b"") -> bytes:
    return b"POST /api/auth/login HTTP/1.1\r\n" + HOST + JSON + headers + b"\r\n" + body


def _get(target: bytes, headers: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"GET " + target + b" HTTP/" + version + b"\r\n" + HOST + headers + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked\r\n"
# Bytes → the statuses that may answer them; 0 is a connection closed without an answer.
FRAMES: dict[str, tuple[bytes, set[int]]] = {
    "control bytes": (b"\x00\x01\x02\r\n\r\n", {400}),
    "no version": (b"GET /health/live\r\n\r\n", {400}),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {0, 400}),
    "HTTP/3": (_get(b"/health/live", version=b"3.0"), {400}),
    "no host": (b"GET /health/live HTTP/1.1\r\n\r\n", {200, 400}),
    "NUL in a header": (_get(b"/health/live", b"X: a\0b\r\n"), {400}),
    "no colon": (_get(b"/health/live", b"no colon\r\n"), {400}),
    "blank before the colon": (_get(b"/health/live", b"X : a\r\n"), {400}),
    "folded header": (_get(b"/health/live", b"X: a\r\n folded\r\n"), {400}),
    "bytes in a header": (_get(b"/health/live", b"X: \xff\xfe\r\n"), {200, 400}),
    "bytes in a token": (_get(b"/api/budgets", b"Authorization: Bearer \xff\r\n"), {400, 401}),
    "5000 headers": (
        _get(b"/health/live", b"".join(b"X-%d: v\r\n" % n for n in range(5000))),
        {431},
    ),
    "a header of 1 MB": (_get(b"/health/live", b"X: " + b"a" * 1_000_000 + b"\r\n"), {0, 431}),
    "a header of 300 kB": (_get(b"/health/live", b"X: " + b"a" * 300_000 + b"\r\n"), {0, 200, 431}),
    "a path of 1 MB": (_get(b"/" + b"a" * 1_000_000), {0, 414, 431}),
    "a path of 60 kB": (_get(b"/" + b"a" * 60_000), {404, 414}),
    "a query of 60 kB": (_get(b"/api/budgets?sort=" + b"%41" * 20_000), {400, 401, 414}),
    "NUL in a path": (_get(b"/api/%62udgets%00"), {404}),
    "half an escape": (_get(b"/api/%zz"), {404}),
    "escaped bytes in a path": (_get(b"/%ff%fe"), {404}),
    "raw bytes in a path": (_get(b"/\xff"), {400}),
    "dots in a path": (_get(b"/%2e%2e/%2e%2e/etc/passwd"), {404}),
    "another host's address": (_get(b"http://evil.example.com/nowhere"), {404, 400}),
    "CONNECT": (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", {0, 400, 404, 405}),
    "OPTIONS of everything": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", {404}),
    "TRACE": (b"TRACE /api/budgets HTTP/1.1\r\n" + HOST + b"\r\n", {405}),
    "junk for a method": (b"G<>T / HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "lower case for a method": (b"get /api/budgets HTTP/1.1\r\n" + HOST + b"\r\n", {405}),
    "a long method": (b"X" * 5000 + b" /api/budgets HTTP/1.1\r\n" + HOST + b"\r\n", {400, 405}),
    "two lengths": (_post(b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"), {400}),
    "a length below zero": (_post(b"Content-Length: -1\r\n", b"{}"), {400}),
    "a length in letters": (_post(b"Content-Length: abc\r\n", b"{}"), {400}),
    "a length beyond numbers": (_post(b"Content-Length: 99999999999999999999\r\n", b"{}"), {400}),
    "a length of 10 MB": (_post(b"Content-Length: 10485760\r\n", b"{}"), {413}),
    "a length too short": (
        _post(b"Content-Length: 2\r\n", b"{}GET /smuggled HTTP/1.1\r\n\r\n"),
        {400},
    ),
    "a length and chunks": (
        _post(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"),
        {400},
    ),
    "an unknown coding": (_post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), {400}),
    "letters for a chunk's size": (_post(CHUNKED, b"ZZ\r\n{}\r\n0\r\n\r\n"), {400}),
    "a chunk below nothing": (_post(CHUNKED, b"-1\r\n{}\r\n0\r\n\r\n"), {400}),
    "a chunk beyond numbers": (_post(CHUNKED, b"FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"), {400}),
    "an endless chunk extension": (
        _post(CHUNKED, b"2;" + b"a" * 100_000 + b"\r\n{}\r\n0\r\n\r\n"),
        {400},
    ),
    "a header behind the chunks": (
        _post(CHUNKED, b"2\r\n{}\r\n0\r\nAuthorization: x\r\n\r\n"),
        {400},
    ),
    "an unknown expectation": (
        _post(b"Expect: 999-no\r\nContent-Length: 2\r\n", b"{}"),
        {400, 417},
    ),
    "a packed body": (
        _post(b"Content-Encoding: gzip\r\nContent-Length: 4\r\n", b"\x1f\x8b\x08\x00"),
        {400, 415},
    ),
    "an upgrade to HTTP/2": (
        _get(b"/", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"),
        {404},
    ),
}


@pytest.mark.parametrize("name", FRAMES)
async def test_a_broken_frame_is_refused_and_harms_nobody(running: Running, name: str) -> None:
    raw, statuses = FRAMES[name]
    used = running.cpu()
    answer = await running.send(raw)
    used = running.cpu() - used
    status = int(answer.split(b" ", 2)[1]) if answer else 0
    assert status in statuses, answer[:300]
    assert used < MOST_SECONDS, f"{used * 1000:.1f} ms"
    assert (await running.send(_get(b"/health/live"))).startswith(b"HTTP/1.1 200")


async def test_a_body_that_is_shorter_than_it_says_is_not_waited_for_after_the_client_left(
    running: Running,
) -> None:
    answer = await running.send(_post(b"Content-Length: 100\r\n", b"{"), patience=0.2)
    assert answer == b""
    assert (await running.send(_get(b"/health/live"))).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("chunked", [True, False])
async def test_ten_megabytes_are_refused_without_being_read(
    running: Running, chunked: bool
) -> None:
    body = b'{"a":' * 2_097_152
    headers = CHUNKED if chunked else b"Content-Length: %d\r\n" % len(body)
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    best, answer = 1.0, b""
    for _ in range(5):
        used = running.cpu()
        answer = await running.send(_post(headers, framed))
        best = min(best, running.cpu() - used)
        # A client that sends on all the same may find the connection reset before it reads.
        assert answer.startswith(b"HTTP/1.1 413") or not answer, answer[:200]
    assert best < MOST_SECONDS, f"{best * 1000:.1f} ms"


async def test_a_body_in_chunks_is_read_like_any_other(running: Running) -> None:
    name = json.dumps({"email": running.account.email, "password": running.account.password})
    raw = name.encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in raw) + b"0\r\n\r\n"
    answer = await running.send(_post(CHUNKED, chunks))
    assert answer.startswith(b"HTTP/1.1 200"), answer


async def test_honest_requests_are_answered_beside_slow_ones(running: Running) -> None:
    """Half of the slow sockets stay within their headers, half within their bodies."""
    request = _get(b"/api/auth/me", f"Authorization: Bearer {running.account.access}\r\n".encode())
    beginnings = [
        _get(b"/api/budgets")[:-2] + b"X-Slow: ",
        _post(b"Content-Length: 1000\r\n", b'{"email":"'),
    ]
    slow = [await asyncio.open_connection("127.0.0.1", running.server.port) for _ in range(SLOW)]
    try:
        for number, (_, writer) in enumerate(slow):
            writer.write(beginnings[number % 2])
            await writer.drain()
        for round in range(10):
            answers = await asyncio.gather(*(running.send(request) for _ in range(10)))
            assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
            # They go on, a byte at a time.
            for _, writer in slow[round::10]:
                writer.write(b"a")
    finally:
        for _, writer in slow:
            writer.close()
    assert (await running.send(_get(b"/health/ready"))).startswith(b"HTTP/1.1 200")


async def test_the_server_logged_no_failure(running: Running) -> None:
    """The last one here: whatever came before, nothing of it was a fault of ours."""
    log = running.log()
    assert "Traceback" not in log
    assert "panicked" not in log
    assert running.server.process.returncode is None
