"""The rules of the house as functions: a checkout in, findings out, one line a finding.

CONTRIBUTING.md gives the rules in words; test_house.py holds the checkout to them, and shows that
each of these functions can find something.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Arrows go one way. What is not named here (tests, tools, bench) may look at everything.
MAY_IMPORT = {
    "cli": {"commands", "app", "handlers", "generated", "runtime"},
    "commands": {"app", "backends", "upkeep", "handlers", "generated", "runtime"},
    "app": {"apart", "backends", "handlers", "generated", "runtime"},
    "apart": {"handlers", "generated", "runtime"},
    "backends": {"generated", "migrations", "runtime"},
    "upkeep": {"backends", "generated", "migrations", "runtime"},
    "migrations": {"generated", "runtime"},
    "handlers": {"generated", "runtime"},
    "generated": {"runtime"},
    "runtime": set(),
    "compiler": set(),
    "codegen": {"compiler"},
}
MOST_LINES = 350
# How a longer file says why, in its first lines.
EXCUSE = re.compile(r"\b(?:long because|long file)\b", re.IGNORECASE)
EXCUSE_WITHIN = 20
VAGUE = {"util", "helper", "manager", "common", "base", "misc"}
MOST_LINES_OF_A_DECISION = 40
DECISION_PARTS = ("Context", "Decision", "Why", "Consequence")
# Where a name without a docstring is a promise that nobody can read.
DOCUMENTED = ("commands", "compiler", "handlers", "runtime")

_SOURCE = {".py", ".sh", ".js", ".mjs", ".ts", ".css", ".html"}
# Written by tools, from files that are checked.
_WRITTEN = re.compile(r"^generated/|(^|/)package-lock\.json$|\.lock$")
_LEFTOVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")
_HOST = re.compile(
    r"https?://[a-z0-9.-]*(?:npm|pypi|pythonhosted|maven|crates|golang|debian)[a-z0-9.-]*[/:\"'\s]"
    r'|"resolved": *"http'
)
_MACHINE = re.compile(r"(?<![\w.~-])/(?:work|root|Users/\w+|home/\w+)/")
_IGNORE = re.compile(
    r"#\s*(?:noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type:\s*ignore(?:\[[\w, -]+\])?"
    r"|nosec(?:\s+B\d+)?|pragma:\s*no (?:cover|branch))"
)
_REASON = re.compile(r"[^\W\d]{4}")


@dataclass(frozen=True, slots=True)
class House:
    """A checkout: its root, and the text of each file that belongs to it, by relative path."""

    files: dict[str, str]

    @classmethod
    def tracked(cls, root: Path) -> House:
        """The text files under `root` that git tracks or would take, as they are on disk."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\0")
        files: dict[str, str] = {}
        for name in filter(None, listed):
            try:
                files[name] = (root / name).read_text(encoding="utf-8")
            except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
                continue  # deleted but not yet committed, a submodule, an image
        return cls(files)

    def python(self) -> Iterator[tuple[str, ast.Module]]:
        """Every Python file with its tree."""
        for name, text in self.files.items():
            if name.endswith(".py"):
                yield name, ast.parse(text, name)

    def lines(self) -> Iterator[tuple[str, int, str]]:
        """Every line of every file: path, number, text."""
        for name, text in self.files.items():
            for number, line in enumerate(text.splitlines(), 1):
                yield name, number, line


def package_of(name: str) -> str:
    """The top-level package or module that the file at `name` belongs to."""
    return name.split("/", 1)[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted module of every import, lazy and type-checking ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def arrows(house: House) -> list[str]:
    """Imports against the one way that arrows go."""
    found = []
    for name, tree in house.python():
        own = package_of(name)
        if own not in MAY_IMPORT:
            continue
        for line, module in imported(tree):
            other = module.split(".")[0]
            if other in MAY_IMPORT and other != own and other not in MAY_IMPORT[own]:
                found.append(f"{name}:{line}: {own} imports {other}")
    return found


def lengths(house: House) -> list[str]:
    """Hand-written source files that are too long and do not say why."""
    found = []
    for name, text in house.files.items():
        lines = text.splitlines()
        if Path(name).suffix not in _SOURCE or _WRITTEN.search(name) or len(lines) <= MOST_LINES:
            continue
        if not EXCUSE.search(" ".join(" ".join(lines[:EXCUSE_WITHIN]).split())):
            found.append(f"{name}: {len(lines)} lines, and no 'Long because …' at its top")
    return found


def vague_names(house: House) -> list[str]:
    """Files and folders of ours whose name says nothing."""
    return [
        f"{name}: {part} says nothing of what is in it"
        for name in house.files
        if Path(name).suffix in _SOURCE and not _WRITTEN.search(name)
        for part in Path(name).with_suffix("").parts
        if part.lower().removesuffix("s") in VAGUE
    ]


def leftovers(house: House) -> list[str]:
    """Notes to self that should be done, or an issue."""
    return [f"{n}:{i}: {line.strip()}" for n, i, line in house.lines() if _LEFTOVER.search(line)]


def places(house: House) -> list[str]:
    """Package registries and folders of one machine: neither is the reader's."""
    return [
        f"{name}:{i}: {line.strip()[:120]}"
        for name, i, line in house.lines()
        if _HOST.search(line) or _MACHINE.search(line)
    ]


def wildcards(house: House) -> list[str]:
    """Imports that do not say what they import."""
    return [
        f"{name}:{node.lineno}: from {node.module} import *"
        for name, tree in house.python()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]


def ignores(house: House) -> list[str]:
    """Silenced checks in hand-written code that do not say why on their line."""
    found = []
    for name, number, line in house.lines():
        if not name.endswith(".py") or _WRITTEN.search(name):
            continue
        marks = list(_IGNORE.finditer(line))
        if marks and not _REASON.search(_IGNORE.sub("", line[marks[0].start() :])):
            found.append(f"{name}:{number}: {line.strip()}")
    return found


def undocumented(house: House) -> list[str]:
    """Public modules, functions, classes and Protocols' methods that have no docstring."""
    found = []
    for name, tree in house.python():
        if package_of(name) not in DOCUMENTED:
            continue
        if not ast.get_docstring(tree):
            found.append(f"{name}:1: the module")
        found += [
            f"{name}:{node.lineno}: {node.name}"
            for node in _promises(tree)
            if not node.name.startswith("_") and not ast.get_docstring(node)
        ]
    return found


def _promises(
    tree: ast.Module,
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(b) for b in node.bases):
            for member in node.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield member


def decisions(house: House) -> list[str]:
    """Decision pages that are too long, misnamed, lack a part, or are missing from the index."""
    folder = "docs/decisions/"
    pages = sorted(n.removeprefix(folder) for n in house.files if n.startswith(folder))
    index = house.files.get(f"{folder}README.md", "")
    found = []
    taken: set[str] = set()
    for page in (p for p in pages if p != "README.md"):
        text, number = house.files[folder + page], page[:4]
        lines = len(text.splitlines())
        if lines > MOST_LINES_OF_A_DECISION:
            found.append(f"{folder}{page}: {lines} lines, at most {MOST_LINES_OF_A_DECISION}")
        if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page):
            found.append(f"{folder}{page}: should be called 0001-some-words.md")
        if number in taken:
            found.append(f"{folder}{page}: {number} is taken")
        if lacking := [part for part in DECISION_PARTS if f"**{part}.**" not in text]:
            found.append(f"{folder}{page}: lacks {', '.join(lacking)}")
        if f"]({page})" not in index:
            found.append(f"{folder}{page}: not in the index, {folder}README.md")
        taken.add(number)
    return found
