"""No input makes the compiler fall over: it gives a Contract, or errors with a place and a code."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.codes import CODES
from compiler.ir import Contract
from compiler.load import load
from compiler.source import SpecErrors

HERE = Path(__file__).parent
SMALL = HERE / "cases" / "accepted" / "internal-and-streams"
WHOLE = HERE / "cases" / "accepted" / "four-specs"
RICH = [
    HERE / "cases" / "accepted" / name
    for name in ("all-of", "bodies", "deep-references", "openapi-3.1", "parameters", "unions")
]
OURS = HERE.parents[1] / "specs"
_TOKEN = re.compile(rb"\s+|\w+|\"[^\"\n]*\"|.", re.DOTALL)

Draw = Callable[[st.SearchStrategy[Any]], Any]

# What a slip of the hand, a merge gone wrong or another tool leaves behind.
SCALARS: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "x", "a b", "#/", "é", "$ref", [], {}]
SNIPPETS = [
    *(b"", b"{", b"}", b"[", b"]", b":", b"\t", b"\n", b"- ", b"0"),
    *(b"&a ", b"*a", b"!!x ", b"\x00", b"\xff"),
]


def attempt(folder: Path) -> Contract | SpecErrors:
    """What the compiler makes of a folder; all but a Contract and SpecErrors fails the test."""
    try:
        return load(folder, "")
    except SpecErrors as errors:
        refused = errors
    assert refused.errors
    names = {path.name for path in folder.iterdir()} | {"."}
    for error in refused.errors:
        assert error.code in CODES
        assert error.span.file in names
        assert min(error.span.line, error.span.column) > 0
        assert error.message
        assert "\n" not in error.message
    return refused


def tried(source: Path, change: Callable[[Path], None]) -> Contract | SpecErrors:
    """`attempt` on a changed copy of `source`."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "specs")
        shutil.copytree(source, copy)
        (copy / "contract.json").unlink(missing_ok=True)
        change(copy)
        return attempt(copy)


def spec_file(draw: Draw, folder: Path, *suffixes: str) -> Path:
    """One of the folder's specs."""
    paths = sorted(p for p in folder.iterdir() if p.suffix in suffixes)
    found: Path = draw(st.sampled_from(paths))
    return found


def mangle(draw: Draw, data: bytes) -> bytes:
    """Some bytes or tokens deleted, doubled, swapped or replaced."""
    parts = _TOKEN.findall(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(parts) - 1, 0)))
        length = draw(st.integers(1, 8))
        match draw(st.sampled_from(["delete", "double", "replace", "swap", "cut"])):
            case "delete":
                del parts[at : at + length]
            case "double":
                parts[at:at] = parts[at : at + length]
            case "replace":
                parts[at : at + 1] = [draw(st.sampled_from(SNIPPETS))]
            case "swap" if parts:
                other = draw(st.integers(0, len(parts) - 1))
                parts[at], parts[other] = parts[other], parts[at]
            case _:
                del parts[at:]
    return b"".join(parts)


def nodes(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below `tree`."""
    found: list[tuple[Any, Any]] = []
    queue = [tree]
    while queue:
        node = queue.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node))
        for key in keys:
            found.append((node, key))
            if isinstance(node[key], (dict, list)):
                queue.append(node[key])
    return found


def rearrange(draw: Draw, tree: Any) -> None:
    """Some nodes deleted, renamed, replaced by a scalar, or by another place's value."""
    for _ in range(draw(st.integers(1, 3))):
        places = nodes(tree)
        if not places:
            return
        node, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(["delete", "scalar", "other", "rename", "double"])):
            case "delete":
                del node[key]
            case "scalar":
                node[key] = draw(st.sampled_from(SCALARS))
            case "other":
                other, name = places[draw(st.integers(0, len(places) - 1))]
                node[key] = json.loads(json.dumps(other[name], default=str))
            case "rename" if isinstance(node, dict):
                _, name = places[draw(st.integers(0, len(places) - 1))]
                node[str(name)] = node.pop(key)
            case "double" if isinstance(node, list):
                node.append(node[key])


def change_of(draw: Draw, source: Path) -> Callable[[Path], None]:
    """A change of one spec of `source`, by bytes or by nodes."""
    by_nodes = draw(st.booleans())
    suffixes = (".yaml",) if by_nodes else (".yaml", ".graphql", ".proto", ".json")
    path = spec_file(draw, source, *suffixes)
    if by_nodes:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        rearrange(draw, tree)
        changed = yaml.safe_dump(tree, allow_unicode=True).encode()
    else:
        changed = mangle(draw, path.read_bytes())

    def change(copy: Path) -> None:
        (copy / path.name).write_bytes(changed)

    return change


@given(st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_no_change_of_small_specs_makes_the_compiler_fall_over(data: st.DataObject) -> None:
    """Four specs of a page each, and rich ones of OpenAPI alone."""
    source = data.draw(st.sampled_from([SMALL, WHOLE, *RICH]))
    tried(source, change_of(data.draw, source))


@given(st.data())
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
def test_no_change_of_our_specs_makes_the_compiler_fall_over(data: st.DataObject) -> None:
    """The platform's own specs."""
    tried(OURS, change_of(data.draw, OURS))


def shuffled(draw: Draw, tree: Any) -> Any:
    """The same tree, the entries of its maps in another order."""
    if isinstance(tree, dict):
        keys = draw(st.permutations(list(tree)))
        return {key: shuffled(draw, tree[key]) for key in keys}
    return [shuffled(draw, element) for element in tree] if isinstance(tree, list) else tree


def placeless(value: Any) -> Any:
    """A Contract without its places, which move with the text."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = [f for f in fields(value) if f.name not in ("span", "graphql")]
        return {f.name: placeless(getattr(value, f.name)) for f in kept}
    if isinstance(value, (tuple, list)):
        return [placeless(element) for element in value]
    return value


@given(st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_the_order_of_maps_changes_nothing(data: st.DataObject) -> None:
    """The Contract of shuffled specs is the Contract."""
    source = data.draw(st.sampled_from([SMALL, WHOLE, *RICH, HERE / "cases/accepted/names"]))

    def shuffle(copy: Path) -> None:
        for path in sorted(copy.glob("*.yaml")):
            tree = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
            text = yaml.safe_dump(shuffled(data.draw, tree), sort_keys=False, allow_unicode=True)
            path.write_text(text, encoding="utf-8")

    contract = tried(source, shuffle)
    assert isinstance(contract, Contract), str(contract)
    assert repr(placeless(contract)) == repr(placeless(load(source, "")))
