"""The tables of an OpenAPI document: problems, roles, resources, security schemes, decimals."""

from __future__ import annotations

import re
from dataclasses import dataclass

from compiler import naming
from compiler.ir import Problem, Resource, Role, Security, Type
from compiler.parse.node import Node
from compiler.parse.refs import Refs
from compiler.source import Report


@dataclass
class Tables:
    """Reads them."""

    root: Node
    refs: Refs
    report: Report

    def security(self) -> dict[str, Security]:
        """`components.securitySchemes`, by name."""
        found: dict[str, Security] = {}
        for name, stated in self.root.child("components").child("securitySchemes").items():
            node = self.refs.follow(stated)
            if node is None:
                continue
            kind = node.text("type")
            if kind == "http" and node.text("scheme").lower() != "bearer":
                message = f"the http scheme {node.text('scheme')!r} cannot be compiled, bearer can"
                self.report.add(stated.key, "unsupported-security", message)
            if kind == "apiKey":
                row = Security(name, "apiKey", stated.key, node.text("in"), node.text("name"))
            else:
                row = Security(name, "bearer", stated.key)
            found[name] = row
        return found

    def decimals(self, node: Node, type: Type) -> tuple[tuple[str, int], ...]:
        """`x-decimals`: how many decimals an amount in each currency has."""
        stated = node.get("x-decimals")
        if stated is None:
            return ()
        usual = stated.integer("default")
        if usual is None:
            self.report.add(stated.key, "bad-decimals", "x-decimals needs a number as 'default'")
        found = {str(value): usual or 0 for value in type.enum}
        for digits, listed in stated.items():
            if digits == "default":
                continue
            if not re.fullmatch("[0-9]", digits):
                self.report.add(listed.key, "bad-decimals", f"{digits!r} is no number of decimals")
                continue
            for element in listed.elements():
                if str(element.value) not in found:
                    message = f"{element.value!r} is none of the enum's values"
                    self.report.add(element.span, "bad-decimals", message)
                found[str(element.value)] = int(digits)
        return tuple(sorted(found.items()))

    def problems(self) -> tuple[Problem, ...]:
        """`x-problems`."""
        rows = dict(self.root.child("x-problems").items())
        classes = naming.unique(rows, lambda code: naming.class_name(naming.pascal(code)))
        return tuple(
            Problem(
                code,
                classes[code],
                node.integer("status") or 500,
                node.text("grpc"),
                node.text("graphql"),
                node.text("title"),
                node.key,
            )
            for code, node in rows.items()
        )

    def roles(self) -> tuple[Role, ...]:
        """`x-roles`, each with the scopes of those that it includes."""
        rows = dict(self.root.child("x-roles").items())

        def scopes(name: str, above: tuple[str, ...]) -> set[str]:
            found = set(rows[name].texts("scopes"))
            for element in rows[name].child("includes").elements():
                other = str(element.value)
                if other not in rows:
                    message = f"there is no role {other!r}{naming.nearest(other, rows)}"
                    self.report.add(element.span, "unknown-role", message)
                elif other in above:
                    message = f"the role {other!r} includes itself"
                    self.report.add(element.span, "unknown-role", message)
                else:
                    found |= scopes(other, (*above, other))
            return found

        return tuple(
            Role(name, tuple(sorted(scopes(name, (name,)))), node.key)
            for name, node in rows.items()
        )

    def resources(self) -> tuple[Resource, ...]:
        """`x-resources`."""
        return tuple(
            Resource(name, node.text("service"), node.texts("levels"), node.key)
            for name, node in self.root.child("x-resources").items()
        )
