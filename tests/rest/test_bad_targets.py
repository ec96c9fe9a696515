"""No header, path, query or method breaks the platform, or costs it more than 10 ms of CPU."""

from __future__ import annotations

import pytest

from tests.rest.junk import short
from tests.rest.target import Target
from tests.rest.wire import Wire

pytestmark = pytest.mark.anyio


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media",
    [
        b"",
        b"text/plain",
        b"text/json",
        b"application/xml",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"multipart/form-data",
        b"application/jsonp",
        b"application/json, text/plain",
        b"application/",
        b"*/*",
        b";",
        b"\xff\xfe",
        b"a" * 10_000,
    ],
    ids=short,
)
async def test_another_content_type_is_a_415(target: Target, media: bytes) -> None:
    body = b'{"name":"x","limit":"1"}'
    wire = Wire("POST", "/api/budgets", [(b"content-type", media)], body)
    answer = await target.refuse(wire)
    assert (answer.status, answer.code) == (415, "unsupported-media-type")


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"deflate", b"identity, gzip", b"x"])
async def test_a_compressed_body_is_not_unpacked(target: Target, coding: bytes) -> None:
    """No bomb goes off: what is packed is not JSON."""
    packed = b"\x1f\x8b\x08\x00" + b"\0" * 1000
    wire = Wire("POST", "/api/budgets", [(b"content-encoding", coding)], packed)
    assert (await target.refuse(wire)).status in (400, 415)


@pytest.mark.parametrize(
    "length", [b"abc", b"-1", b"1.5", b"0x10", b"\xb2", b"", b"1 1", b"1,1"], ids=short
)
async def test_a_length_that_is_no_number_is_a_400(target: Target, length: bytes) -> None:
    wire = Wire("POST", "/api/budgets", [(b"content-length", length)], b"{}")
    assert (await target.refuse(wire)).status == 400


@pytest.mark.parametrize("length", [b"9" * 12, b"9" * 400, b"1048577"], ids=short)
async def test_a_length_over_the_limit_is_a_413_before_the_body(
    target: Target, length: bytes
) -> None:
    wire = Wire("POST", "/api/budgets", [(b"content-length", length)], b"{}")
    assert (await target.refuse(wire)).status == 413


JUNK: list[tuple[bytes, bytes]] = [
    (b"authorization", b""),
    (b"authorization", b"Bearer"),
    (b"authorization", b"Bearer " + b"a." * 200_000),
    (b"authorization", b"Bearer eyJ" + b"A" * 400_000 + b".A.A"),
    (b"authorization", b"Bearer \xff\xfe.\x00.\r\n"),
    (b"authorization", b"bEaReR a b c"),
    (b"authorization", b"Basic " + b"=" * 1000),
]


@pytest.mark.parametrize(("name", "value"), JUNK, ids=short)
async def test_junk_for_an_identity_is_a_401(target: Target, name: bytes, value: bytes) -> None:
    # The last of a repeated header counts here, so the good token before it does not.
    answer = await target.refuse(Wire("GET", "/api/budgets", [(name, value)]))
    assert answer.status == 401


@pytest.mark.parametrize(
    "header",
    [
        (b"cookie", b"a=b;" * 100_000),
        (b"x-request-id", b"a" * 400_000),
        (b"traceparent", b"0" * 400_000),
        (b"x-forwarded-for", b"1.2.3.4," * 50_000),
        (b"forwarded", b"for=" * 100_000),
        (b"user-agent", b"\xff" * 400_000),
        (b"accept", b"text/html;q=0.1," * 25_000),
        (b"accept", b"application/xml"),
        (b"accept-encoding", b"gzip;q=0"),
        (b"accept-charset", b"utf-7"),
        (b"range", b"bytes=0-0," * 40_000),
        (b"if-none-match", b'"1",' * 100_000),
        (b"expect", b"200-maybe"),
        (b"host", b""),
        (b"host", b"evil.example.com"),
        (b"x-http-method-override", b"DELETE"),
        (b"origin", b"\xff" * 100_000),
        (b"\xff", b"\xff"),
    ],
    ids=short,
)
async def test_a_header_that_nothing_asks_for_changes_nothing(
    target: Target, header: tuple[bytes, bytes]
) -> None:
    assert (await target.refuse(Wire("GET", "/api/budgets", [header]))).status == 200


@pytest.mark.parametrize("name", [b"idempotency-key", b"if-match"])
@pytest.mark.parametrize(
    "value", [b"", b"\0", b"\xff", b"a\r\nb: c", b"x" * 400_000, b'"' * 9], ids=short
)
async def test_a_condition_that_is_none_is_a_400(target: Target, name: bytes, value: bytes) -> None:
    if name == b"idempotency-key" and value == b'"' * 9:
        return  # a key like any other
    path = f"/api/budgets/{target.stock.ids['bud']}"
    assert (await target.refuse(Wire("DELETE", path, [(name, value)]))).status == 400


