"""The located tree that YAML and JSON files become."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compiler.source import File, Span

Scalar = str | int | float | bool | None


class Node:
    """A value, where it stands, and where its key does (of a map's entry; else the same place).

    The readers below never raise: they give nothing where the value is of another kind, since the
    shape check (shape.py) has reported that already.
    """

    __slots__ = ("column", "depth", "file", "key_column", "key_line", "line", "size", "value")

    def __init__(self, file: File, line: int, column: int, value: Any) -> None:
        self.file = file
        self.line = self.key_line = line
        self.column = self.key_column = column
        self.value: Scalar | dict[str, Node] | list[Node] = value
        # How many nodes it is with all below it, aliases counted each time, and on how many levels.
        self.size = self.depth = 1

    @property
    def span(self) -> Span:
        """Where the value begins."""
        return Span(self.file.name, self.line, self.column)

    @property
    def key(self) -> Span:
        """Where its key begins."""
        return Span(self.file.name, self.key_line, self.key_column)

    def items(self) -> Iterator[tuple[str, Node]]:
        """A map's entries, in the order of the keys; none of anything else."""
        if isinstance(self.value, dict):
            yield from sorted(self.value.items())

    def value_keys(self) -> set[str]:
        """A map's keys; none of anything else."""
        return set(self.value) if isinstance(self.value, dict) else set()

    def elements(self) -> list[Node]:
        """A list's elements; none of anything else."""
        return self.value if isinstance(self.value, list) else []

    def get(self, key: str) -> Node | None:
        """A map's entry."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def child(self, key: str) -> Node:
        """A map's entry, or an empty node in its place."""
        return self.get(key) or Node(self.file, self.line, self.column, None)

    def text(self, key: str, default: str = "") -> str:
        """A map's entry that is text."""
        node = self.get(key)
        return node.value if node and isinstance(node.value, str) else default

    def maybe_text(self, key: str) -> str | None:
        """A map's entry that is text, or None."""
        return self.text(key) if isinstance(self.child(key).value, str) else None

    def flag(self, key: str) -> bool:
        """Whether a map's entry is `true`."""
        return self.child(key).value is True

    def integer(self, key: str) -> int | None:
        """A map's entry that is a whole number."""
        value = self.child(key).value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def number(self, key: str) -> int | float | None:
        """A map's entry that is a number."""
        value = self.child(key).value
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """A map's entry that is a list of texts (or one text)."""
        return self.child(key).texts_of()

    def texts_of(self) -> tuple[str, ...]:
        """The texts of a list of texts (or of one text)."""
        if isinstance(self.value, str):
            return (self.value,)
        return tuple(n.value for n in self.elements() if isinstance(n.value, str))

    def plain(self) -> Any:
        """The value as plain dicts and lists, in the file's order."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def sorted_plain(self) -> Any:
        """The value as plain dicts and lists, maps in the order of their keys."""
        if isinstance(self.value, dict):
            return {key: node.sorted_plain() for key, node in sorted(self.value.items())}
        if isinstance(self.value, list):
            return [node.sorted_plain() for node in self.value]
        return self.value


def kind_of(node: Node) -> str:
    """What a value is, in the words of the error messages."""
    value = node.value
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "null" if value is None else "text"
