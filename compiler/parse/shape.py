"""Checks a located tree against a table of what may stand where; reports each difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from compiler.naming import nearest
from compiler.parse.node import Node, kind_of
from compiler.source import Report


@dataclass(frozen=True)
class Text:
    """Text; one of `choices` where there are any."""

    choices: tuple[str, ...] = ()
    empty: bool = False
    name = "text"


@dataclass(frozen=True)
class Flag:
    """true or false."""

    name = "true or false"


@dataclass(frozen=True)
class Number:
    """A number; `whole` means an integer; `least` is the smallest."""

    whole: bool = False
    least: float | None = None
    above: float | None = None

    @property
    def name(self) -> str:
        return "a whole number" if self.whole else "a number"


@dataclass(frozen=True)
class Anything:
    """Any value."""

    name = "a value"


@dataclass(frozen=True)
class ListOf:
    """A list."""

    element: Want
    least: int = 0
    name = "a list"


@dataclass(frozen=True)
class MapOf:
    """A map with free keys."""

    value: Want
    least: int = 0
    name = "a map"


@dataclass(frozen=True)
class Named:
    """A row of the table, for what contains itself."""

    row: str

    @property
    def name(self) -> str:
        return "a map"


@dataclass(frozen=True)
class Either:
    """The first of these that is of the value's kind."""

    wants: tuple[Want, ...]

    @property
    def name(self) -> str:
        return " or ".join(want.name for want in self.wants)


@dataclass(frozen=True)
class Record:
    """A map with known keys. `what` names it in messages. `ref`: a `$ref` may stand in its place.
    `loose`: keys that may stand beside a `$ref`."""

    what: str
    required: Mapping[str, Want] = field(default_factory=dict)
    optional: Mapping[str, Want] = field(default_factory=dict)
    ref: bool = False
    loose: frozenset[str] = frozenset(("description", "summary"))
    name = "a map"


Want = Text | Flag | Number | Anything | ListOf | MapOf | Named | Either | Record
TEXT = Text(empty=True)
NAME = Text()
FLAG = Flag()
NUMBER = Number()
SIZE = Number(whole=True, least=0)
ANY = Anything()
TEXTS = ListOf(NAME)


class Shape:
    """A table of records; how a `$ref` is followed, as its target is held to what is wanted at the
    reference; and the strictness: whether unknown `x-` keys are refused."""

    def __init__(
        self,
        table: Mapping[str, Want],
        report: Report,
        follow: Callable[[Node], Node | None],
        *,
        strict: bool,
    ) -> None:
        self.table = table
        self.report = report
        self.follow = follow
        self.strict = strict
        self.checked: set[tuple[int, str]] = set()

    def check(self, node: Node, want: Want) -> None:
        """Reports every place of `node` that is not as `want` has it."""
        if isinstance(want, Named):
            if (id(node), want.row) in self.checked:
                return
            self.checked.add((id(node), want.row))
            row, want = want, self.table[want.row]
            if isinstance(want, Record) and want.ref and node.get("$ref") is not None:
                self.reference(node, want)
                target = self.follow(node) if isinstance(node.child("$ref").value, str) else None
                if target is not None:
                    self.check(target, row)
                return
        if isinstance(want, Either):
            chosen = next((one for one in want.wants if self.is_kind(node, one)), None)
            if chosen is None:
                self.wrong(node, want)
                return
            want = chosen
        if isinstance(want, Anything):
            return
        if not self.is_kind(node, want):
            self.wrong(node, want)
        elif isinstance(want, Record):
            self.record(node, want)
        elif isinstance(want, ListOf):
            if len(node.elements()) < want.least:
                self.report.add(node.span, "empty", f"needs at least {want.least} element")
            for element in node.elements():
                self.check(element, want.element)
        elif isinstance(want, MapOf):
            if want.least and not node.value:
                self.report.add(node.key, "empty", f"needs at least {want.least} entry")
            for _, value in node.items():
                self.check(value, want.value)
        else:
            self.scalar(node, want)

    def is_kind(self, node: Node, want: Want) -> bool:
        """Whether the value is of the kind, whatever is in it."""
        value = node.value
        if isinstance(want, Named):
            want = self.table[want.row]
        if isinstance(want, Record | MapOf):
            return isinstance(value, dict)
        if isinstance(want, ListOf):
            return isinstance(value, list)
        if isinstance(want, Flag):
            return isinstance(value, bool)
        if isinstance(want, Text):
            return isinstance(value, str)
        if isinstance(want, Number):
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return not want.whole or isinstance(value, int) or value.is_integer()
        return True

    def wrong(self, node: Node, want: Want) -> None:
        """Reports a value of another kind."""
        found = kind_of(node)
        shown = f" {node.value!r}" if isinstance(node.value, str) and len(node.value) < 40 else ""
        hint = ": put it in quotes" if isinstance(want, Text) and found == "a number" else ""
        message = f"expected {want.name}, found {found}{shown}{hint}"
        self.report.add(node.span, "wrong-kind", message)

    def scalar(self, node: Node, want: Text | Flag | Number | Either | Named) -> None:
        """Checks what is in a value of the right kind."""
        value = node.value
        if isinstance(want, Text):
            if want.choices and value not in want.choices:
                message = f"{value!r} is none of {', '.join(want.choices)}"
                self.report.add(node.span, "bad-value", message)
            elif not value and not want.empty and not want.choices:
                self.report.add(node.span, "bad-value", "the text is empty")
        elif isinstance(want, Number) and isinstance(value, int | float):
            if want.least is not None and value < want.least:
                self.report.add(node.span, "bad-value", f"{value} is below {want.least:g}")
            elif want.above is not None and value <= want.above:
                self.report.add(node.span, "bad-value", f"{value} is not above {want.above:g}")

    def record(self, node: Node, want: Record) -> None:
        """Checks a map with known keys."""
        for key, value in node.items():
            known = want.required.get(key) or want.optional.get(key)
            if known is not None:
                self.check(value, known)
            elif not key.startswith("x-") or self.strict:
                options = [*want.required, *want.optional]
                message = f"{key!r} is not known in {want.what}{nearest(key, options)}"
                self.report.add(value.key, "unknown-key", message)
        for key in sorted(want.required):
            if node.get(key) is None:
                self.report.add(node.key, "missing-key", f"{want.what} needs {key!r}")

    def reference(self, node: Node, want: Record) -> None:
        """Checks a map that refers to another place."""
        for key, value in node.items():
            if key == "$ref":
                self.check(value, NAME)
            elif key not in want.loose and (self.strict or not key.startswith("x-")):
                message = f"{key!r} has no effect beside a $ref; put the $ref into an allOf"
                self.report.add(value.key, "ref-sibling", message)
