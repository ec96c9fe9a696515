"""`$ref`s: from a pointer to the node it names."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from compiler.parse.node import Node
from compiler.source import Report


def steps(pointer: str) -> list[str]:
    """The keys of a JSON pointer (RFC 6901), as a URI fragment has it."""
    parts = unquote(pointer).split("/")[1:]
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


class Refs:
    """Follows the `$ref`s of one document. `others`: those that it may refer to, by file name."""

    def __init__(
        self, root: Node, report: Report, others: Mapping[str, Node] | None = None
    ) -> None:
        self.root = root
        self.report = report
        self.others = others or {}
        self.reported: set[int] = set()
        self.found: dict[str, Node] = {}

    def wrong(self, node: Node, message: str, code: str = "unknown-ref") -> None:
        """Reports a `$ref` once, however often it is followed."""
        if id(node) not in self.reported:
            self.reported.add(id(node))
            place = node.child("$ref").span
            self.report.add(place, code, message)

    def target(self, node: Node) -> Node | None:
        """The node that the `$ref` in `node` names, one step; None after reporting."""
        text = node.text("$ref")
        if text in self.found:
            return self.found[text]
        name, mark, pointer = text.partition("#")
        root = self.root if not name else self.others.get(name.removeprefix("./"))
        if root is None:
            self.wrong(node, f"{text!r} is in another file, which is not read", "foreign-ref")
            return None
        if not mark or not pointer.startswith("/"):
            self.wrong(node, f"{text!r} is no reference of the form '#/…'")
            return None
        found: Node | None = root
        for step in steps(pointer):
            found = self.step(found, step) if found else None
        if found is None:
            self.wrong(node, f"there is nothing at {text!r}")
        else:
            self.found[text] = found
        return found

    @staticmethod
    def step(node: Node, key: str) -> Node | None:
        """The entry of a map or the element of a list."""
        if isinstance(node.value, list):
            inside = key.isdecimal() and len(key) < 10 and int(key) < len(node.value)
            return node.value[int(key)] if inside else None
        return node.get(key)

    def follow(self, node: Node) -> Node | None:
        """What `node` is once all its `$ref`s are followed; None after reporting."""
        seen: set[int] = set()
        here: Node | None = node
        while here is not None and here.get("$ref") is not None:
            if id(here) in seen:
                self.wrong(here, f"{here.text('$ref')!r} leads back to itself", "ref-cycle")
                return None
            seen.add(id(here))
            here = self.target(here)
        return here

    def follow_inside(self, node: Node) -> Node | None:
        """As `follow`, but nothing where a `$ref` leads to another file: that is checked there."""
        target = self.follow(node)
        return target if target is not None and target.file is self.root.file else None
