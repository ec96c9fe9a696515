"""GraphiQL: local files only, and an example of every field that works."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from app import _EXAMPLES
from generated.graphql import BINDINGS
from generated.models import Role
from runtime.graphql import graphiql
from tests.graphql.asking import ask, problem
from tests.rest.world import World

pytestmark = pytest.mark.anyio

EXAMPLES = json.loads(_EXAMPLES.read_bytes())
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_browser_gets_a_page_whose_files_are_all_served(world: World) -> None:
    page = await world.http.get("/api/graphql", headers=HTML)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    links = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(links) > 5
    for link in [*links, "/api/graphql/examples.json"]:
        answer = await world.http.get(link)
        assert answer.status_code == 200, link
        assert len(answer.content) > 300, link
    asked = await world.http.get("/api/graphql?query={__typename}", headers=HTML)
    assert asked.json() == {"data": {"__typename": "Query"}}


def test_our_own_files_name_no_other_host() -> None:
    folder = Path(graphiql.__file__).parent
    for name in ("index.html", "page.js", "page.css", "graphiql.css.gz"):
        raw = (folder / name).read_bytes()
        text = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode()
        hosts = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", text))
        assert hosts <= {"http://www.w3.org"}, (name, hosts)


def test_every_field_at_a_root_has_an_example() -> None:
    fields = {key.partition(".")[2] for key, each in BINDINGS.items() if not each.parent}
    assert {each["name"] for each in EXAMPLES} == fields


@pytest.mark.parametrize("example", EXAMPLES, ids=[each["name"] for each in EXAMPLES])
async def test_every_example_fits_the_contract(world: World, example: dict[str, str]) -> None:
    """It is answered, or refused because what it is about does not exist here."""
    if example["query"].startswith("subscription"):
        return
    admin = await world.account(Role.ADMIN)
    await world.account(Role.ADMIN)
    answer = await ask(world, admin, example["query"], example["variables"])  # type: ignore[arg-type]  # one of them is no text
    if "errors" in answer.json():
        assert problem(answer)["status"] in (404, 409, 422), answer.text
