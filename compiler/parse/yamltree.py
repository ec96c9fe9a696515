"""YAML text → located tree, with the scalars of YAML 1.2 (`no` is text, `2026-01-01` too).

Built from the C parser's events rather than its nodes: an own stack cannot overflow, and an alias
keeps the place of its anchor.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from compiler.parse.node import Node, Scalar
from compiler.source import File, Report, Span

# Deep enough for any spec, shallow enough for recursive readers.
MOST_DEPTH = 100
# A few kilobytes of nested aliases can stand for billions of nodes.
MOST_ALIASED = 100_000

_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INFINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
# Longer than any number that a spec means; also, int() refuses more than 4300 digits.
_MOST_DIGITS = 400
_TAG = "tag:yaml.org,2002:"


class _Stop(Exception):
    """The file cannot be read on; the error is reported."""


def parse_yaml(file: File, report: Report) -> Node | None:
    """The file's one document, or None after reporting why there is none."""
    try:
        return _Builder(file, report).build()
    except _Stop:
        return None
    except yaml.YAMLError as error:
        _report_syntax(file, report, error)
        return None


def _report_syntax(file: File, report: Report, error: yaml.YAMLError) -> None:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    place = file.span(mark.line + 1, mark.column + 1) if mark else file.start
    if isinstance(error, yaml.reader.ReaderError):
        place = _place_of(file, error.position)
        problem = "a character that YAML does not allow"
    report.add(place, "yaml-syntax", str(problem))


def _place_of(file: File, position: Any) -> Span:
    if not isinstance(position, int):
        return file.start
    before = file.text.encode()[: max(position, 0)].decode(errors="ignore")
    return file.span(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


class _Builder:
    """One pass over the events. `stack` holds the open collections."""

    def __init__(self, file: File, report: Report) -> None:
        self.file = file
        self.report = report
        self.stack: list[tuple[Node, list[Node], str | None]] = []
        self.anchors: dict[str, Node] = {}
        self.aliased = 0

    def stop(self, span: Span, code: str, message: str) -> _Stop:
        self.report.add(span, code, message)
        return _Stop()

    def build(self) -> Node | None:
        root: Node | None = None
        documents = 0
        parser = yaml.CSafeLoader(self.file.text)
        while (event := parser.get_event()) is not None:
            node = None
            if isinstance(event, ScalarEvent):
                node = self.scalar(event)
                self.anchor(event, node)
            elif isinstance(event, MappingStartEvent | SequenceStartEvent):
                self.open(event)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                node = self.close()
            elif isinstance(event, AliasEvent):
                node = self.alias(event)
            elif isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    place = self.node(event, None).span
                    raise self.stop(place, "yaml-documents", "a second document in the file")
            if node is not None:
                if self.stack:
                    self.stack[-1][1].append(node)
                else:
                    root = node
        if root is None:
            raise self.stop(self.file.start, "yaml-empty", "the file holds no document")
        return root

    def node(self, event: Any, value: Any) -> Node:
        mark = event.start_mark
        return Node(self.file, mark.line + 1, mark.column + 1, value)

    def anchor(self, event: Any, node: Node) -> None:
        if event.anchor:
            self.anchors[event.anchor] = node

    def open(self, event: Any) -> None:
        mapping = isinstance(event, MappingStartEvent)
        node = self.node(event, {} if mapping else [])
        if len(self.stack) >= MOST_DEPTH:
            raise self.stop(node.span, "too-deep", f"nested deeper than {MOST_DEPTH} levels")
        if event.tag and event.tag != _TAG + ("map" if mapping else "seq"):
            self.report.add(node.span, "yaml-tag", f"the tag {event.tag} is not supported")
        self.stack.append((node, [], event.anchor))

    def close(self) -> Node:
        node, children, anchor = self.stack.pop()
        node.size = 1 + sum(child.size for child in children)
        node.depth = 1 + max((child.depth for child in children), default=0)
        if isinstance(node.value, dict):
            self.fill(node.value, children)
        else:
            node.value = children
        if anchor:
            self.anchors[anchor] = node
        return node

    def alias(self, event: AliasEvent) -> Node:
        here = self.node(event, None)
        name = str(event.anchor)
        if any(anchor == name for _, _, anchor in self.stack):
            raise self.stop(here.span, "yaml-alias", f"*{name} stands inside its own anchor")
        target = self.anchors.get(name)
        if target is None:
            raise self.stop(here.span, "yaml-alias", f"*{name} has no anchor before it")
        self.aliased += target.size
        if self.aliased > MOST_ALIASED:
            raise self.stop(
                here.span, "yaml-alias", f"aliases stand for more than {MOST_ALIASED} nodes"
            )
        if len(self.stack) + target.depth > MOST_DEPTH:
            raise self.stop(here.span, "too-deep", f"nested deeper than {MOST_DEPTH} levels")
        # A node of its own, as it has a key of its own; what is below is shared.
        copy = Node(self.file, target.line, target.column, target.value)
        copy.size, copy.depth = target.size, target.depth
        return copy

    def fill(self, entries: dict[str, Node], children: list[Node]) -> None:
        merged: list[Node] = []
        places: dict[str, Span] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if key.value == "<<":
                merged += value.elements() if isinstance(value.value, list) else [value]
                continue
            name = self.key(key)
            if name is None:
                continue
            if name in entries:
                self.report.add(
                    key.span, "duplicate-key", f"{name!r} stands already at {places[name]}"
                )
                continue
            value.key_line, value.key_column = key.line, key.column
            entries[name] = value
            places[name] = key.span
        for node in merged:
            if not isinstance(node.value, dict):
                self.report.add(node.span, "yaml-merge", "<< takes a map or a list of maps")
            for name, value in node.items():
                entries.setdefault(name, value)

    def key(self, key: Node) -> str | None:
        if isinstance(key.value, str):
            return key.value
        if isinstance(key.value, int) and not isinstance(key.value, bool):
            # Status codes are often written without quotes.
            return str(key.value)
        self.report.add(key.span, "yaml-key", "a key must be text: put it in quotes")
        return None

    def scalar(self, event: ScalarEvent) -> Node:
        node = self.node(event, event.value)
        text = event.value
        tag = event.tag
        if tag and tag not in ("!", _TAG + "str"):
            plain = self.plain(node, text)
            if tag not in (_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"):
                self.report.add(node.span, "yaml-tag", f"the tag {tag} is not supported")
            node.value = plain
        elif event.implicit[0] and not tag:
            node.value = self.plain(node, text)
        return node

    def plain(self, node: Node, text: str) -> Scalar:
        if text in _WORDS:
            word: Scalar = _WORDS[text]
            return word
        if text[0] not in "+-.0123456789":
            return text
        if len(text) > _MOST_DIGITS:
            return text
        if _INT.match(text):
            return int(text)
        if _OCTAL.match(text):
            return int(text[2:], 8)
        if _HEX.match(text):
            return int(text, 16)
        if _FLOAT.match(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                self.report.add(node.span, "yaml-number", f"{text} is too large for a number")
                return 0
            return number
        if _INFINITE.match(text):
            self.report.add(node.span, "yaml-number", f"{text} is not a number that JSON has")
            return 0
        return text
