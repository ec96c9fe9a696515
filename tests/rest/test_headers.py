"""What every answer says beside its body: limits, names, traces, security, CORS."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rest.world import ORIGIN, PASSWORD, World

pytestmark = pytest.mark.anyio

LIMIT = re.compile(r'"([a-z-]+)";r=(\d+);t=(\d+)')
POLICY = re.compile(r'"([a-z-]+)";q=(\d+);w=(\d+)')


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[World]:
    """The platform with its real limits, logging every request."""
    world = World(tmp_path, rate_limit_factor=1.0, log_level="info")
    await world.open()
    yield world
    await world.close()


def _from(world: World, address: str) -> httpx.AsyncClient:
    """A client at that address."""
    transport = httpx.ASGITransport(world.platform.edge, client=(address, 40000))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


# --- limits ---------------------------------------------------------------------------------------


async def test_answers_tell_the_limit_and_what_is_left_of_it(limited: World) -> None:
    owner = await limited.account()
    left = []
    for _ in range(3):
        answer = await limited.send(owner, "GET", "/budgets")
        policy = POLICY.fullmatch(answer.headers["ratelimit-policy"])
        limit = LIMIT.fullmatch(answer.headers["ratelimit"])
        assert policy
        assert limit
        assert policy[1] == limit[1] == "default"
        assert (int(policy[2]), int(policy[3])) == (600, 60)
        left.append(int(limit[2]))
    assert left == sorted(left, reverse=True)
    assert left[0] > left[-1]


async def _logins(client: httpx.AsyncClient, *addresses: str) -> list[httpx.Response]:
    return [
        await client.post(
            "/api/auth/login", json={"email": address, "password": "not the password"}
        )
        for address in addresses
    ]


def _refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "rate-limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    limit = LIMIT.fullmatch(answer.headers["ratelimit"])
    assert limit
    assert limit[1] == "login"
    assert limit[2] == "0"


async def test_login_is_limited_by_address_whatever_account_is_tried(limited: World) -> None:
    async with _from(limited, "198.51.100.1") as client:
        answers = await _logins(client, *(f"user{number}@example.com" for number in range(11)))
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    _refused(answers[-1])
    async with _from(limited, "198.51.100.2") as client:
        assert (await _logins(client, "user0@example.com"))[0].status_code == 401


async def test_login_is_limited_by_account_from_wherever_it_is_tried(limited: World) -> None:
    """By the account as it is stored, in whatever case it is written; known or not."""
    for email in ("known@example.com", "unknown@example.com"):
        if email.startswith("known"):
            await limited.account(address=email)
        told = []
        for number in range(12):
            async with _from(limited, f"198.51.{number}.3") as client:
                told += await _logins(client, email if number % 2 else email.upper())
        assert told[0].status_code == 401
        _refused(told[-1])


async def test_a_mail_storm_is_refused(limited: World) -> None:
    answers = [
        await limited.send(None, "POST", "/auth/forgot-password", {"email": f"a{n}@example.com"})
        for n in range(6)
    ]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]


async def test_guessed_tokens_are_limited_by_address(limited: World) -> None:
    """600 a minute: the allowance comes back while it is spent, so a few more may pass."""
    headers = {"Authorization": "Bearer guessed"}
    async with _from(limited, "198.51.100.9") as client:
        told = [(await client.get("/api/budgets", headers=headers)).status_code for _ in range(600)]
        while told[-1] == 401 and len(told) < 5000:
            told.append((await client.get("/api/budgets", headers=headers)).status_code)
    assert set(told[:600]) == {401}
    assert told[-1] == 429


# --- names and traces -----------------------------------------------------------------------------


async def test_a_request_id_is_echoed_and_is_in_the_problem_too(world: World) -> None:
    answer = await world.http.get("/api/budgets", headers={"X-Request-Id": "mine-42"})
    assert answer.headers["x-request-id"] == answer.json()["requestId"] == "mine-42"


@pytest.mark.parametrize("sent", ["", "a" * 65, "two words", 'a"b', "<script>", "a;b", "ä"])
async def test_a_request_id_that_could_do_harm_is_replaced(world: World, sent: str) -> None:
    answer = await world.http.get("/health/live", headers=[(b"x-request-id", sent.encode())])
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def _lines(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in world.log.getvalue().splitlines()]


async def test_the_log_continues_the_callers_trace_and_names_the_request(tmp_path: Path) -> None:
    world = World(tmp_path, log_level="info")
    await world.open()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    parents = [f"00-{trace}-00f067aa0ba902b7-01", f"00-{'0' * 32}-00f067aa0ba902b7-01", "junk"]
    for number, parent in enumerate(parents):
        headers = {"traceparent": parent, "X-Request-Id": f"r{number}"}
        await world.http.get("/api/budgets", headers=headers)
    await world.close()
    lines = {line["requestId"]: line for line in _lines(world) if "requestId" in line}
    assert lines["r0"]["traceId"] == trace
    assert all(re.fullmatch("[0-9a-f]{32}", line["traceId"]) for line in lines.values())
    assert len({line["traceId"] for line in lines.values()}) == 3
    assert (lines["r0"]["operation"], lines["r0"]["status"]) == ("listBudgets", 401)


async def test_events_belong_to_the_trace_of_the_call_they_come_of(world: World) -> None:
    ann = await world.account()
    assert await world.platform.drained()
    await world.platform.bus.stop()  # what is emitted now stays where it can be seen
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {**ann.headers, "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    body = {"name": "Home", "limit": "10", "currency": "EUR", "period": "monthly"}
    answer = await world.http.post("/api/budgets", headers=headers, json=body)
    assert answer.status_code == 201, answer.text
    rows = world.platform.database.read("SELECT type, traceparent FROM outbox")
    assert [(type, parent[3:35]) for type, parent in rows] == [("budget.created.v1", trace)]


# --- security -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/budgets"),
        ("POST", "/api/auth/login"),
        ("PATCH", "/api/budgets"),
        ("GET", "/nowhere"),
        ("GET", "/health/live"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
    ],
)
async def test_data_is_never_sniffed_framed_or_kept(world: World, method: str, path: str) -> None:
    headers = (await world.http.request(method, path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in headers
    assert "strict-transport-security" not in headers, "not over plain HTTP"


async def test_behind_https_browsers_are_told_to_stay_there(tmp_path: Path) -> None:
    world = World(tmp_path, public_url="https://budget.example.com")
    await world.open()
    answer = await world.http.get("/health/live")
    await world.close()
    assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_a_refused_identity_says_how_to_show_one(world: World) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}):
        answer = await world.http.get("/api/budgets", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


# --- CORS -----------------------------------------------------------------------------------------


async def test_a_listed_origin_may_read_answers_and_problems(world: World) -> None:
    for path in ("/api/budgets", "/nowhere"):
        answer = await world.http.get(path, headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "Origin" in answer.headers["vary"]
        exposed = answer.headers["access-control-expose-headers"]
        assert {"ETag", "Location", "Retry-After"} <= {name.strip() for name in exposed.split(",")}
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "null",
        ORIGIN + ".evil.com",
        ORIGIN.upper(),
        "http://budget.example.com",
        "*",
    ],
)
async def test_any_other_origin_gets_no_leave(world: World, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    for method in ("GET", "OPTIONS"):
        answer = await world.http.request(method, "/api/budgets", headers=asked)
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_preflight_is_answered_for_what_the_path_takes(world: World) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,if-match,idempotency-key,content-type",
    }
    path = "/api/budgets/bud_01jd8z4k5qf6x8v0m2t7n9w301"
    answer = await world.http.options(path, headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-methods"] == "DELETE, GET, PUT"
    allowed = {
        name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")
    }
    assert {"authorization", "if-match", "idempotency-key", "content-type"} <= allowed


async def test_without_a_list_no_origin_may_read(tmp_path: Path) -> None:
    world = World(tmp_path, cors_origins=())
    await world.open()
    answer = await world.http.get("/api/budgets", headers={"Origin": ORIGIN})
    await world.close()
    assert "access-control-allow-origin" not in answer.headers


# --- methods --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get", "FOO"])
async def test_a_method_that_the_path_does_not_take_is_a_405_that_lists_what_it_takes(
    world: World, method: str
) -> None:
    # Case matters in a method (RFC 9110, 9.1), so httpx must not raise it.
    request = world.http.build_request("GET", "/api/budgets")
    request.method = method
    answer = await world.http.send(request)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_password_never_comes_back(world: World) -> None:
    owner = await world.account()
    for path in ("/auth/me", "/auth/sessions"):
        assert PASSWORD not in (await world.send(owner, "GET", path)).text
