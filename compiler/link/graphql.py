"""Holds schema.graphql to OpenAPI: the same operations, arguments, results, types, bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, cast

from compiler import naming
from compiler.ir import GraphField, Operation, Type
from compiler.link.arguments import Argument, arguments, gives_raw, result, takes_raw
from compiler.link.graphql_types import GraphTypes
from compiler.link.types import Known
from compiler.parse.graphql import Graph, GraphMember, GraphType
from compiler.source import Report

Root = Literal["query", "mutation", "subscription"]


@dataclass
class GraphLinker:
    """Finds each operation's fields, and reports where they say something else."""

    graph: Graph
    known: Known
    operations: dict[str, Operation]
    report: Report
    found: dict[str, list[GraphField]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.types = GraphTypes(self.graph, self.known, self.report)

    def link(self) -> dict[str, tuple[GraphField, ...]]:
        """Operation id → its fields."""
        roots = {name: root for root, name in self.graph.roots.items()}
        for name, type in self.graph.types.items():
            if type.kind != "object":
                continue
            for member in type.members:
                if name in roots:
                    self._root_field(cast(Root, roots[name]), member)
                elif member.operation is not None:
                    self._nested(type, member)
        for operation in self.operations.values():
            self._complete(operation)
        self.types.unused()
        return {id: tuple(sorted(rows, key=lambda row: (row.root, row.owner, row.name)))
                for id, rows in self.found.items()}  # fmt: skip

    # ---- operations

    def _named(self, label: str, member: GraphMember) -> Operation | None:
        """The operation that a field says it is."""
        if member.operation is None:
            self.report.add(member.span, "no-operation", f"{label} has no @operation")
            return None
        operation = self.operations.get(member.operation)
        if operation is None:
            near = naming.nearest(member.operation, self.operations)
            message = f"{label}: there is no operation {member.operation!r}{near}"
            self.report.add(member.span, "unknown-operation", message)
            return None
        reason = dict(operation.left_out).get("graphql")
        if reason is not None:
            message = f"{label} is here, but {operation.span} leaves it out: {reason}"
            self.report.add(member.span, "left-out", message)
        return operation

    def _root_field(self, root: Root, member: GraphMember) -> None:
        label = f"{self.graph.roots[root]}.{member.name}"
        operation = self._named(label, member)
        if operation is None or operation.rest is None:
            return
        wanted = "query" if operation.rest.method == "GET" else "mutation"
        # A POST that asks only, such as a search, is a query; what takes a key is a write.
        free = operation.rest.method == "POST" and not (operation.idempotent or operation.emits)
        if root != wanted and root != "subscription" and not (free and root == "query"):
            message = f"{label} is a {root} but {operation.rest.method} at {operation.rest.span}"
            self.report.add(member.span, "wrong-root", message)
        if root != "subscription" and (takes_raw(operation) or gives_raw(operation)):
            message = f"{label} is a file at {operation.rest.span}, which GraphQL cannot say"
            self.report.add(member.span, "raw-content", message)
            return
        if root == "subscription":
            gives: Any = self._compare_event(label, member, operation)
        else:
            gives = self._compare_result(label, member, operation)
            place = operation.rest.span
            self.types.compare_required(label, member, True, place)
        named = self._compare_arguments(label, member, operation, root)
        self._keep(operation, root, member, gives, named)

    def _nested(self, type: GraphType, member: GraphMember) -> None:
        label = f"{type.name}.{member.name}"
        operation = self._named(label, member)
        if operation is None:
            return
        parent = member.parent or ""
        own = {one.name: one for one in type.members if one.operation is None}
        if parent not in own:
            message = f"{label} needs parent: a field of {type.name}{naming.nearest(parent, own)}"
            self.report.add(member.span, "unknown-parent", message)
        self._compare_parent(label, type.name, member, operation)
        gives = self._compare_result(label, member, operation)
        named = self._compare_arguments(label, member, operation, "query", nested=True)
        self._keep(operation, "query", member, gives, named, owner=type.name)

    def _compare_parent(
        self, label: str, owner: str, member: GraphMember, operation: Operation
    ) -> None:
        """The parent's field is what the operation takes as `id`."""
        asked = next((row for row in arguments(operation) if row.graphql == "id"), None)
        if asked is None:
            message = f"{label}: {operation.id} has no argument id, which the parent could give"
            self.report.add(member.span, "unknown-parent", message)
            return
        schema = self.known.schemas.get(owner)
        given = self.known.fields(schema.type).get(member.parent or "") if schema else None
        if given is not None and self.known.name(given.type) != self.known.name(asked.type):
            message = f"{label} gives {given.name} at {given.span} for the id at {asked.span}"
            self.report.add(member.span, "type-mismatch", message)

    def _keep(
        self,
        operation: Operation,
        root: Root,
        member: GraphMember,
        gives: Any,
        named: tuple[tuple[str, str], ...],
        owner: str = "",
    ) -> None:
        row = GraphField(
            root, member.name, member.span, named, gives, member.type, owner, member.parent or ""
        )
        self.found.setdefault(operation.id, []).append(row)

    def _complete(self, operation: Operation) -> None:
        """Every operation has its fields, a list operation both of them."""
        rows = [r for r in self.found.get(operation.id, ()) if not r.owner]
        real = [row for row in rows if row.root != "subscription"]
        streams = operation.rest is not None and gives_raw(operation) and bool(rows)
        if "graphql" not in dict(operation.left_out) and not real and not streams:
            message = f"{operation.id} has no field in GraphQL, and no x-protocols that says why"
            self.report.add(operation.span, "missing-operation", message)
        if operation.listing is None or not real:
            return
        for gives in ("items", "page"):
            count = sum(row.gives == gives for row in real)
            if count != 1:
                what = "the page's items" if gives == "items" else "the page"
                message = f"{operation.id} needs one field that gives {what}, {count} do"
                self.report.add(real[0].span, "page-twin", message)

    # ---- arguments and results

    def _compare_arguments(
        self,
        label: str,
        member: GraphMember,
        operation: Operation,
        root: Root,
        nested: bool = False,
    ) -> tuple[tuple[str, str], ...]:
        here = {argument.name: argument for argument in member.arguments}
        there = {argument.graphql: argument for argument in arguments(operation)}
        if nested:
            there.pop("id", None)
        # A subscription takes what says what to watch; how to page through it is no concern of it.
        partial = root == "subscription" and not gives_raw(operation)
        for name in sorted(there.keys() - here.keys()):
            if partial and not there[name].required:
                continue
            message = f"{label} lacks the argument {name}, which is at {there[name].span}"
            self.report.add(member.span, "missing-argument", message)
        for name in sorted(here.keys() - there.keys()):
            place = operation.rest.span if operation.rest else operation.span
            message = f"{label} has the argument {name}, which is not at {place}"
            self.report.add(here[name].span, "unknown-argument", message)
        named = []
        for name in sorted(here.keys() & there.keys()):
            self._compare_argument(f"{label}({name})", here[name], there[name])
            named.append((name, there[name].target))
        return tuple(named)

    def _compare_argument(self, label: str, here: GraphMember, there: Argument) -> None:
        self.types.compare(label, here, there.type, there.span, side="input")
        required = there.required and not there.has_default
        self.types.compare_required(
            label, here, required and not self.known.nullable(there.type), there.span
        )
        self.types.compare_default(
            label, here, there.type, there.default, there.has_default, there.span
        )

    def _compare_result(self, label: str, member: GraphMember, operation: Operation) -> str:
        type = result(operation)
        place = operation.rest.span if operation.rest else operation.span
        if type is None:
            if member.type != "Boolean!":
                message = f"{label} is {member.type} here but without content at {place}: Boolean!"
                self.report.add(member.span, "type-mismatch", message)
            return "result"
        gives = "result"
        if operation.listing is not None:
            items = self.known.fields(type).get("items")
            gives = "items" if member.type.startswith("[") else "page"
            if gives == "items" and items is not None:
                item = self.known.real(items.type).item
                # The bounds are the page's: here they would say the same of the answer.
                names = self.types.names(item, "output") if item else ()
                wanted = f"[{names[0]}!]" if names else "no list that GraphQL can say"
                if member.type.rstrip("!") != wanted:
                    message = f"{label} is {member.type} here but {wanted} at {items.span}"
                    self.report.add(member.span, "type-mismatch", message)
                elif item:
                    self.types.compare_named(item, "output")
                type = None
        if type is not None:
            self.types.compare(label, member, type, type.span, side="output")
        return gives

    def _compare_event(self, label: str, member: GraphMember, operation: Operation) -> str:
        """A subscription gives the operation's result, or an item of its page, again and again."""
        type = result(operation)
        if type is not None and operation.listing is not None:
            items = self.known.fields(type).get("items")
            type = self.known.real(items.type).item if items else None
        if type is None:
            schema = self.known.schemas.get(member.named)
            if schema is None:
                message = f"{label}: there is no schema {member.named!r}"
                self.report.add(member.span, "unknown-type", message)
                return "event"
            type = Type("ref", schema.span, ref=schema.name)
        self.types.compare(label, member, type, type.span, side="output")
        return "event"
