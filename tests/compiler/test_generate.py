"""What comes out of the compiler, and how it reaches the disk."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import codegen
from compiler.generate import generate
from compiler.load import load

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "specs"
CASES = sorted((Path(__file__).parent / "cases" / "accepted").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_accepted_is_generated_whole_and_imports(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every module imports, lints, and holds a route for every operation that has a path."""
    package = tmp_path / "compiled"
    assert codegen.main(["--specs", str(case), "--out", str(package)]) == 0, capsys.readouterr()
    modules = sorted(path.relative_to(tmp_path).with_suffix("") for path in package.rglob("*.py"))
    imports = "".join(f"import {'.'.join(module.parts)}\n" for module in modules)
    tell = "print(json.dumps({o.id: o.method for o in compiled.operations.OPERATIONS.values()}))"
    # In a process of its own: a second import would meet the first one's tables.
    told = subprocess.run(
        [sys.executable, "-c", f"import json\n{imports}\n{tell}"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    operations: dict[str, str] = json.loads(told.stdout)
    declared = {o.id: o for o in load(case).operations if not o.internal}
    assert set(operations) == set(declared)
    routes = (package / "rest.py").read_text()
    for name, method in operations.items():
        routed = f"async def {method}(" in routes
        assert routed == (declared[name].rest is not None), name
    lint = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I,B", "--quiet"]
    lint += ["--line-length", "100", "--config", _FIRST_PARTY, str(package)]
    lint += ["--extend-exclude", "*_pb2.py,*_pb2.pyi"]  # protoc knows no style
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


_FIRST_PARTY = 'lint.isort.known-first-party = ["app", "compiled", "handlers", "runtime"]'


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_specs_maps_changes_no_byte(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    for path in SPECS.iterdir():
        text = path.read_text()
        if path.suffix == ".yaml":
            text = yaml.safe_dump(_shuffled(yaml.safe_load(text), chance), sort_keys=False)
        (tmp_path / path.name).write_text(text)
    assert generate(load(tmp_path)) == generate(load(SPECS))


def _shuffled(node: Any, chance: random.Random) -> Any:
    if isinstance(node, dict):
        items = [(key, _shuffled(value, chance)) for key, value in node.items()]
        chance.shuffle(items)
        return dict(items)
    return [_shuffled(item, chance) for item in node] if isinstance(node, list) else node


def test_an_unchanged_spec_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "compiled"
    case = ["--specs", str(CASES[0]), "--out", str(out)]
    assert codegen.main(case) == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert codegen.main(case) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert codegen.main([*case, "check"]) == 0


def test_check_lists_what_differs_is_missing_and_is_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "compiled"
    case = ["--specs", str(CASES[0]), "--out", str(out)]
    codegen.main(case)
    (out / "errors.py").write_text("changed\n")
    (out / "rest.py").unlink()
    (out / "old.py").write_text("")
    capsys.readouterr()
    assert codegen.main([*case, "check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "differs errors.py",
        "missing rest.py",
        "stale   old.py",
    ]
    assert codegen.main(case) == 0
    assert not (out / "old.py").exists()


def test_refused_specs_leave_what_was_generated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "compiled"
    codegen.main(["--specs", str(CASES[0]), "--out", str(out)])
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    refused = next((Path(__file__).parent / "cases" / "refused").iterdir())
    assert codegen.main(["--specs", str(refused), "--out", str(out)]) == 2
    assert "nothing was written" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_somebody_elses_folder_is_not_emptied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "letters"
    out.mkdir()
    (out / "dear.txt").write_text("Dear Ann")
    assert codegen.main(["--specs", str(CASES[0]), "--out", str(out)]) == 1
    assert "--out" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["dear.txt"]


def test_explain_shows_an_operation_on_every_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    assert codegen.main(["--specs", str(SPECS), "explain", "createExpense"]) == 0
    page = capsys.readouterr().out
    for part in (
        "POST /api/expenses",
        "ExpenseService/CreateExpense",
        "mutation createExpense",
        "expenses:write",
        "editor of Budget body.budgetId",
        "422 currency-mismatch",
        "budget.count_expenses",
        "handlers/expense.py",
    ):
        assert part in page
    assert codegen.main(["--specs", str(SPECS), "explain", "createExpence"]) == 1
    assert "did you mean createExpense" in capsys.readouterr().err


def test_scaffold_writes_a_skeleton_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--specs", str(SPECS), "scaffold", "customer", "--handlers", str(tmp_path)]
    assert codegen.main(words) == 0
    text = (tmp_path / "customer.py").read_text()
    assert "class CustomerHandlers:" in text
    assert "async def create_customer(" in text
    (tmp_path / "customer.py").write_text("mine\n")
    assert codegen.main(words) == 1
    assert (tmp_path / "customer.py").read_text() == "mine\n"
    assert "stays as it is" in capsys.readouterr().err


def test_the_ir_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert codegen.main(["--specs", str(SPECS), "--dump-ir"]) == 0
    assert '"id": "getBudget"' in capsys.readouterr().out
