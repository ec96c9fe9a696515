"""What the code imports is declared, what is declared is used, and the locks hold exactly that."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.tidy.house import House, imported, package_of

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = {"apart", "app", "backends", "bench", "cli", "codegen", "commands", "compiler", "generated"}
OURS |= {"handlers", "migrations", "runtime", "tests", "upkeep"}
# A server has the project's dependencies; where it is compiled, the extra `compiler` too.
SERVER = (
    *("apart", "app", "backends", "cli", "commands", "generated", "handlers", "migrations"),
    *("runtime", "upkeep"),
)
COMPILER = ("codegen", "compiler")
# Parts of another distribution that are its public interface.
PART_OF = {"pydantic_core": "pydantic"}
# Declared, and imported by nobody: each with what uses it.
UNSEEN = {
    "aiosqlite": "bench, by the URL of a peer's database",
    "asyncpg-stubs": "mypy",
    "bandit": "make audit",
    "coverage": "make coverage",
    "elasticsearch-dsl": "another name of elasticsearch.dsl, which generated/index.py imports",
    "googleapis-common-protos": "runtime/grpc, under the name google that many share",
    "grpcio-tools": "protoc, run by the compiler",
    "httptools": "bench, as the protocol of the server of the peers",
    "mypy": "make check",
    "pip-audit": "make audit",
    "pip-tools": "make lock",
    "pytest-cov": "make coverage",
    "pytest-xdist": "make test",
    "ruff": "make check, and the compiler formats by it",
    "types-grpcio": "mypy",
    "types-grpcio-health-checking": "mypy",
    "types-grpcio-reflection": "mypy",
    "types-protobuf": "mypy",
    "types-pyyaml": "mypy",
    "uvicorn": "bench, as the command that serves the peers",
    "watchfiles": "make watch",
}


def canonical(requirement: str) -> str:
    """The name that a requirement is for, as PEP 503 spells it."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    """Names in the project's dependencies and in `extras`."""
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][e] for e in extras)]
    return {canonical(requirement) for each in lists for requirement in each}


@cache
def _distributions() -> dict[str, set[str]]:
    found = packages_distributions()
    return {top: {canonical(PART_OF.get(n, n)) for n in names} for top, names in found.items()}


def used(house: House, packages: Iterable[str]) -> dict[str, tuple[str, set[str]]]:
    """Foreign top-level modules that `packages` import: where first, and who may provide them."""
    found: dict[str, tuple[str, set[str]]] = {}
    for name, tree in house.python():
        if package_of(name) not in packages:
            continue
        for line, module in imported(tree):
            top = module.split(".")[0]
            if top and top not in OURS and top not in sys.stdlib_module_names:
                # google.protobuf: the name `google` is shared by many.
                providers = {"protobuf"} if top == "google" else _distributions().get(top, {top})
                providers |= {PART_OF[top]} if top in PART_OF else set()
                found.setdefault(top, (f"{name}:{line}", providers))
    return found


def undeclared(house: House, packages: Iterable[str], names: set[str]) -> list[str]:
    """Imports of `packages` that nothing in `names` provides."""
    return [
        f"{where}: imports {top}"
        for top, (where, providers) in used(house, packages).items()
        if not providers & names
    ]


@pytest.fixture(scope="module")
def checkout() -> House:
    return House.tracked(ROOT)


def test_a_server_imports_what_run_lock_installs(checkout: House) -> None:
    assert undeclared(checkout, SERVER, declared()) == []


def test_the_compiler_imports_what_its_extra_declares(checkout: House) -> None:
    assert undeclared(checkout, COMPILER, declared("compiler")) == []


def test_tests_tools_and_benchmarks_import_what_is_declared(checkout: House) -> None:
    everything = declared(*PROJECT["optional-dependencies"])
    assert undeclared(checkout, ("tests", "tools", "bench"), everything) == []


def test_nothing_is_declared_that_nobody_uses(checkout: House) -> None:
    everything = used(checkout, {package_of(name) for name in checkout.files})
    provided = {one for _, providers in everything.values() for one in providers}
    idle = declared(*PROJECT["optional-dependencies"]) - provided - UNSEEN.keys()
    assert not idle, "declared, but imported nowhere"


def test_an_undeclared_import_is_found() -> None:
    house = House({"runtime/x.py": "import pydantic\n\ndef f():\n    import flask"})
    assert undeclared(house, SERVER, {"pydantic"}) == ["runtime/x.py:4: imports flask"]
    assert undeclared(house, COMPILER, set()) == []


# --- the locks ------------------------------------------------------------------------------------


def pins(lock: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each requirement in the text of a lock."""
    found = {}
    for block in re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^\s*#.*\n?", "", lock)):
        if block.strip():
            match = re.match(r"\s*([^=\s]+)==([^\s;\\]+)", block)
            assert match, block
            name, version = match.groups()
            found[canonical(name)] = (version, block.count("--hash=sha256:"))
    return found


LOCKS = {path.stem: path.read_text("utf-8") for path in (ROOT / "requirements").glob("*.lock")}


@pytest.mark.parametrize("name", sorted(LOCKS))
def test_every_locked_package_has_its_hashes(name: str) -> None:
    found = pins(LOCKS[name])
    assert found
    assert [each for each, (_, hashes) in found.items() if not hashes] == []


def test_the_locks_hold_what_is_declared() -> None:
    assert declared() <= pins(LOCKS["run"]).keys()
    assert declared(*PROJECT["optional-dependencies"]) <= pins(LOCKS["dev"]).keys()


def test_dev_lock_is_run_lock_and_more() -> None:
    run, dev = pins(LOCKS["run"]), pins(LOCKS["dev"])
    assert {name: dev.get(name) for name in run} == run


def test_servers_get_no_tools() -> None:
    assert not pins(LOCKS["run"]).keys() & {"pytest", "mypy", "ruff", "bandit", "pip-tools"}


def test_workflow_actions_are_pinned_to_a_major_version(checkout: House) -> None:
    workflow = checkout.files[".github/workflows/ci.yml"]
    actions = re.findall(r"uses: *(\S+)", workflow)
    assert actions
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", action) for action in actions)
    assert "permissions:\n  contents: read\n" in workflow
