"""No body breaks the platform, or costs it more than 10 ms of CPU.

In process, so that the CPU time is the request's alone, and so that a request can be wrong in ways
that a server in front would mend. test_bad_sockets.py has what a socket adds.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from generated.models import Role
from tests.rest.junk import BODIES, properties, short
from tests.rest.target import Target
from tests.rest.wire import Wire

pytestmark = pytest.mark.anyio

MIB = 1 << 20


# --- bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_wrong_is_a_400(target: Target, name: str) -> None:
    answer = await target.refuse(Wire("POST", "/api/budgets", body=BODIES[name]))
    assert answer.status == 400
    assert answer.code in ("malformed-request", "invalid-input")
    told = answer.body.decode()
    assert "Traceback" not in told
    assert ".py" not in told
    assert "pydantic" not in told


def _order(lines: bytes) -> bytes:
    return b'{"customerId":"cus_00000000000000000000000000","lines":[' + lines + b"]}"


def _expense(tags: bytes) -> bytes:
    return (
        b'{"budgetId":"bud_00000000000000000000000000","description":"x","amount":"1",'
        b'"category":"c","tags":[' + tags + b"]}"
    )


def _many(item: bytes, count: int) -> bytes:
    return b",".join([item] * count)


@pytest.mark.parametrize(
    ("path", "role", "body"),
    [
        ("/api/orders", Role.MANAGER, _order(_many(b"{}", 300_000))),
        ("/api/orders", Role.MANAGER, _order(_many(b"1", 400_000))),
        ("/api/orders", Role.MANAGER, _order(_many(properties('"a%d":1', 800), 100))),
        ("/api/expenses", Role.USER, _expense(_many(b'"a"', 200_000))),
        ("/api/expenses", Role.USER, _expense(_many(b'""', 250_000))),
        ("/api/expenses", Role.USER, _expense(_many(b"{}", 250_000))),
        ("/api/search/expenses", Role.USER, b'{"categories":[' + _many(b'"x"', 200_000) + b"]}"),
        ("/api/auth/forgot-password", Role.USER, b'{"email":"' + b"a." * 500_000 + b'@b.cd"}'),
        ("/api/auth/forgot-password", Role.USER, b'{"email":"' + b"a." * 120 + b'@b.c"}'),
        ("/api/auth/forgot-password", Role.USER, b'{"email":"a@' + b"a-" * 120 + b'.c"}'),
        ("/api/auth/login", Role.USER, b'{"email":"a@b.cd","password":"' + b"x" * 900_000 + b'"}'),
        ("/api/auth/refresh", Role.USER, b'{"refreshToken":"' + b"." * 1_000_000 + b'"}'),
        (
            "/api/tasks",
            Role.USER,
            b'{"kind":"sendEmail","input":{"text":"' + b"\\n" * 499_999 + b'"}}',
        ),
    ],
    ids=short,
)
async def test_many_faults_are_told_in_few_words(
    target: Target, path: str, role: Role, body: bytes
) -> None:
    answer = await target.refuse(Wire("POST", path, body=body), role=role)
    assert answer.status == 400
    assert len(answer.json().get("errors", ())) <= 100


async def test_all_faults_are_told_at_once_and_in_place(target: Target) -> None:
    body = b'{"name":"","limit":1.5,"period":"daily","colour":"red","startsOn":"2026-02-30"}'
    wire = Wire("POST", "/api/budgets?page=1", [(b"idempotency-key", b"a b")], body)
    answer = await target.refuse(wire)
    told = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert told == {
        ("/name", "minLength"),
        ("/limit", "type"),
        ("/period", "enum"),
        ("/colour", "unknown"),
        ("/startsOn", "format"),
        ("?page", "unknown"),
        ("header:Idempotency-Key", "pattern"),
    }


@pytest.mark.parametrize("chunk", [None, 1000, 65536])
@pytest.mark.parametrize("size", [MIB + 1, 10 * MIB])
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_a_413(
    target: Target, size: int, chunk: int | None, declared: bool
) -> None:
    headers = [(b"content-length", b"%d" % size)] if declared else []
    body = b'{"a":[' * (size // 6)
    body += b" " * (size - len(body))
    answer = await target.refuse(Wire("POST", "/api/budgets", headers, body, chunk))
    assert (answer.status, answer.code) == (413, "body-too-large")


async def test_a_body_in_chunks_is_a_body(target: Target) -> None:
    body = json.dumps({"name": "In chunks", "limit": "1.00"}).encode()
    for chunk in (1, 7):
        answer = await target.refuse(Wire("POST", "/api/budgets", body=body, chunk=chunk))
        assert answer.status == 201


# --- files ----------------------------------------------------------------------------------------

FILES: dict[str, Any] = {
    "nothing": b"",
    "no header": b"1,2,3\n",
    "an unknown column": b"description,amount,category,owner\n",
    "binary": bytes(range(256)) * 100,
    "UTF-16": "description,amount,category\n".encode("utf-16"),
    "an open quote": b'description,amount,category\n"' + b"a" * 100_000,
    "a NUL": b"description,amount,category\na\0b,1,c\n",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("media", [b"text/csv", b"application/x-ndjson"])
async def test_a_file_that_is_none_is_refused_or_told_row_by_row(
    target: Target, name: str, media: bytes
) -> None:
    path = f"/api/expenses/import?dryRun=true&budgetId={target.stock.ids['bud']}"
    answer = await target.refuse(
        Wire("POST", path, [(b"content-type", media)], FILES[name]), role=Role.USER
    )
    assert answer.status in (207, 422)
    if answer.status == 207:
        assert answer.json()["created"] == 0
    else:
        assert answer.code == "import-unreadable"


def test_the_largest_body_here_is_as_large_as_one_may_be() -> None:
    """Else the CPU was measured of nothing."""
    largest = max(len(body) for body in BODIES.values())
    assert MIB * 0.9 < largest <= MIB
