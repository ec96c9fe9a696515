"""One JSON line a request, and the same shape for whatever else is logged; written beside the loop.

A line never holds tokens, query strings or bodies. When more is logged than can be written, lines
are dropped and counted, and nothing waits.
"""

from __future__ import annotations

import atexit
import logging
import re
import threading
import time
from collections import deque
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import BinaryIO

from runtime.trace import CURRENT, trace_id

# Lines that wait to be written; and for how long the first of them does, so that they go together.
MOST_LINES = 10_000
LINGER = 0.1
# Characters of one message.
LONGEST = 8192

# Words for a failure of ours, where a protocol's status is no HTTP number.
_FAILURES = frozenset("INTERNAL UNKNOWN DATA_LOSS UNAVAILABLE DEADLINE_EXCEEDED".split())
# Each bounded in length, so that no text makes it slow.
_SECRETS = (
    (re.compile(r"://[^\s\"'<>]{0,512}@"), "://***@"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*){0,3}"), "***"),
    (re.compile(r"bm_[\w-]{16,}"), "***"),
    (re.compile(r"(?i)\b(bearer|basic)\s{1,3}[\w.~+/=-]+"), r"\1 ***"),
    (re.compile(r"(?i)(\bcookie(?:[\"']?\s{0,3}[:=]|[\"'],)\s{0,3})[^\r\n]{1,4096}"), r"\1***"),
    (
        re.compile(
            r"(?i)((?:passw(?:or)?d|pwd|secret|token|ticket|api[_-]?key|authorization)"
            r"[\w-]{0,30}(?:[\"']?\s{0,3}[:=]|[\"'],)\s{0,3})"
            r"(?:b?\"(?:[^\"\\]|\\.)*\"?|b?'(?:[^'\\]|\\.)*'?"
            r"|(?!(?i:bearer|basic) \*)[^\s,;&}\])]+)"
        ),
        r"\1***",
    ),
)

_Request = tuple[float, str, str, str, str, int | str, float, str, str]


def redacted(text: str) -> str:
    """`text` without what looks like a token, a password, or the user of a URL."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class LogWriter:
    """Writes lines to `stream` in a thread, at most 200 ms later. `put` never waits."""

    def __init__(self, stream: BinaryIO, most: int = MOST_LINES) -> None:
        self._stream = stream
        self._most = most
        self._waiting: deque[str | _Request | threading.Event] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        self._dropped = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def put(self, line: str | _Request) -> None:
        """Takes a line, or counts it as dropped when too many wait."""
        waiting = self._waiting
        if len(waiting) >= self._most or self._closed:
            self._drop(1)
            return
        waiting.append(line)
        if not self._wake.is_set():
            self._wake.set()

    def flush(self, timeout: float = 2.0) -> bool:
        """Waits until everything put so far is written; False at the timeout."""
        written = threading.Event()
        self._waiting.append(written)
        self._hurry.set()
        self._wake.set()
        return written.wait(timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Writes what waits and ends; a second time nothing happens."""
        if self._closed:
            return
        atexit.unregister(self.close)
        self._closed = True
        self._hurry.set()
        self._wake.set()
        self._thread.join(timeout)

    def _drop(self, count: int) -> None:
        with self._lock:
            self._dropped += count
            self.dropped += count

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._hurry.wait(LINGER)
            # Cleared before anything is looked at: what comes meanwhile wakes the thread again.
            self._hurry.clear()
            self._wake.clear()
            closing = self._closed
            self._drain()
            if closing:
                return

    def _drain(self) -> None:
        lines: list[str] = []
        done: list[threading.Event] = []
        take = self._waiting.popleft
        for _ in range(len(self._waiting)):
            item = take()
            if isinstance(item, tuple):
                lines.append(_request_line(item))
            elif isinstance(item, str):
                lines.append(item)
            else:
                done.append(item)
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(
                f'{{"time":"{_stamp(time.time())}","level":"warning","logger":"runtime.log",'
                f'"message":"log lines were dropped","dropped":{dropped}}}'
            )
        if lines:
            lines.append("")
            try:
                self._stream.write("\n".join(lines).encode("ascii"))
                self._stream.flush()
            except (OSError, ValueError):
                # A broken pipe, a full disk, a closed stream: told once it can be written again.
                self._drop(len(lines) - 1 - bool(dropped) + dropped)
        for each in done:
            each.set()


