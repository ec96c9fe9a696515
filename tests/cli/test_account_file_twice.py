"""An import that is killed, or made twice at once, ends as one that was made once."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from runtime.ids import TypeIds
from tests.cli.account_files import Document, documents_in, rewritten, settled
from tests.cli.calls import ROOT, answered, beside, environment
from tests.rest.world import PASSWORD, Account, World

pytestmark = pytest.mark.anyio

MANY = 4000


async def large_file(world: World, path: Path) -> Account:
    """Somebody's file with many expenses and rows of the ledger."""
    ann = await world.account(address="ann@example.com")
    budget = await world.made(ann, "/budgets", {"name": "Home", "limit": "90000.00"})
    await world.made(
        ann,
        "/expenses",
        {"budgetId": budget["id"], "description": "Lamp", "amount": "1.25", "category": "House"},
    )
    await world.made(
        ann, "/transactions", {"kind": "credit", "amount": "0.75", "description": "Pay"}
    )
    words = ("export", ann.email, "--to", str(path), "--with-password-hash", "--json")
    answered(await beside(*words, data=world.folder))
    ids = TypeIds()
    documents: list[Document] = []
    for document in documents_in(path):
        documents.append(document)
        prefix = {"expense": "exp", "transaction": "txn"}.get(document.get("kind", ""))
        if prefix is not None:
            value = document["value"]
            documents += [
                {**document, "value": {**value, "id": ids.new(prefix)}} for _ in range(MANY - 1)
            ]
    rewritten(path, documents)
    return ann


async def sums_hold(world: World) -> None:
    """What was spent, and the balance, are those of each row once."""
    await settled(world)
    ann = await world.sign_in("ann@example.com", PASSWORD)
    (budget,) = (await world.send(ann, "GET", "/budgets")).json()["items"]
    assert Decimal(budget["spent"]) == MANY * Decimal("1.25")
    (entry,) = (await world.send(ann, "GET", "/transactions/balance")).json()["items"]
    assert Decimal(entry["balance"]) == MANY * Decimal("0.75")
    found = await world.send(ann, "POST", "/search/expenses", {"text": "lamp"})
    assert found.json()["total"] == MANY


async def test_an_import_that_was_killed_is_run_again(world: World, tmp_path: Path) -> None:
    path = tmp_path / "ann.jsonl"
    await large_file(world, path)
    folder = tmp_path / "elsewhere"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "import", str(path)),
        cwd=ROOT,
        env=environment(folder),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    wal = folder / "budget.db-wal"
    async with asyncio.timeout(60):
        while not wal.exists() or wal.stat().st_size < 1_500_000:  # noqa: ASYNC110 # another process writes
            await asyncio.sleep(0.002)
    process.kill()
    assert await process.wait() == -9
    report = answered(await beside("import", str(path), "--json", data=folder))
    taken = report["new"]["expense"], report["same"]["expense"]
    assert sum(taken) == MANY
    assert all(taken), "it was killed too early or too late to show anything"
    other = World(folder)
    await other.open()
    await sums_hold(other)
    await other.close()


async def test_two_imports_at_once_beside_a_server_end_as_one(world: World, tmp_path: Path) -> None:
    path = tmp_path / "ann.jsonl"
    await large_file(world, path)
    other = World(tmp_path / "elsewhere")
    await other.open()
    words = ("import", str(path), "--json")
    done = await asyncio.gather(*(beside(*words, data=other.folder) for _ in range(2)))
    for each in done:
        # Who came second where the other wrote is told so, and not by a traceback.
        assert each.returncode == 0 or "run it again" in each.stderr, each.stderr
    answered(await beside(*words, data=other.folder))
    await sums_hold(other)
    await other.close()
