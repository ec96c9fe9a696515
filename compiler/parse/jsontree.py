"""JSON text → located tree. The standard library's reader gives no places."""

from __future__ import annotations

import json
import re
from bisect import bisect_right

from compiler.parse.node import Node, Scalar
from compiler.parse.yamltree import MOST_DEPTH
from compiler.source import File, Report, Span

_TOKEN = re.compile(
    r'[ \t\r\n]*(?:(?P<mark>[{}\[\]:,])|(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<word>true|false|null))"
)
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None}
_MOST_DIGITS = 400


class _Stop(Exception):
    """The file cannot be read on; the error is reported."""


def parse_json(file: File, report: Report) -> Node | None:
    """The file's one value, or None after reporting why there is none."""
    try:
        return _Reader(file, report).read()
    except _Stop:
        return None


class _Reader:
    """One pass over the tokens."""

    def __init__(self, file: File, report: Report) -> None:
        self.file = file
        self.report = report
        self.lines = [0] + [m.end() for m in re.finditer("\n", file.text)]
        self.at = 0

    def place(self, position: int) -> Span:
        line = bisect_right(self.lines, position)
        return self.file.span(line, position - self.lines[line - 1] + 1)

    def stop(self, position: int, message: str, code: str = "json-syntax") -> _Stop:
        self.report.add(self.place(position), code, message)
        return _Stop()

    def token(self, expected: str) -> tuple[str, str, int]:
        match = _TOKEN.match(self.file.text, self.at)
        if match is None:
            text = self.file.text
            rest = text[self.at :].lstrip(" \t\r\n")
            found = repr(rest[0]) if rest else "the end of the file"
            if rest.startswith('"'):
                found = "a text that does not end, or that has a line break or a wrong escape"
            raise self.stop(len(text) - len(rest), f"expected {expected}, found {found}")
        self.at = match.end()
        kind = match.lastgroup or ""
        return kind, match[kind], match.start(kind)

    def read(self) -> Node:
        root = self.value(0)
        rest = self.file.text[self.at :].lstrip(" \t\r\n")
        if rest:
            raise self.stop(len(self.file.text) - len(rest), "text after the end of the value")
        return root

    def value(self, depth: int) -> Node:
        kind, text, position = self.token("a value")
        if kind == "mark" and text in "{[":
            if depth >= MOST_DEPTH:
                raise self.stop(position, f"nested deeper than {MOST_DEPTH} levels", "too-deep")
            return self.map(position, depth) if text == "{" else self.list(position, depth)
        if kind == "mark":
            raise self.stop(position, f"expected a value, found {text!r}")
        return self.node(position, self.scalar(kind, text, position))

    def node(self, position: int, value: object) -> Node:
        place = self.place(position)
        return Node(self.file, place.line, place.column, value)

    def scalar(self, kind: str, text: str, position: int) -> Scalar:
        if kind == "word":
            return _WORDS[text]
        if kind == "number":
            if len(text) > _MOST_DIGITS or abs(float(text)) == float("inf"):
                raise self.stop(position, "too large for a number")
            number: Scalar = json.loads(text)
            return number
        try:
            string: str = json.loads(text)
            string.encode()
        except ValueError:
            raise self.stop(position, "an escape that JSON does not have") from None
        return string

    def map(self, position: int, depth: int) -> Node:
        entries: dict[str, Node] = {}
        kind, text, at = self.token("a key or '}'")
        while text != "}" or kind != "mark":
            if kind != "string":
                raise self.stop(at, f"expected a key, found {text!r}")
            name = str(self.scalar(kind, text, at))
            self.expect(":")
            value = self.value(depth + 1)
            key = self.place(at)
            if name in entries:
                self.report.add(
                    key, "duplicate-key", f"{name!r} stands already at {entries[name].key}"
                )
            else:
                value.key_line, value.key_column = key.line, key.column
                entries[name] = value
            if self.expect(",}") == "}":
                break
            kind, text, at = self.token("a key")
            if kind == "mark":
                raise self.stop(at, f"expected a key, found {text!r}")
        return self.node(position, entries)

    def list(self, position: int, depth: int) -> Node:
        elements: list[Node] = []
        before = self.at
        kind, text, _ = self.token("a value or ']'")
        if kind == "mark" and text == "]":
            return self.node(position, elements)
        self.at = before
        while True:
            elements.append(self.value(depth + 1))
            if self.expect(",]") == "]":
                return self.node(position, elements)

    def expect(self, marks: str) -> str:
        wanted = " or ".join(repr(mark) for mark in marks)
        kind, text, position = self.token(wanted)
        if kind != "mark" or text not in marks:
            raise self.stop(position, f"expected {wanted}, found {text!r}")
        return text
