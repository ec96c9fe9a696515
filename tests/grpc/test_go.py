"""Clients in Go that nobody here wrote: grpcurl, by reflection, and the health probe."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from generated.grpc.methods import SERVICES
from tests.grpc.stage import Stage
from tests.grpc.test_rpcs import budget_of

GO = Path(__file__).parent / "go"
PROGRAMS = {
    "grpcurl": "github.com/fullstorydev/grpcurl/cmd/grpcurl",
    "grpc-health-probe": "github.com/grpc-ecosystem/grpc-health-probe",
}

pytestmark = [pytest.mark.anyio, pytest.mark.go, pytest.mark.slow, pytest.mark.xdist_group("go")]


@pytest.fixture(scope="module")
def programs() -> Path:
    """The programs, built once for each lock: a first build takes minutes."""
    lock = hashlib.sha256((GO / "go.sum").read_bytes()).hexdigest()[:16]
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = home / "budget-manager-tests" / lock
    folder.mkdir(parents=True, exist_ok=True)
    with (GO / "go.sum").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not all((folder / name).exists() for name in PROGRAMS):
            words = ["go", "build", "-mod=readonly", "-o", f"{folder}/", *PROGRAMS.values()]
            subprocess.run(words, cwd=GO, check=True)
    return folder


async def told(program: Path, *words: str) -> str:
    """What a program says."""
    running = await asyncio.create_subprocess_exec(
        program, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(running.communicate(), 60)
    return said.decode()


async def test_grpcurl_finds_and_calls_what_reflection_tells(stage: Stage, programs: Path) -> None:
    ann = await stage.account()
    budget = await budget_of(stage, ann)
    grpcurl, where = programs / "grpcurl", f"127.0.0.1:{stage.rpcs.port}"
    listed = set((await told(grpcurl, "-plaintext", where, "list")).split())
    assert {*SERVICES, "grpc.health.v1.Health"} <= listed
    assert not {name for name in listed if "Identity" in name or "Access" in name}
    described = await told(grpcurl, "-plaintext", where, "describe", "budget.v1.BudgetService")
    assert "rpc WatchBudget ( .budget.v1.WatchBudgetRequest ) returns ( stream" in described
    signed = ["-H", f"authorization: Bearer {ann.access}"]
    method = "budget.v1.BudgetService/GetBudget"
    answer = await told(
        grpcurl, "-plaintext", *signed, "-d", json.dumps({"id": budget.id}), where, method
    )
    shown = json.loads(answer)
    assert (shown["id"], shown["limit"], shown["period"]) == (budget.id, "500.00", "PERIOD_MONTHLY")
    refused = await told(grpcurl, "-plaintext", *signed, "-d", '{"id": "x"}', where, method)
    assert "Code: InvalidArgument" in refused
    assert '"field": "id"' in refused, refused
    assert "google.rpc.BadRequest" in refused


async def test_the_health_probe_finds_every_service_well(stage: Stage, programs: Path) -> None:
    probe, where = programs / "grpc-health-probe", f"-addr=127.0.0.1:{stage.rpcs.port}"
    for service in ("", *SERVICES):
        said = await told(probe, where, f"-service={service}")
        assert "status: SERVING" in said, said
    assert "NotFound" in await told(probe, where, "-service=nobody")
