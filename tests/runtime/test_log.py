"""One line a request, nothing secret in any line, and nobody waits for a slow disk."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from runtime.log import JsonHandler, LogWriter, RequestLog, install, redacted

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJ1c3JfMSJ9.dBjftJeZ4CVP-mB92K27uhbUJU1p1r"


class Stuck(io.BytesIO):
    """A stream like a full pipe: it takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.free = threading.Event()

    def write(self, data: Any) -> int:
        self.entered.set()
        self.free.wait(10)
        return super().write(data)


@pytest.fixture
def stream() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def writer(stream: io.BytesIO) -> Iterator[LogWriter]:
    made = LogWriter(stream)
    yield made
    made.close()


def lines(writer: LogWriter, stream: io.BytesIO) -> list[dict[str, Any]]:
    assert writer.flush(10)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def request(log: RequestLog, status: int | str = 200, **changed: Any) -> None:
    facts: dict[str, Any] = {
        "request_id": "req-1",
        "traceparent": TRACEPARENT,
        "protocol": "rest",
        "operation": "getBudget",
        "status": status,
        "seconds": 0.0012345,
        "caller": "usr_1",
        "address": "192.0.2.1",
        **changed,
    }
    log.write(**facts)


def test_a_request_is_one_line_of_json(writer: LogWriter, stream: io.BytesIO) -> None:
    before = time.time()
    request(RequestLog(writer))
    (line,) = lines(writer, stream)
    stamp = line.pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert stamp >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before))
    assert line == {
        "level": "info",
        "requestId": "req-1",
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "protocol": "rest",
        "operation": "getBudget",
        "status": 200,
        "ms": 1.234,
        "caller": "usr_1",
        "address": "192.0.2.1",
    }


def test_what_comes_from_outside_cannot_break_a_line(writer: LogWriter, stream: io.BytesIO) -> None:
    hostile = 'a"b\\c\n{"level":"forged"}\u2028\x00é'
    request(RequestLog(writer), caller=hostile, address=hostile, request_id=hostile)
    (line,) = lines(writer, stream)
    assert line["caller"] == line["address"] == line["requestId"] == hostile


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (200, "info"),
        (404, "info"),
        (499, "info"),
        (500, "error"),
        (503, "error"),
        ("OK", "info"),
        ("NOT_FOUND", "info"),
        ("INTERNAL", "error"),
        ("UNAVAILABLE", "error"),
    ],
)
def test_only_our_own_failures_are_errors(
    writer: LogWriter, stream: io.BytesIO, status: int | str, level: str
) -> None:
    request(RequestLog(writer), status)
    request(RequestLog(writer, "error"), status)
    found = lines(writer, stream)
    assert {line["level"] for line in found} == {level}
    # At level error, only they are written.
    assert len(found) == (2 if level == "error" else 1)


def test_lines_keep_their_order_and_none_is_lost(writer: LogWriter, stream: io.BytesIO) -> None:
    log = RequestLog(writer)
    for number in range(5000):
        request(log, operation=f"op{number}")
    assert [line["operation"] for line in lines(writer, stream)] == [f"op{n}" for n in range(5000)]


def test_a_line_is_written_soon_without_anybody_asking() -> None:
    stream = Stuck()
    writer = LogWriter(stream)
    began = time.perf_counter()
    request(RequestLog(writer))
    assert stream.entered.wait(10)
    # 200 ms are promised; the rest is for a busy machine.
    assert time.perf_counter() - began < 2
    stream.free.set()
    writer.close()


def test_when_the_stream_is_stuck_lines_are_dropped_and_counted_and_nobody_waits() -> None:
    stream = Stuck()
    writer = LogWriter(stream, most=100)
    log = RequestLog(writer)
    request(log)
    assert stream.entered.wait(10)
    for _ in range(350):
        request(log)
    assert writer.dropped == 250
    stream.free.set()
    found = lines(writer, stream)
    assert sum("operation" in line for line in found) == 101
    assert [line["dropped"] for line in found if "dropped" in line] == [250]
    writer.close()


def test_a_broken_stream_breaks_nothing_else() -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)
    stream.close()
    request(RequestLog(writer))
    assert writer.flush(10)
    assert writer.dropped == 1
    writer.close()


def test_what_waits_is_written_at_the_end_and_nothing_after_it() -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)
    for _ in range(100):
        request(RequestLog(writer))
    writer.close(10)
    assert stream.getvalue().count(b"\n") == 100
    request(RequestLog(writer))
    writer.close()
    assert stream.getvalue().count(b"\n") == 100


