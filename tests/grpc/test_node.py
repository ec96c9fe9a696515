"""A client in Node: what the README shows, run as it is printed."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
from pathlib import Path

import pytest

from tests.grpc.stage import Stage
from tests.grpc.test_rpcs import budget_of

ROOT = Path(__file__).parents[2]
SDK = ROOT / "sdk" / "node-grpc"
# The README's lines.
EXAMPLE = """\
const { BudgetServiceClient } = require('./sdk/node-grpc');

const client = new BudgetServiceClient('localhost:50051', { token: process.env.TOKEN });
client.getBudget({ id: process.env.BUDGET }).then(({ name, limit }) => console.log(name, limit));
"""
STREAMS = """\
const { BudgetServiceClient, ExpenseServiceClient } = require('./sdk/node-grpc');

const where = 'localhost:50051', token = process.env.TOKEN, id = process.env.BUDGET;
const watching = new BudgetServiceClient(where, { token }).watchBudget({ id });
watching.once('data', async (budget) => {
  console.log(budget.spent);
  watching.once('data', (changed) => { console.log(changed.spent); watching.cancel(); });
  watching.on('error', () => process.exit());
  const rows = new ExpenseServiceClient(where, { token }).importExpenses((error, report) => {
    console.log(error ? error.message : report.created);
  });
  rows.write({ start: { budgetId: id } });
  rows.write({ row: { description: 'Market', amount: '2.50', category: 'Food' } });
  rows.end();
});
"""
REFUSED = """\
const { BudgetServiceClient } = require('./sdk/node-grpc');

new BudgetServiceClient('localhost:50051').getBudget({ id: 'x' }).catch((error) => {
  console.log(error.code, error.details, error.metadata.get('problem-bin')[0].length > 20);
});
"""

pytestmark = [pytest.mark.anyio, pytest.mark.node]


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    """`npm ci`, once, by one worker of several: npm writes the hidden lock last."""
    lock, done = SDK / "package-lock.json", SDK / "node_modules" / ".package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
            words = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(words, cwd=SDK, check=True)
            done.touch()


async def printed(stage: Stage, script: str, **environment: str) -> str:
    """What the script prints, against the stage's port."""
    running = await asyncio.create_subprocess_exec(
        "node",
        "-e",
        script.replace("localhost:50051", f"localhost:{stage.rpcs.port}"),
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(running.communicate(), 30)
    return said.decode()


async def test_the_readmes_client_gets_a_budget(stage: Stage) -> None:
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    assert await printed(stage, EXAMPLE, TOKEN=ann.access, BUDGET=budget.id) == "Household 500.00\n"


async def test_streams_work_from_node(stage: Stage) -> None:
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    said = await printed(stage, STREAMS, TOKEN=ann.access, BUDGET=budget.id)
    assert sorted(said.split()) == ["0.00", "1", "2.50"]


async def test_a_refusal_reaches_node_with_its_problem(stage: Stage) -> None:
    assert await printed(stage, REFUSED) == "16 Send an access token. true\n"
