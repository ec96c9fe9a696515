"""OpenAPI schema objects → types."""

from __future__ import annotations

from dataclasses import dataclass, replace

from compiler import naming
from compiler.ir import Field, Kind, Type
from compiler.parse.cycles import endless
from compiler.parse.deep import Deep, component
from compiler.parse.keywords import Keywords
from compiler.parse.merge import Conflict, merge
from compiler.parse.node import Node
from compiler.parse.refs import Refs
from compiler.parse.schema_checks import SchemaChecks
from compiler.parse.schema_shape import ANNOTATIONS
from compiler.parse.tags import tagged, written_tags
from compiler.parse.values import canonical
from compiler.source import Report

# What a schema says that is not its type: of the property, or of how it is shown or kept.
_ASIDE = ANNOTATIONS | {
    "$comment", "$ref", "allOf", "anyOf", "contentEncoding", "contentMediaType", "default",
    "discriminator", "nullable", "oneOf", "readOnly", "writeOnly",
}  # fmt: skip


@dataclass
class Schemas:
    """The schemas of one document. `strict`: it is ours, so sloppiness is an error too."""

    root: Node
    refs: Refs
    report: Report
    strict: bool
    modern: bool

    def __post_init__(self) -> None:
        self.nodes: dict[str, Node] = dict(self.root.child("components").child("schemas").items())
        self.types: dict[str, Type] = {}
        self.keywords = Keywords(self.report, self.strict, self.modern)
        self.reading: set[str] = set()
        # By node: responses and parameters are shared by many operations.
        self.seen: dict[int, Type] = {}
        self.defaults: list[tuple[Node, Type]] = []
        self.examples: list[tuple[Node, Type]] = []
        self.unions: list[tuple[Node, Type]] = []
        self.repeats: list[tuple[Node, Type, str]] = []
        self.deep = Deep(self.root, self.nodes)
        starts = [*self.nodes.values(), *self.deep.targets]
        circles = {id(node): Type("any", node.span) for node in endless(starts, self.refs)}
        self.seen |= circles
        self.types |= {
            n: circles[id(node)] for n, node in self.nodes.items() if id(node) in circles
        }

    def named(self, name: str) -> Type:
        """The type of the schema called `name`; anything where there is none, which is reported."""
        if name not in self.types:
            node = self.nodes.get(name)
            if node is None:
                return Type("any", self.root.span)
            if name in self.reading:
                message = f"merging {name} asks for {name} merged: take the property apart"
                self.report.add(node.key, "ref-cycle", message)
                return Type("any", node.span)
            self.reading.add(name)
            self.types[name] = self.read(node)
            self.reading.discard(name)
        return self.types[name]

    def expand(self, type: Type) -> Type:
        """What `type` stands for when it is a name."""
        nullable = type.nullable
        seen: set[str] = set()
        while type.kind == "ref" and type.ref is not None and type.ref not in seen:
            seen.add(type.ref)
            type = self.named(type.ref)
            nullable = nullable or type.nullable
        return replace(type, nullable=nullable) if type.nullable != nullable else type

    def of(self, node: Node) -> Type:
        """The type that a place uses: a name, or the schema that stands there."""
        if id(node) not in self.seen:
            name = self.deep.name(node)
            named = Type("ref", node.span, ref=name) if name is not None else None
            self.seen[id(node)] = named or self.read(node)
        return self.seen[id(node)]

    def read(self, node: Node) -> Type:
        """The type that stands at `node`."""
        type = self._whole(node)
        if self.strict and node.get("example") is not None:
            self.examples.append((node.child("example"), type))
        return type

    def _whole(self, node: Node) -> Type:
        parts: list[Type] = []
        if node.get("$ref") is not None:
            reference = self._reference(node)
            if not self.modern or not (node.value_keys() - ANNOTATIONS - {"$ref"}):
                return reference
            parts.append(reference)
        if node.get("not") is not None:
            self.report.add(node.child("not").key, "unsupported", "`not` cannot be compiled")
        parts += [self.of(element) for element in node.child("allOf").elements()]
        own = {key for key in node.value_keys() - _ASIDE if not key.startswith("x-")}
        if node.get("x-type") is not None:
            parts.append(self._repeated(node))
        elif own:
            parts.append(self._plain(node))
        for key in ("oneOf", "anyOf"):
            if node.get(key) is not None:
                parts.append(self._union(node, key))
        nullable = node.flag("nullable") and not self.modern
        if not parts:
            return Type("any", node.span, nullable=nullable)
        if len(parts) == 1:
            only = parts[0]
            if only.kind == "ref":
                only = replace(only, span=node.span)
            return replace(only, nullable=only.nullable or nullable)
        try:
            merged = merge(parts, node.span, self.expand)
        except Conflict as conflict:
            self.report.add(node.key, "all-of-conflict", str(conflict))
            return Type("any", node.span)
        return replace(merged, nullable=merged.nullable or nullable)

    def _reference(self, node: Node) -> Type:
        if self.refs.follow(node) is None:
            return Type("any", node.span)
        name = component(node.text("$ref"))
        if name is not None:
            return Type("ref", node.span, ref=name)
        target = self.refs.target(node)
        if target is None:
            return Type("any", node.span)
        return replace(self.of(target), span=node.span)

    def _repeated(self, node: Node) -> Type:
        """`x-type`: the place repeats a named schema, because in 3.0 no `$ref` can be nullable."""
        name = node.text("x-type")
        if name not in self.nodes:
            message = f"there is no schema {name!r}{naming.nearest(name, self.nodes)}"
            self.report.add(node.child("x-type").span, "unknown-schema", message)
            return self._plain(node)
        self.repeats.append((node, self._plain(node), name))
        return Type("ref", node.span, ref=name)

    def _union(self, node: Node, key: str) -> Type:
        members = [self.of(element) for element in node.child(key).elements()]
        real = tuple(member for member in members if member.enum != (None,))
        nullable = len(real) < len(members)
        if len(real) == 1 and node.get("discriminator") is None:
            return replace(real[0], nullable=real[0].nullable or nullable)
        place = node.child(key).span
        found = node.get("discriminator")
        property_name = found.text("propertyName") if found else None
        mapping = written_tags(found) if found else ()
        union = Type(
            "union",
            place,
            members=real,
            nullable=nullable,
            discriminator=property_name,
            mapping=mapping,
            exclusive=key == "oneOf",
        )
        if found:
            union = tagged(found, union, self.report)
            self.unions.append((found, union))
        return union

    # ---- one schema's own keywords

    def _plain(self, node: Node) -> Type:
        kinds, nullable = self.keywords.kinds(node)
        if len(kinds) > 1:
            members = tuple(replace(self._one(node, kind), nullable=False) for kind in kinds)
            return Type("union", node.span, members=members, nullable=nullable)
        type = self._one(node, kinds[0])
        return replace(type, nullable=type.nullable or nullable)

    def _one(self, node: Node, kind: Kind) -> Type:
        self.keywords.misplaced(node, kind)
        enum, has_null = self.keywords.enum(node, kind)
        type = Type(
            kind,
            node.span,
            format=self.keywords.format(node, kind),
            bounds=self.keywords.bounds(node),
            enum=enum,
        )
        if has_null:
            type = replace(type, nullable=True)
        if kind == "any" and "null" in node.texts("type"):
            return replace(type, enum=(None,))
        if kind == "array":
            items = node.get("items")
            if items is None and not self.modern:
                self.report.add(node.key, "missing-key", "an array needs 'items'")
            return replace(type, item=self.of(items) if items else Type("any", node.span))
        return self._object(node, type) if kind == "object" else type

    def _object(self, node: Node, type: Type) -> Type:
        names = dict(node.child("properties").items())
        required = set(node.texts("required"))
        extra = node.get("additionalProperties")
        closed = extra is not None and extra.value is False
        item = self.of(extra) if extra and isinstance(extra.value, dict) else None
        for element in node.child("required").elements():
            if str(element.value) not in names and (closed or (self.strict and names)):
                message = f"{element.value!r} is required but no property"
                self.report.add(element.span, "unknown-property", message)
        undeclared = sorted(required - names.keys())
        if not names and not undeclared and not closed:
            return replace(type, kind="map", item=item or Type("any", node.span))
        attributes = naming.unique([*names, *undeclared], naming.attribute)
        fields = [self._field(n, names[n], attributes[n], n in required) for n in names]
        for name in undeclared:
            place = node.child("required").span
            unknown = item or Type("any", place)
            fields.append(Field(name, attributes[name], unknown, True, place))
        return replace(
            type,
            fields=tuple(sorted(fields, key=lambda field: field.name)),
            closed=closed,
            item=item,
            discriminator=self._own_discriminator(node, names),
        )

    def _own_discriminator(self, node: Node, names: dict[str, Node]) -> str | None:
        found = node.get("discriminator")
        if found is None or node.get("oneOf") or node.get("anyOf"):
            return None
        name = found.text("propertyName")
        if name not in names:
            self.report.add(found.key, "bad-discriminator", f"there is no property {name!r}")
        return name

    def _field(self, name: str, node: Node, attribute: str, required: bool) -> Field:
        type = self.of(node)
        default = self.default(node, type)
        read_only, write_only = self.said(node, "readOnly"), self.said(node, "writeOnly")
        if read_only and write_only and read_only.value and write_only.value:
            message = f"{name!r} is readOnly and writeOnly: nobody could use it"
            self.report.add(node.key, "read-write-only", message)
        doc = self.said(node, "description")
        return Field(
            name,
            attribute,
            type,
            required,
            node.key,
            default=canonical(default.plain(), type) if default else None,
            has_default=default is not None,
            read_only=read_only is not None and read_only.value is True,
            write_only=write_only is not None and write_only.value is True,
            doc=str(doc.value) if doc else "",
        )

    def default(self, node: Node, type: Type) -> Node | None:
        """The default that holds at a place; checked against `type` at the end."""
        found = self.said(node, "default")
        if found is not None:
            self.defaults.append((found, type))
        return found

    def said(self, node: Node, key: str) -> Node | None:
        """What a schema says besides its type, or the one that it refers to does."""
        for _ in range(20):
            found = node.get(key)
            if found is not None:
                return found
            parts = node.child("allOf").elements()
            if node.get("$ref") is not None:
                target = self.refs.follow(node)
            else:
                target = parts[0] if len(parts) == 1 else None
            if target is None:
                return None
            node = target
        return None

    def finish(self) -> None:
        """The checks that look through names."""
        checks = SchemaChecks(self.report, self.named, self.expand)
        checks.values(self.defaults, "bad-default", "the default")
        checks.values(self.examples, "bad-example", "the example")
        checks.tags(self.unions)
        checks.repeated(self.repeats)
