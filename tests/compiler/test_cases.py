"""A case is a folder: specs beside what the compiler says of them. One test replays them all.

`UPDATE_CASES=1` writes the expectations anew; read the difference before you keep it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from compiler.codes import CODES
from compiler.explain import dump
from compiler.load import load
from compiler.source import SpecErrors

HERE = Path(__file__).parent / "cases"
REFUSED = sorted((HERE / "refused").iterdir())
ACCEPTED = sorted((HERE / "accepted").iterdir())


@pytest.mark.parametrize(
    "case", [*REFUSED, *ACCEPTED], ids=lambda case: f"{case.parent.name}-{case.name}"
)
def test_the_compiler_says_what_is_written_beside_the_specs(case: Path) -> None:
    """A refused case is its errors (stderr.txt), an accepted one its Contract (contract.json)."""
    try:
        said = dump(load(case, "")) + "\n"
        expected = case / "contract.json"
    except SpecErrors as errors:
        said = f"{errors}\n"
        expected = case / "stderr.txt"
    assert (expected.name == "contract.json") == (case.parent.name == "accepted"), said
    if os.environ.get("UPDATE_CASES"):
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")


def test_every_code_is_shown_by_a_refused_case() -> None:
    """A code that nothing raises, or that no example explains, is no code."""
    shown = {
        code
        for case in REFUSED
        for code in re.findall(
            r"\[([a-z0-9-]+)\]$", (case / "stderr.txt").read_text(), re.MULTILINE
        )
    }
    assert shown == set(CODES)


def test_every_code_stands_in_the_documentation() -> None:
    """docs/spec-errors.md has a row for each code, with the same words."""
    page = (Path(__file__).parents[2] / "docs" / "spec-errors.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.+?) \|$", page, re.MULTILINE))
    assert rows == CODES
