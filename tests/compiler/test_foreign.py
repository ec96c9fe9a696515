"""The compiler over the OpenAPI documents of products that others made: npm packages carry them.

Each comes out whole, with every operation, or is refused with reasons that say where. What a
document is refused for stands here too, so that a refusal that vanishes or spreads is seen.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

import codegen

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = Path(__file__).parent / "foreign"
PACKAGES = FOREIGN / "node_modules"
METHODS = frozenset("get put post delete options head patch trace".split())

# The Norwegian state's dialogues, in names of two halves; and a small one, in names of lower case.
TAKEN = (
    "@digdir/dialogporten-schema/swagger.verified.json",
    "@readme/oas-examples/3.0/json/uspto.json",
)
REFUSED: dict[str, dict[str, int]] = {
    "@figma/rest-api-spec/openapi/openapi.yaml": {
        "bad-discriminator": 3,  # three kinds of effect need not say their kind
        "unsupported": 1,  # a callback
        "unsupported-security": 23,  # one of two scopes is enough
    },
    "@readme/oas-examples/3.1/json/train-travel.json": {
        "unknown-key": 1,  # unevaluatedProperties
        "unsupported": 1,  # webhooks
        "unsupported-media": 13,  # XML beside JSON
    },
    "rclone-openapi/openapi.json": {"bad-style": 8},  # free maps in the query
}

pytestmark = pytest.mark.node


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    """`npm ci`, once, by one worker of several: npm writes the hidden lock last."""
    lock, done = FOREIGN / "package-lock.json", PACKAGES / ".package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
            words = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(words, cwd=FOREIGN, check=True)
            done.touch()


@pytest.mark.parametrize("name", TAKEN)
def test_a_foreign_document_comes_out_with_every_operation(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "compiled"
    assert _compile(name, tmp_path, package) == 0, capsys.readouterr().err
    imports = "".join(f"import compiled.{path.stem}\n" for path in sorted(package.glob("*.py")))
    tell = "print(json.dumps(sorted(compiled.operations.OPERATIONS)))"
    told = subprocess.run(
        [sys.executable, "-c", f"import json\n{imports}\n{tell}"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    operations: list[str] = json.loads(told.stdout)
    declared = yaml.safe_load((PACKAGES / name).read_text(encoding="utf-8"))["paths"]
    wanted = [o for item in declared.values() for method, o in item.items() if method in METHODS]
    assert len(operations) == len(wanted)
    assert {o["operationId"] for o in wanted if "operationId" in o} <= set(operations)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_foreign_document_is_refused_with_reasons_that_say_where(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _compile(name, tmp_path, tmp_path / "compiled") == 2
    *reasons, last = capsys.readouterr().err.splitlines()
    assert last == f"{len(reasons)} to mend; nothing was written."
    assert not (tmp_path / "compiled").exists()
    lines = (PACKAGES / name).read_text(encoding="utf-8").splitlines()
    codes: Counter[str] = Counter()
    for reason in reasons:
        found = re.fullmatch(r".+/openapi\.\w+:(\d+):(\d+): \S.* \[([a-z0-9-]+)\]", reason)
        assert found, reason
        line, column, code = int(found[1]), int(found[2]), found[3]
        assert 1 <= column <= len(lines[line - 1]), reason
        codes[code] += 1
    assert codes == REFUSED[name]


def _compile(name: str, folder: Path, package: Path) -> int:
    """The compiler's exit code over a folder that holds this document and no other."""
    specs = folder / "specs"
    specs.mkdir()
    shutil.copy(PACKAGES / name, specs / f"openapi{Path(name).suffix}")
    return codegen.main(["--specs", str(specs), "--out", str(package)])
