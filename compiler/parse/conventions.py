"""The `x-` keys beside an operation."""

from __future__ import annotations

from compiler.ir import Access, Listing, Rate
from compiler.parse.node import Node
from compiler.parse.openapi_shape import PROTOCOLS
from compiler.source import Report


class Conventions:
    """Reads them; whether they make sense the linker tells."""

    def __init__(self, report: Report, node: Node) -> None:
        self.report = report
        self.node = node

    def access(self) -> tuple[Access, ...]:
        """`x-access`: one rule, or several that all hold."""
        stated = self.node.child("x-access")
        rules = stated.elements() or ([stated] if isinstance(stated.value, dict) else [])
        return tuple(
            Access(rule.text("resource"), rule.text("argument"), rule.text("least"), rule.span)
            for rule in rules
        )

    def rate(self) -> Rate:
        """`x-rate`."""
        node = self.node.child("x-rate")
        usual = Rate()
        return Rate(
            node.text("policy", usual.policy),
            node.integer("limit") or usual.limit,
            node.integer("window") or usual.window,
            tuple(sorted(set(node.texts("by")))) or usual.by,
        )

    def listing(self) -> Listing | None:
        """`x-list`."""
        node = self.node.get("x-list")
        if node is None:
            return None
        filters = []
        for argument, row in node.child("filters").items():
            short = isinstance(row.value, str)
            field = str(row.value) if short else row.text("field")
            filters.append((argument, field, "eq" if short else row.text("op")))
        return Listing(
            node.text("entity"), node.texts("sort"), node.text("default"), tuple(filters), node.key
        )

    def left_out(self) -> tuple[tuple[str, str], ...]:
        """`x-protocols`: (protocol, reason)."""
        rows = []
        for protocol, reason in self.node.child("x-protocols").items():
            if protocol not in PROTOCOLS:
                message = f"{protocol!r} is none of {', '.join(PROTOCOLS)}"
                self.report.add(reason.key, "unknown-protocol", message)
            rows.append((protocol, str(reason.value)))
        return tuple(rows)