def test_threads_may_log_at_once(writer: LogWriter, stream: io.BytesIO) -> None:
    log = RequestLog(writer)

    def many() -> None:
        for _ in range(200):
            request(log)

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(writer, stream)) == 1600


# --- the standard library's logging ---------------------------------------------------------------


@pytest.fixture
def logger(writer: LogWriter) -> Iterator[logging.Logger]:
    made = logging.getLogger("budget.test")
    handler = JsonHandler(writer)
    made.addHandler(handler)
    made.setLevel(logging.DEBUG)
    made.propagate = False
    yield made
    made.removeHandler(handler)


def test_other_messages_have_the_same_shape(
    logger: logging.Logger, writer: LogWriter, stream: io.BytesIO
) -> None:
    logger.warning("%d of %s", 3, "four", extra={"requestId": "req-1", "operation": "getBudget"})
    (line,) = lines(writer, stream)
    del line["time"]
    assert line == {
        "level": "warning",
        "logger": "budget.test",
        "message": "3 of four",
        "requestId": "req-1",
        "operation": "getBudget",
    }


def test_an_exception_comes_with_its_traceback_and_without_its_secrets(
    logger: logging.Logger, writer: LogWriter, stream: io.BytesIO
) -> None:
    try:
        raise ValueError(f"cannot reach postgresql://budget:hunter2@db/budget with Bearer {JWT}")
    except ValueError:
        logger.exception("failed")
    (line,) = lines(writer, stream)
    assert "test_log.py" in line["exception"]
    assert "ValueError: cannot reach postgresql://***@db/budget" in line["exception"]
    assert "hunter2" not in line["exception"]
    assert "eyJ" not in line["exception"]


def test_a_record_that_cannot_be_formatted_harms_nobody(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.info("%d", "not a number")


def test_installing_takes_over_the_root_logger(writer: LogWriter, stream: io.BytesIO) -> None:
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    try:
        install(writer, "warning")
        logging.getLogger("any.library").info("not this")
        logging.getLogger("any.library").warning("this")
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
    assert [line["message"] for line in lines(writer, stream)] == ["this"]


SECRET = "hunter2-hunter2"
OPAQUE = "bm_" + "k3-_" * 10 + "Abc"  # as runtime.tokens makes them


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization=Bearer {SECRET}",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f"(b'authorization', b'Bearer {SECRET}')",
        f"basic {SECRET}=",
        f"token {JWT} was refused",
        f"sent {OPAQUE} by mail",
        f"https://app.example/reset?token={SECRET}&x=1",
        f"/ws?ticket={SECRET}",
        f"mongodb://user:{SECRET}@one:1,two:2/budget",
        f"redis://:{SECRET}@localhost",
        f"amqp://user:{SECRET}/with/slashes@localhost/",
        f"smtp://{SECRET}@localhost",
        f"password={SECRET}",
        f"PASSWORD = '{SECRET}'",
        f'{{"newPassword": "{SECRET}", "email": "k@e.eu"}}',
        f'{{"password":"a\\"{SECRET}"}}',
        f'{{"refreshToken":"{SECRET}"}}',
        f"JWT_SECRET={SECRET}",
        f"secret: {SECRET}",
        f"api_key={SECRET}, other=1",
        f"Cookie: session={SECRET}; other={SECRET}",
        f"b'password': b'{SECRET}'",
        f"[(b'x-api-key', b'{SECRET}'), (b'cookie', b'a={SECRET}')]",
    ],
)
def test_nothing_that_looks_like_a_secret_is_logged(text: str) -> None:
    shown = redacted(text)
    assert "***" in shown
    for part in (SECRET, JWT, JWT.split(".")[1]):
        assert part not in shown
    assert not re.search(r"bm_[\w-]{16,}", shown)


@pytest.mark.parametrize(
    "text",
    [
        "budget bud_01h455vb4pex5vsknk084sn02q was created by usr_01h455vb4pex5vsknk084sn02q",
        "GET https://app.example/budgets took 3 ms",
        "the token has expired",
        "listening on 127.0.0.1:3000",
    ],
)
def test_ordinary_messages_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "part", ["token", "://", "eyJ", "a", "token ", "bearer ", "token='", "cookie="]
)
def test_no_text_makes_redaction_slow(part: str) -> None:
    text = (part * 8192)[:8192]
    began = time.perf_counter()
    redacted(text)
    assert time.perf_counter() - began < 1
