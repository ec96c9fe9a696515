"""GraphQL over HTTP: media types, statuses, what the edge adds, and what never leaks."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from runtime.settings import Settings, SettingsError
from tests.graphql.asking import RESPONSE_JSON, ask, problem, told
from tests.rest.world import ORIGIN, World

pytestmark = pytest.mark.anyio

PATH = "/api/graphql"


async def test_the_query_of_the_contract_works_as_written(world: World) -> None:
    account = await world.account()
    made = await world.made(account, "/budgets", {"name": "Household", "limit": "500.00"})
    data = await told(world, account, "query { budgets { id name limit createdAt } }")
    assert data == {
        "budgets": [{name: made[name] for name in ("id", "name", "limit", "createdAt")}]
    }


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        (RESPONSE_JSON, RESPONSE_JSON),
        (f"{RESPONSE_JSON}, application/json;q=0.9", RESPONSE_JSON),
        (f"{RESPONSE_JSON};q=0.5, application/json;q=0.9", "application/json"),
        (f"{RESPONSE_JSON};q=0, */*", "application/json"),
        ("text/html", ""),
        ("application/json;q=nought", ""),
    ],
)
async def test_the_client_chooses_the_media_type(
    world: World, accept: str | None, wanted: str
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    request = world.http.build_request("POST", PATH, json={"query": "{ __typename }"})
    del request.headers["accept"]
    request.headers.update(headers)
    answer = await world.http.send(request)
    assert answer.status_code == (200 if wanted else 415)
    assert answer.headers["content-type"].partition(";")[0] == (wanted or "application/json")


BAD_BODIES: list[tuple[bytes, int]] = [
    (b"", 400),
    (b"{", 400),
    (b"\xff", 400),
    (b"null", 400),
    (b'"query"', 400),
    (b"{}", 400),
    (b'{"query": 1}', 400),
    (b'{"query": "{ __typename }", "variables": []}', 400),
    (b'{"query": "{ __typename }", "operationName": 1}', 400),
    (b'{"query": "{ __typename }", "extensions": "x"}', 400),
    (b'{"query": "{ __typename }", "operationName": "Other"}', 400),
    (b'{"query": "query A { __typename } query B { __typename }"}', 400),
    (b'{"query": "fragment F on User { id }"}', 400),
    (b'{"query": "{ __typename } \\ud800"}', 400),
    (b'{"query": NaN}', 400),
    (b"[" * 100_000, 400),
    (b'{"a":' * 50_000, 400),
    (b'{"query": "' + b"a" * (1 << 20) + b'"}', 413),
]


@pytest.mark.parametrize(("body", "status"), BAD_BODIES, ids=range(len(BAD_BODIES)))
async def test_a_bad_body_is_refused_with_a_problem(world: World, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json", "Accept": RESPONSE_JSON}
    answer = await world.http.post(PATH, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert problem(answer)["status"] == status
    assert "data" not in answer.json()


DEEP = 3000


@pytest.mark.parametrize(
    "query",
    [
        "{ a" * DEEP + " }" * DEEP,
        "{ budgets" + "(first: [" * DEEP + "1" + "])" * DEEP + " { id } }",
        "query ($a: " + "[" * DEEP + "Int" + "]" * DEEP + ") { __typename }",
        "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }",
        "{ __typename @nope }",
        "mutation { budgets { id } }",
        "{ budgets(first: 99999999999) { id } }",
        "{ budgets(limit: 1) { id } }",
        "{ budgets }",
        "{ me { id { x } } }",
        "subscription { a: notificationReceived { id } b: notificationReceived { id } }",
        "type Query { a: Int }",
        "",
        " ",
        "#",
        "\ufeff",
    ],
)
async def test_a_bad_document_is_refused_with_a_problem(world: World, query: str) -> None:
    answer = await ask(world, await world.account(), query)
    assert answer.status_code == 400, answer.text[:300]
    assert problem(answer)["code"] in ("malformed-request", "invalid-input")


@pytest.mark.parametrize(
    "given",
    [
        {"id": {"a": 1}},
        {"id": None},
        {},
        {"id": 1e300},
        {"id": [["x"]]},
        {"id": True},
        {"id": "\ud800"},
        {"id": "x", "more": 1},
        json.loads('{"id": ' + "[" * 400 + "]" * 400 + "}"),
    ],
)
async def test_bad_variables_are_refused_with_a_problem(world: World, given: Any) -> None:
    query = "query ($id: ID!) { budget(id: $id) { id } }"
    account = await world.account()
    body = json.dumps({"query": query, "variables": given}).encode()
    headers = account.headers | {"Content-Type": "application/json", "Accept": RESPONSE_JSON}
    answer = await world.http.post(PATH, content=body, headers=headers)
    assert problem(answer)["status"] == 400, answer.text


async def test_a_query_may_come_by_get_and_a_mutation_not(world: World) -> None:
    account = await world.account()
    headers = account.headers | {"Accept": RESPONSE_JSON}

    async def get(**query: str) -> Any:
        return await world.http.get(f"{PATH}?{urlencode(query)}", headers=headers)

    query = "query Q($yes: Boolean!) { me { id name @include(if: $yes) } }"
    answer = await get(query=query, variables='{"yes": false}', operationName="Q")
    assert answer.json() == {"data": {"me": {"id": account.id}}}
    refused = await get(query="mutation { markAllNotificationsRead { count } }")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST"
    assert (await get(query=query, variables="{")).status_code == 400
    assert (await get(query=query, variables="[]")).status_code == 400
    assert (await get()).status_code == 400
    assert (await world.http.put(PATH)).status_code == 405


async def test_the_edge_adds_what_it_adds_to_rest(world: World) -> None:
    account = await world.account()
    sent = {"X-Request-Id": "mine-1", "Origin": ORIGIN}
    answer = await ask(world, account, "{ me { id } }", None, **sent)
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["ratelimit"].startswith('"default";r=')
    refused = await ask(world, account, '{ budget(id: "x") { id } }', None, **sent)
    assert problem(refused)["requestId"] == "mine-1"
    metrics = (await world.http.get("/metrics")).text
    assert 'operation="getProfile",protocol="graphql",status="200"' in metrics
    preflight = await world.http.options(
        PATH, headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    )
    assert preflight.headers["access-control-allow-methods"] == "GET, POST"


async def test_a_batch_is_answered_in_order_and_has_an_end(world: World) -> None:
    account = await world.account()
    bodies = [{"query": "{ me { id } }"}, {"query": "{ nope }"}, {"query": "{ __typename }"}]
    answer = await world.http.post(PATH, json=bodies, headers=account.headers)
    first, second, third = answer.json()
    assert first == {"data": {"me": {"id": account.id}}}
    assert second["errors"]
    assert third == {"data": {"__typename": "Query"}}
    for wrong in ([], bodies * 2, [1]):
        refused = await world.http.post(
            PATH, json=wrong, headers=account.headers | {"Accept": RESPONSE_JSON}
        )
        assert refused.status_code == 400


async def test_known_documents_go_by_their_id(tmp_path: Path) -> None:
    text = "{ me { id } }"
    digest = sha256(text.encode()).hexdigest()
    manifest = tmp_path / "documents.json"
    manifest.write_text(json.dumps({digest: text}))
    world = World(tmp_path / "data", graphql_documents=manifest, graphql_only_documents=True)
    await world.open()
    account = await world.account()

    async def post(**body: Any) -> Any:
        headers = account.headers | {"Accept": RESPONSE_JSON}
        return await world.http.post(PATH, json=body, headers=headers)

    wanted = {"data": {"me": {"id": account.id}}}
    assert (await post(documentId=f"sha256:{digest}")).json() == wanted
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    assert (await post(extensions=persisted)).json() == wanted
    assert (await post(query=text)).json() == wanted
    other = await post(query="{ me { name } }")
    assert other.status_code == 400
    unknown = await post(documentId="x")
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    await world.close()


def test_settings_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="GRAPHQL_ONLY_DOCUMENTS: needs"):
        Settings.read({"GRAPHQL_ONLY_DOCUMENTS": "true"})
    with pytest.raises(SettingsError, match="GRAPHQL_INTROSPECTION: must be true or false"):
        Settings.read({"GRAPHQL_INTROSPECTION": "maybe"})
    (tmp_path / "bad.json").write_text("[]")
    from runtime.graphql.known import read_known

    with pytest.raises(SettingsError, match="GRAPHQL_DOCUMENTS"):
        read_known(tmp_path / "bad.json")
    with pytest.raises(SettingsError, match="GRAPHQL_DOCUMENTS: cannot be read"):
        read_known(tmp_path / "none.json")


async def test_what_fails_inside_is_told_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await world.account()

    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a secret of the store's")

    monkeypatch.setattr("runtime.adapters.sqlite.SqliteStore.page", broken)
    answer = await ask(world, account, "{ budgets { id } }")
    assert answer.status_code == 200
    assert problem(answer)["code"] == "internal"
    assert answer.json()["data"] is None
    assert "secret" not in answer.text
    assert "runtime" not in answer.text