# --- targets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "a" * 8192,
        "a" * 400_000,
        "a=1&" * 100,
        "a=1&" * 100_000,
        "&" * 8192,
        "=" * 8192,
        "sort=" + "%41" * 100_000,
        "sort=" + "%C3%A9" * 1000,
        "sort=%",
        "sort=%zz",
        "sort=%00",
        "sort=%ff%fe",
        "sort=%ed%a0%80",
        "sort=name;drop",
        "sort=name%00",
        "sort[]=name",
        "sort[$ne]=name",
        "sort=" + ",".join(["name"] * 100),
        "pageSize=0",
        "pageSize=201",
        "pageSize=-1",
        "pageSize=1e2",
        "pageSize=0x10",
        "pageSize=%201",
        "pageSize=1_0",
        "pageSize=\u0661",
        "pageSize=" + "9" * 5000,
        "pageSize=null",
        "pageSize=",
        "pageToken=" + "A" * 1024,
        "pageToken=" + "A" * 1025,
        "pageToken=%00",
        "currency=usd",
        "currency=",
        "%70ageSiz%65=0",
        "constructor=1",
        "__proto__=1",
    ],
    ids=short,
)
async def test_a_query_that_is_wrong_is_a_400(target: Target, query: str) -> None:
    wire = Wire("GET", "/api/budgets?" + query.encode().decode("latin-1"))
    answer = await target.refuse(wire)
    assert answer.status == 400, query[:100]


async def test_of_a_repeated_parameter_the_last_counts(target: Target) -> None:
    assert (await target.refuse(Wire("GET", "/api/budgets?pageSize=0&pageSize=5"))).status == 200
    assert (await target.refuse(Wire("GET", "/api/budgets?pageSize=5&pageSize=0"))).status == 400


PATHS = [
    "/" * 1000,
    "/" * 400_000,
    "/api/budgets/" + "a" * 400_000,
    "/api/budgets" + "/a" * 200_000,
    "/api/budgets/",
    "/api//budgets",
    "//api/budgets",
    "/api/./budgets",
    "/api/../api/budgets",
    "/API/BUDGETS",
    "/api/budgets;a=b",
    "/api/budgets%00",
    "/api/budgets%20",
    "/api/budgets.json",
    "/api%2Fbudgets%2Fx%2Fy",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/docs/%2e%2e/%2e%2e/pyproject.toml",
    "/docs/" + "a" * 400_000,
    "/static/../app.py",
    "/\xff\xfe",
    "/%ff%fe",
    "/api/budgets/%ed%a0%80/members/x/y",
    "/.git/config",
    "/?",
    "*",
    "",
    "http://evil.example.com/api/budgets",
]


@pytest.mark.parametrize("path", PATHS, ids=short)
async def test_a_path_that_is_nobodys_is_a_404(target: Target, path: str) -> None:
    answer = await target.refuse(Wire("GET", path))
    assert (answer.status, answer.code) == (404, "not-found")


@pytest.mark.parametrize(
    "id",
    [
        "x",
        "bud_",
        "BUD_01JD8Z4K5QF6X8V0M2T7N9W301",
        "bud_81jd8z4k5qf6x8v0m2t7n9w301",
        "bud_01jd8z4k5qf6x8v0m2t7n9w301%0A",
        "bud_01jd8z4k5qf6x8v0m2t7n9w301%00",
        "exp_01jd8z4k5qf6x8v0m2t7n9w301",
        "%27%20OR%201%3D1--",
        "%C3%A9" * 30,
        "%ff" * 30,
        "a" * 1000,
        "{id}",
        "%7B%24ne%3Anull%7D",
        "null",
        "-1",
    ],
    ids=short,
)
async def test_an_id_that_is_none_is_a_400_that_names_it(target: Target, id: str) -> None:
    answer = await target.refuse(Wire("GET", f"/api/budgets/{id}"))
    assert answer.status == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["path:id"]


@pytest.mark.parametrize(
    "method",
    ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "QUERY", "get", "G", "X" * 5000, "💥"],
)
@pytest.mark.parametrize("path", ["/api/budgets", "/api/budgets/bud_01jd8z4k5qf6x8v0m2t7n9w301"])
async def test_a_method_that_is_none_of_the_paths_is_a_405(
    target: Target, method: str, path: str
) -> None:
    answer = await target.refuse(Wire(method, path))
    assert (answer.status, answer.code) == (405, "method-not-allowed")
    assert answer.header("allow") in ("GET, POST", "DELETE, GET, PUT")
