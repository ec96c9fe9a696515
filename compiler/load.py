"""A folder of specs → its Contract."""

from __future__ import annotations

from pathlib import Path

from compiler.ir import Contract
from compiler.link import link
from compiler.parse.jsontree import parse_json
from compiler.parse.node import Node
from compiler.parse.openapi import parse_openapi
from compiler.parse.yamltree import parse_yaml
from compiler.source import File, Report, Span, SpecError, SpecErrors, read

_TREES = (".yaml", ".yml", ".json")


def load(specs: Path, name_prefix: str | None = None) -> Contract:
    """The Contract of the specs in a folder: openapi.yaml, and those of its three siblings that are there.

    `name_prefix` is how errors call the folder; else as it is given. Raises SpecErrors.
    """
    prefix = str(specs) if name_prefix is None else name_prefix
    report = Report()
    trees = _trees(specs, prefix, report)
    root = trees.get("openapi")
    openapi = parse_openapi(root, report) if root else None
    report.raise_any()
    if openapi is None:
        raise SpecErrors([SpecError(Span(prefix, 1, 1), "no OpenAPI document is here", "no-spec")])
    contract = link(openapi, report)
    report.raise_any()
    return contract


def _trees(specs: Path, prefix: str, report: Report) -> dict[str, Node]:
    """The YAML and JSON files, by the kind of document that they say they are."""
    found: dict[str, Node] = {}
    paths = sorted(specs.iterdir()) if specs.is_dir() else []
    for path in paths:
        if path.suffix not in _TREES:
            continue
        named = path.stem if path.stem in ("openapi", "asyncapi") else ""
        try:
            file = read(path, f"{prefix}/{path.name}" if prefix else path.name)
        except SpecErrors as errors:
            report.errors += errors.errors
            continue
        node = tree(file, report)
        if node is None:
            continue
        kind = named or next((key for key in ("openapi", "asyncapi") if node.get(key)), "")
        if kind in found:
            message = f"{found[kind].file.name} is the {kind} document already"
            report.add(node.span, "two-files", message)
        elif kind:
            found[kind] = node
    return found


def tree(file: File, report: Report) -> Node | None:
    """The located tree of a YAML or JSON file."""
    return parse_json(file, report) if file.name.endswith(".json") else parse_yaml(file, report)
