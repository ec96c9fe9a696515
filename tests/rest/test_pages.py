"""What is served beside the operations: health, metrics, the contract, its documents."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from generated.errors import PROBLEMS
from tests.rest.world import World

pytestmark = pytest.mark.anyio

CONTRACT = Path(__file__).parents[2] / "generated" / "openapi.json"


# --- health ---------------------------------------------------------------------------------------


async def test_live_says_only_that_the_process_answers(world: World) -> None:
    answer = await world.http.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


async def test_ready_names_each_dependency(world: World) -> None:
    answer = await world.http.get("/health/ready")
    assert answer.status_code == 200
    told = answer.json()
    assert told["status"] == "ready"
    assert told["dependencies"]
    assert set(told["dependencies"].values()) == {"up"}


async def test_a_platform_that_stops_is_live_and_not_ready(world: World) -> None:
    world.platform.ready = False
    answer = await world.http.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert (await world.http.get("/health/live")).status_code == 200
    world.platform.ready = True


# --- metrics --------------------------------------------------------------------------------------


async def test_metrics_count_by_operation_protocol_and_status(world: World) -> None:
    owner = await world.account()
    for _ in range(3):
        await world.send(owner, "GET", "/budgets")
    await world.http.get("/nowhere/at-all")
    text = (await world.http.get("/metrics")).text
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    counted = {
        (sample.labels["operation"], sample.labels["protocol"], sample.labels["status"]): sample
        for sample in samples
        if sample.name.endswith("_total")
        and "operation" in sample.labels
        and "status" in sample.labels
    }
    assert counted["listBudgets", "rest", "200"].value == 3
    assert any(sample.name.endswith("_bucket") for sample in samples), "latency"
    assert owner.id not in text
    assert "nowhere" not in text, "a path that anybody makes up must not become a label"


# --- the contract ---------------------------------------------------------------------------------


async def test_the_served_contract_is_the_compiled_one_and_anybody_may_read_it(
    world: World,
) -> None:
    answer = await world.http.get("/openapi.json")
    assert answer.content == CONTRACT.read_bytes()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_the_served_contract_tells_nothing_of_the_inside(world: World) -> None:
    text = (await world.http.get("/openapi.json")).text
    ours = r"x-entity|x-search|x-emits|x-type|bearerInfoFunc|operationHandler"
    stored = r"passwordHash|tokenHash|refreshHash|runnerId|leaseUntil"
    asked = r"SessionState|BudgetAccess|AccountIdentity|IndexSize|resolveBudgetAccess"
    kept = r"MailedToken\b|NotificationReceipt"
    homes = r"mongo|postgres|mysql|sqlite|redis|kafka|rabbit"
    found = re.findall(f"(?i){ours}|{stored}|{asked}|{kept}|{homes}", text)
    assert found == []


async def test_every_schema_that_is_served_is_used(world: World) -> None:
    text = (await world.http.get("/openapi.json")).text
    schemas = json.loads(text)["components"]["schemas"]
    assert [name for name in schemas if f'"#/components/schemas/{name}"' not in text] == []


# --- documents ------------------------------------------------------------------------------------


class _Resources(HTMLParser):
    """What a page loads, and the scripts in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what the tag loads."""
        given = dict(attrs)
        if tag in ("script", "img", "iframe"):
            self.loaded.append(given.get("src") or "")
        elif tag == "link":
            self.loaded.append(given.get("href") or "")


async def test_swagger_ui_needs_nothing_from_outside(world: World) -> None:
    page = await world.http.get("/docs", follow_redirects=True)
    assert page.status_code == 200
    assert "/openapi.json" in page.text
    assert "https://" not in page.text
    assert re.findall(r"http://(?!localhost|www\.w3\.org)", page.text) == []
    loaded = [name for name in _Resources(page.text).loaded if name]
    assert len(loaded) >= 3
    for name in loaded:
        file = await world.http.get(str(page.url.join(name)))
        assert file.status_code == 200, name
        assert len(file.content) > 100, name
        if name.endswith(".css"):
            assert re.findall(r"url\((?!['\"]?data:)[^)]*", file.text) == []
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    "path",
    ["/docs/../app.py", "/docs/..%2f..%2fapp.py", "/docs/%2e%2e/README.md", "/docs//etc/passwd"],
)
async def test_documents_end_at_their_folder(world: World, path: str) -> None:
    answer = await world.http.get(path)
    assert answer.status_code in (404, 405), answer.text[:200]


async def test_every_problem_is_explained_where_its_type_says(world: World) -> None:
    problem = (await world.http.get("/api/budgets")).json()
    page, _, anchor = problem["type"].partition("#")
    text = (await world.http.get(page)).text
    assert anchor == "unauthenticated"
    assert [code for code in PROBLEMS if f'id="{code}"' not in text] == []
