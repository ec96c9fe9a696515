"""The source keeps the rules of the house, and every rule can find a breach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tidy import house
from tests.tidy.house import House

ROOT = Path(__file__).parents[2]
RULES: dict[str, Callable[[House], list[str]]] = {
    "arrows": house.arrows,
    "decisions": house.decisions,
    "ignores": house.ignores,
    "leftovers": house.leftovers,
    "lengths": house.lengths,
    "places": house.places,
    "undocumented": house.undocumented,
    "vague_names": house.vague_names,
    "wildcards": house.wildcards,
}


@pytest.fixture(scope="module")
def checkout() -> House:
    return House.tracked(ROOT)


@pytest.mark.parametrize("rule", RULES)
def test_the_source_keeps_the_rule(rule: str, checkout: House) -> None:
    found = RULES[rule](checkout)
    assert not found, "\n".join([(RULES[rule].__doc__ or "").strip(), *found])


def test_the_rules_see_the_source(checkout: House) -> None:
    assert {"runtime/ports.py", "compiler/ir.py", "Makefile"} <= checkout.files.keys()


DECISION = "# 1 One\n**Context.** a\n**Decision.** b\n**Why.** c\n**Consequence.** d"
LONG = "x = 1\n" * (house.MOST_LINES + 1)
# A rule, a tree that breaks it, and what the rule must say of it; then a tree that must pass.
BREACHES: list[tuple[str, dict[str, str], list[str]]] = [
    ("arrows", {"runtime/gate.py": "from generated.models import Budget"}, ["gate.py:1"]),
    ("arrows", {"runtime/gate.py": "def f():\n    import handlers.budget"}, ["gate.py:2"]),
    ("arrows", {"generated/rest.py": "import handlers"}, ["generated imports handlers"]),
    ("arrows", {"handlers/budget.py": "from compiler import ir"}, ["handlers imports compiler"]),
    ("arrows", {"handlers/budget.py": "import app"}, ["handlers imports app"]),
    ("arrows", {"compiler/ir.py": "from runtime.call import Call"}, ["compiler imports runtime"]),
    ("arrows", {"app.py": "import compiler.ir"}, ["app imports compiler"]),
    ("arrows", {"cli.py": "import codegen"}, ["cli imports codegen"]),
    ("lengths", {"runtime/gate.py": LONG}, ["351 lines"]),
    ("lengths", {"tools/x/lint.sh": LONG}, ["lint.sh: 351 lines"]),
    ("vague_names", {"runtime/utils.py": ""}, ["utils says nothing"]),
    ("vague_names", {"tests/helpers/budget.py": ""}, ["helpers says nothing"]),
    ("vague_names", {"compiler/emit/base.py": ""}, ["base says nothing"]),
    ("leftovers", {"README.md": "fine\nTO" + "DO: more"}, ["README.md:2"]),
    ("leftovers", {"app.py": "x = 1  # FIX" + "ME"}, ["app.py:1"]),
    ("places", {"a.lock": "--index-url https://py" + "pi.org/simple"}, ["a.lock:1"]),
    ("places", {"package-lock.json": '"resolved":' + ' "https://some.example/a.tgz"'}, [":1"]),
    ("places", {"Makefile": "PY := /ro" + "ot/.pyenv/bin/python"}, ["Makefile:1"]),
    ("places", {"deploy/x.sh": "cd '/ho" + "me/me/budget'"}, ["x.sh:1"]),
    ("wildcards", {"handlers/budget.py": "from generated.models import *"}, ["budget.py:1"]),
    ("ignores", {"runtime/gate.py": "x = f()  # type: ignore[arg-type]"}, ["gate.py:1"]),
    ("ignores", {"runtime/gate.py": "x = f()  # noqa: S603"}, ["gate.py:1"]),
    ("undocumented", {"runtime/gate.py": "def admit(): ..."}, ["the module", "admit"]),
    ("undocumented", {"handlers/x.py": '"X."\nclass Budgets: ...'}, ["x.py:2: Budgets"]),
    ("undocumented", {"runtime/x.py": '"X."\nasync def run(): ...'}, ["x.py:2: run"]),
    (
        "undocumented",
        {"runtime/x.py": '"X."\nclass Bus(Protocol):\n    "B."\n    def publish(self): ...'},
        ["x.py:4: publish"],
    ),
    (
        "decisions",
        {
            "docs/decisions/2-late.md": DECISION + "\n" * 40,
            "docs/decisions/README.md": "- [late](2-late.md)",
        },
        ["lines, at most 40", "should be called 0001-some-words.md"],
    ),
    ("decisions", {"docs/decisions/0001-lost.md": DECISION}, ["not in the index"]),
    (
        "decisions",
        {
            "docs/decisions/0001-one.md": DECISION,
            "docs/decisions/0001-two.md": "**Decision.** x",
            "docs/decisions/README.md": "](0001-one.md) ](0001-two.md)",
        },
        ["0001 is taken", "lacks Context, Why, Consequence"],
    ),
]
ALLOWED: list[tuple[str, dict[str, str]]] = [
    ("arrows", {"app.py": "import handlers.budget, generated.rest, runtime.gate"}),
    ("arrows", {"handlers/budget.py": "import generated.models\nfrom runtime import call"}),
    ("arrows", {"codegen.py": "from compiler.load import load"}),
    ("arrows", {"tests/compiler/test_ir.py": "import compiler, runtime"}),
    ("lengths", {"runtime/gate.py": f'"""The gate.\n\nLong\nbecause of its table.\n"""\n{LONG}'}),
    ("lengths", {"runtime/gate.py": "x = 1\n" * house.MOST_LINES}),
    ("lengths", {"generated/rest.py": LONG, "specs/openapi.yaml": LONG}),
    ("vague_names", {"runtime/database.py": "", "docs/helpers.md": ""}),
    ("leftovers", {"app.py": "todo_count = 1  # the status is called todo"}),
    ("places", {"deploy/Dockerfile": "WORKDIR /srv/budget", "README.md": "https://example.com/"}),
    ("places", {"runtime/x.py": "ROUTE = '/api/home/page'  # framework/work/x"}),
    ("ignores", {"runtime/gate.py": "x = f()  # type: ignore[arg-type] # the stub is too narrow"}),
    ("ignores", {"runtime/gate.py": "x = f()  # noqa: S603  our own program"}),
    ("undocumented", {"runtime/x.py": '"X."\ndef _inner(): ...', "tests/t.py": "def f(): ..."}),
    (
        "decisions",
        {
            "docs/decisions/0001-one.md": DECISION,
            "docs/decisions/README.md": "- [One](0001-one.md)",
        },
    ),
]


@pytest.mark.parametrize(("rule", "files", "expected"), BREACHES)
def test_a_breach_is_found(rule: str, files: dict[str, str], expected: list[str]) -> None:
    found = RULES[rule](House(files))
    assert len(found) == len(expected), found
    for finding, part in zip(found, expected, strict=True):
        assert part in finding


@pytest.mark.parametrize(("rule", "files"), ALLOWED)
def test_what_is_right_passes(rule: str, files: dict[str, str]) -> None:
    assert RULES[rule](House(files)) == []


def test_every_rule_has_a_breach_and_a_pass() -> None:
    assert {rule for rule, _, _ in BREACHES} == RULES.keys()
    assert {rule for rule, _ in ALLOWED} | {"wildcards"} == RULES.keys()