class RequestLog:
    """One line a request."""

    def __init__(self, writer: LogWriter, level: str = "info") -> None:
        self._put = writer.put
        self._all = level in ("debug", "info")

    def write(
        self,
        *,
        request_id: str,
        traceparent: str,
        protocol: str,
        operation: str,
        status: int | str,
        seconds: float,
        caller: str,
        address: str,
    ) -> None:
        """Logs a request that is over; at level info, and error where it failed for our fault."""
        if self._all or _failed(status):
            self._put(
                (
                    time.time(),
                    request_id,
                    traceparent,
                    protocol,
                    operation,
                    status,
                    seconds,
                    caller,
                    address,
                )
            )


class JsonHandler(logging.Handler):
    """Puts the standard library's log records into the same stream, redacted."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record; `extra` may hold requestId, traceId and operation."""
        try:
            self._writer.put(self.format(record))
        except Exception:
            self.handleError(record)

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        parts = [
            f'"time":"{_stamp(record.created)}"',
            f'"level":{quoted(record.levelname.lower())}',
            f'"logger":{quoted(record.name)}',
            f'"message":{quoted(redacted(record.getMessage()[:LONGEST]))}',
        ]
        for name in ("requestId", "traceId", "operation"):
            value = getattr(record, name, None)
            if isinstance(value, str):
                parts.append(f'"{name}":{quoted(value)}')
        if (trace := CURRENT.get()) and not hasattr(record, "traceId"):
            parts.append(f'"traceId":{quoted(trace_id(trace))}')
        if record.exc_info and record.exc_info[0] is not None:
            told = logging.Formatter().formatException(record.exc_info)
            # The end of a traceback says more than its beginning.
            parts.append(f'"exception":{quoted(redacted(told[-LONGEST:]))}')
        return f"{{{','.join(parts)}}}"


_TALKATIVE = (
    "aio_pika",
    "aiokafka",
    "aiormq",
    "alembic",
    "asyncio",
    "connexion",
    "elastic_transport",
    "httpx",
)


def install(writer: LogWriter, level: str) -> None:
    """Sends everything that is logged through `writer`; at info, talkative libraries only warn."""
    root = logging.getLogger()
    root.handlers[:] = [JsonHandler(writer)]
    root.setLevel(level.upper())
    if level == "info":
        for noisy in _TALKATIVE:
            logging.getLogger(noisy).setLevel(logging.WARNING)


def _failed(status: int | str) -> bool:
    return status >= 500 if isinstance(status, int) else status in _FAILURES


def _request_line(request: _Request) -> str:
    at, request_id, traceparent, protocol, operation, status, seconds, caller, address = request
    # Names of the contract and what runtime/trace.py made need no escapes: 0.3 µs each.
    return (
        f'{{"time":"{_stamp(at)}","level":"{"error" if _failed(status) else "info"}",'
        f'"requestId":{quoted(request_id)},"traceId":"{traceparent[3:35]}",'
        f'"protocol":"{protocol}","operation":"{operation}",'
        f'"status":{status if isinstance(status, int) else quoted(status)},'
        f'"ms":{seconds * 1000:.3f},"caller":{quoted(caller)},"address":{quoted(address)}}}'
    )


def _stamp(at: float) -> str:
    second = int(at)
    return f"{_second(second)}.{int((at - second) * 1000):03}Z"


@lru_cache(maxsize=4)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
