"""One account's data goes into a file, and out of it into a platform: all of it, or nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.account_files import (
    SPENT,
    Document,
    exported,
    furnished,
    rewritten,
    seen,
    settled,
)
from tests.cli.calls import answered, beside
from tests.rest.world import PASSWORD, World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def elsewhere(tmp_path: Path) -> Any:
    """Another platform, which has nothing."""
    other = World(tmp_path / "elsewhere")
    await other.open()
    yield other
    await other.close()


async def test_an_account_is_the_same_elsewhere_and_its_sums_hold(
    world: World, elsewhere: World, tmp_path: Path
) -> None:
    ann = await furnished(world)
    before = await seen(world, ann)
    path = tmp_path / "ann.jsonl"
    documents = await exported(world, ann, path, "--with-password-hash")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {document.get("kind") for document in documents[1:]} == {
        *("user", "budget", "budgetThreshold", "expense", "customer", "transaction", "order"),
        *("notification", "chatMessage", "task", "end"),
    }
    words = ("import", str(path), "--keep-role", "--json")
    report = answered(await beside(*words, data=elsewhere.folder))
    # The expense in Ben's budget has no place there, and that is told.
    (told,) = report["told"]
    assert told.endswith("is in a budget that the account may not write here")
    await settled(elsewhere)
    ann = await elsewhere.sign_in(ann.email, PASSWORD)
    after = await seen(elsewhere, ann)
    for kind, items in before.items():
        mine = [
            item
            for item in items
            if item.get("ownerId") in (None, ann.id) and item.get("currency") != "JPY"
        ]
        assert after[kind] == mine, kind
    (budget,) = after["/budgets?sort=%2Bname"]
    assert Decimal(budget["spent"]) == sum(map(Decimal, SPENT))
    found = await elsewhere.send(ann, "POST", "/search/expenses", {"text": "lamp"})
    assert found.json()["total"] == len(SPENT)


async def test_a_second_import_changes_nothing_and_what_differs_is_listed(
    world: World, elsewhere: World, tmp_path: Path
) -> None:
    ann = await furnished(world)
    path = tmp_path / "ann.jsonl"
    documents = await exported(world, ann, path)
    first = answered(await beside("import", str(path), "--json", data=elsewhere.folder))
    again = answered(await beside("import", str(path), "--json", data=elsewhere.folder))
    assert set(again["new"].values()) == {0}
    assert again["same"] == first["new"]
    for document in documents:
        if document.get("kind") == "budget":
            document["value"]["name"] = "House"
    changed = rewritten(tmp_path / "changed.jsonl", documents)
    other = answered(await beside("import", str(changed), "--json", data=elsewhere.folder))
    assert other["left"]["budget"] == 1
    assert any("differs here in name, and stays" in line for line in other["told"])
    assert again["left"]["budget"] == 0


async def test_a_dry_run_tells_the_same_and_takes_nothing(
    world: World, elsewhere: World, tmp_path: Path
) -> None:
    ann = await furnished(world)
    path = tmp_path / "ann.jsonl"
    await exported(world, ann, path)
    words = ("import", str(path), "--json")
    dry = answered(await beside(*words, "--dry-run", data=elsewhere.folder))
    wet = answered(await beside(*words, data=elsewhere.folder))
    assert dry["new"] == wet["new"]
    assert dry["new"]["expense"] == len(SPENT)


def _another_owner(documents: list[Document]) -> None:
    for document in documents:
        if document.get("kind") == "budget":
            document["value"]["ownerId"] = "usr_" + 26 * "1"


def _too_exact(documents: list[Document]) -> None:
    next(d for d in documents if d.get("kind") == "expense")["value"]["amount"] = "1.005"


def _twice(documents: list[Document]) -> None:
    place = next(i for i, d in enumerate(documents) if d.get("kind") == "expense")
    documents.insert(place, documents[place])


def _wrong_sum(documents: list[Document]) -> None:
    next(d for d in documents if d.get("kind") == "order")["value"]["total"] = "1.00"


def _unknown(documents: list[Document]) -> None:
    next(d for d in documents if d.get("kind") == "user")["value"]["passwordHash"] = "x"


def _late_budget(documents: list[Document]) -> None:
    place = next(i for i, d in enumerate(documents) if d.get("kind") == "budget")
    late = documents.pop(place)
    documents.insert(-1, late)


FAULTS: list[tuple[Callable[[list[Document]], None], str, str]] = [
    (_another_owner, "/value/ownerId", "is another account's"),
    (_too_exact, "/value", "more decimals than USD has"),
    (_twice, "/value/id", "has this id, too"),
    (_wrong_sum, "/value/total", "is not the sum of the lines"),
    (_unknown, "/value/passwordHash", "is not a property here"),
    (_late_budget, "/kind", "comes before what stands on it"),
]


async def test_every_fault_is_told_with_its_line_and_nothing_is_taken(
    world: World, elsewhere: World, tmp_path: Path
) -> None:
    ann = await furnished(world)
    path = tmp_path / "ann.jsonl"
    await exported(world, ann, path)
    whole = path.read_bytes().splitlines(keepends=True)
    for spoil, pointer, message in FAULTS:
        documents = [json.loads(line) for line in whole]
        spoil(documents)
        bad = rewritten(tmp_path / "bad.jsonl", documents)
        done = await beside("import", str(bad), "--json", data=elsewhere.folder)
        assert done.returncode == 1, spoil.__name__
        report = json.loads(done.stdout)
        found = [f for f in report["faults"] if f["pointer"] == pointer and message in f["message"]]
        assert found, (spoil.__name__, report["faults"])
        assert all(fault["line"] > 1 for fault in found)
        assert set(report["new"].values()) == {0}
    for text, message in (
        (b"".join(whole[:-1]), "it was cut off"),
        (b"".join(whole).replace(b"Lamp 1", b"Lamb 1"), "they changed"),
        (b"".join(whole[:3]) + b"{]\n" + b"".join(whole[3:]), "is not JSON"),
        (b"", "is empty"),
        (b'{"format": "other"}\n', "is not the header"),
        (b"\xff\xfe" * 20, "is not JSON"),
    ):
        bad = tmp_path / "bad.jsonl"
        bad.write_bytes(text)
        done = await beside("import", str(bad), data=elsewhere.folder)
        assert (done.returncode, done.stdout) == (1, ""), message
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert await elsewhere.platform.auth.caller_of(ann.email) is None


async def test_what_the_file_says_was_spent_is_found_out_anew(
    world: World, elsewhere: World, tmp_path: Path
) -> None:
    ann = await world.account()
    await world.made(ann, "/budgets", {"name": "Home", "limit": "50.00"})
    path = tmp_path / "ann.jsonl"
    documents = await exported(world, ann, path, "--with-password-hash")
    next(d for d in documents if d.get("kind") == "budget")["value"]["spent"] = "49.00"
    forged = rewritten(tmp_path / "forged.jsonl", documents)
    answered(await beside("import", str(forged), "--json", data=elsewhere.folder))
    ann = await elsewhere.sign_in(ann.email)
    (budget,) = (await elsewhere.send(ann, "GET", "/budgets")).json()["items"]
    assert budget["spent"] == "0.00"


async def test_what_is_another_accounts_here_is_refused(
    world: World, elsewhere: World, tmp_path: Path
) -> None:
    ann = await furnished(world)
    path = tmp_path / "ann.jsonl"
    documents = await exported(world, ann, path)
    # The same address, and one of her budgets' ids, belong to Eve there.
    eve = await elsewhere.account(address="eve@example.com")
    await elsewhere.account(address=ann.email)
    stolen = await elsewhere.made(eve, "/budgets", {"name": "Eve's", "limit": "1.00"})
    for document in documents:
        value = document.get("value", {})
        if document.get("kind") == "budget":
            value["id"] = stolen["id"]
        elif "budgetId" in value and value.get("currency") != "JPY":
            value["budgetId"] = stolen["id"]
            if document["kind"] == "budgetThreshold":
                value["id"] = f"{stolen['id']}:{value['periodStart']}:{value['percent']}"
    bad = rewritten(tmp_path / "bad.jsonl", documents)
    done = await beside("import", str(bad), data=elsewhere.folder)
    assert done.returncode == 1
    assert "line 2: /value/email is another account's address here" in done.stderr
    assert "line 3: /value/id is another account's here" in done.stderr


async def test_no_secret_is_written_unless_asked_and_no_role_taken_unless_asked(
    world: World, elsewhere: World, tmp_path: Path
) -> None:
    ann = await furnished(world)
    path = tmp_path / "ann.jsonl"
    (user,) = [
        document["value"]
        for document in await exported(world, ann, path)
        if document.get("kind") == "user"
    ]
    assert not {"passwordHash", "passwordChangedAt"} & user.keys()
    assert "$2b$" not in path.read_text()
    refused = await beside("export", ann.email, "--to", str(path), data=world.folder)
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    report = answered(await beside("import", str(path), "--json", data=elsewhere.folder))
    assert any("the role manager is not taken" in line for line in report["told"])
    caller = await elsewhere.platform.auth.caller_of(ann.email)
    assert caller is not None
    assert caller.role == "user"
    # She has no password there, so nobody signs in with one.
    body = {"email": ann.email, "password": PASSWORD}
    assert (await elsewhere.http.post("/api/auth/login", json=body)).status_code == 401


async def test_an_account_that_was_deleted_comes_back_from_its_file(
    world: World, tmp_path: Path
) -> None:
    ann = await furnished(world)
    path = tmp_path / "ann.jsonl"
    await exported(world, ann, path, "--with-password-hash")
    assert (await world.send(ann, "DELETE", "/auth/me")).is_success
    assert await world.platform.drained()
    await world.close()
    report = answered(await beside("import", str(path), "--json", data=world.folder))
    assert report["new"]["budget"] == 1
    assert report["new"]["expense"] == len(SPENT)
    assert any("was left to nobody" in line for line in report["told"])
    await world.open()
    ann = await world.sign_in(ann.email, PASSWORD)
    (budget,) = (await world.send(ann, "GET", "/budgets")).json()["items"]
    assert Decimal(budget["spent"]) == sum(map(Decimal, SPENT))
    found = await world.send(ann, "POST", "/search/expenses", {"text": "lamp"})
    assert found.json()["total"] == len(SPENT)
