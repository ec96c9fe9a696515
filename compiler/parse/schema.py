"""OpenAPI schema objects → types."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args

from compiler import naming
from compiler.ir import Bounds, Field, Kind, Scalar, Type
from compiler.parse.merge import Conflict, merge
from compiler.parse.node import Node
from compiler.parse.openapi_shape import ANNOTATIONS
from compiler.parse.refs import Refs, steps
from compiler.parse.values import compiled, kind_of_value, misfit, shown
from compiler.source import Report

_PREFIX = "#/components/schemas/"
# Keywords that narrow, and the one kind of value that each is about.
_BOUNDS = {
    "minLength": "string",
    "maxLength": "string",
    "pattern": "string",
    "minimum": "number",
    "maximum": "number",
    "exclusiveMinimum": "number",
    "exclusiveMaximum": "number",
    "multipleOf": "number",
    "minItems": "array",
    "maxItems": "array",
    "uniqueItems": "array",
    "items": "array",
    "minProperties": "object",
    "maxProperties": "object",
    "properties": "object",
    "required": "object",
    "additionalProperties": "object",
}
# What a schema says that is not its type: of the property, or of how it is shown or kept.
_ASIDE = ANNOTATIONS | {
    "$comment", "$ref", "allOf", "anyOf", "contentEncoding", "contentMediaType", "default",
    "discriminator", "nullable", "oneOf", "readOnly", "writeOnly", "x-decimals", "x-entity", "x-search",
}  # fmt: skip
_SEGMENTS_LEFT_OUT = frozenset(("components", "schemas", "properties", "paths", "content", "schema"))


@dataclass
class Schemas:
    """The schemas of one document. `strict`: the document is ours, so sloppiness is an error too."""

    root: Node
    refs: Refs
    report: Report
    strict: bool
    modern: bool

    def __post_init__(self) -> None:
        self.nodes: dict[str, Node] = dict(self.root.child("components").child("schemas").items())
        self.types: dict[str, Type] = {}
        # By node: responses and parameters are shared by many operations.
        self.seen: dict[int, Type] = {}
        self.open: list[str] = []
        self.defaults: list[tuple[Node, Type]] = []
        self.unions: list[tuple[Node, Type]] = []
        self.repeats: list[tuple[Node, Type, str]] = []
        # Schemas that are referred to by where they stand, not by name: they get a name.
        self.deep: dict[int, str] = {}
        self._find_deep(self.root)

    def _find_deep(self, root: Node) -> None:
        texts: dict[str, Node] = {}
        queue = [root]
        while queue:
            node = queue.pop()
            if isinstance(node.value, dict):
                text = node.text("$ref")
                if text.startswith("#/") and not self._direct(text):
                    texts.setdefault(text, node)
                queue += node.value.values()
            elif isinstance(node.value, list):
                queue += node.value
        for text in sorted(texts):
            target: Node | None = self.root
            for step in steps(text[1:]):
                target = Refs.step(target, step) if target else None
            if target is not None and target.get("$ref") is None:
                self.deep.setdefault(id(target), text)

    @staticmethod
    def _direct(text: str) -> str | None:
        """The schema's name where the reference is to a component."""
        rest = text[len(_PREFIX) :] if text.startswith(_PREFIX) else "/"
        return None if "/" in rest else steps(f"/{rest}")[0]

    def named(self, name: str) -> Type:
        """The type of the schema called `name`; anything where there is none (which is reported)."""
        if name not in self.types:
            node = self.nodes.get(name)
            if node is None:
                return Type("any", self.root.span)
            if name in self.open:
                chain = " → ".join([*self.open[self.open.index(name) :], name])
                self.report.add(node.key, "ref-cycle", f"{chain} contains itself by allOf")
                return Type("any", node.span)
            self.open.append(name)
            type = self.read(node)
            self.open.pop()
            self.types.setdefault(name, type)
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
            if id(node) in self.deep:
                type = Type("ref", node.span, ref=self._hoist(node))
            else:
                type = self.read(node)
            self.seen[id(node)] = type
        return self.seen[id(node)]

    def _hoist(self, node: Node) -> str:
        """The name of a schema that is referred to by where it stands."""
        for name, known in self.nodes.items():
            if known is node:
                return name
        segments = [s for s in steps(self.deep[id(node)][1:]) if s not in _SEGMENTS_LEFT_OUT]
        base = name = naming.pascal(" ".join(segments)) or "Schema"
        number = 2
        while name in self.nodes:
            name = f"{base}{number}"
            number += 1
        self.nodes[name] = node
        return name

    def read(self, node: Node) -> Type:
        """The type that stands at `node`."""
        parts: list[Type] = []
        if node.get("$ref") is not None:
            reference = self._reference(node)
            if not self.modern or not (node.value_keys() - ANNOTATIONS - {"$ref"}):
                return reference
            parts.append(reference)
        if node.get("not") is not None:
            self.report.add(node.child("not").key, "unsupported", "`not` cannot be compiled")
        parts += [self.of(element) for element in node.child("allOf").elements()]
        own = {key for key in node.value_keys() - _ASIDE if self.modern or not key.startswith("x-")}
        own = {key for key in own if not key.startswith("x-")}
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
        name = self._direct(node.text("$ref"))
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
        mapping = self._mapping(found) if found else ()
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
            union = self._tagged(found, union)
            self.unions.append((found, union))
        return union

    def _mapping(self, node: Node) -> tuple[tuple[str, str], ...]:
        """(tag, schema name), as far as it is written."""
        rows = []
        for tag, target in node.child("mapping").items():
            text = target.value if isinstance(target.value, str) else ""
            rows.append((tag, self._direct(text) or text))
        return tuple(rows)

    def _tagged(self, node: Node, union: Type) -> Type:
        """The union with a tag for each member: its name where no other is written."""
        names = {member.ref for member in union.members if member.kind == "ref"}
        for tag, name in union.mapping:
            if name not in names:
                place = node.child("mapping").child(tag).key
                message = f"{tag!r} stands for {name!r}, which is no member"
                self.report.add(place, "bad-discriminator", message)
        if len(names) < len(union.members):
            message = "with a discriminator every member is a $ref to a schema of its own"
            self.report.add(node.key, "bad-discriminator", message)
        written = {name for _, name in union.mapping}
        rest = tuple((name, name) for name in sorted(filter(None, names - written)))
        return replace(union, mapping=tuple(sorted((*union.mapping, *rest))))

    # ---- one schema's own keywords

    def _plain(self, node: Node) -> Type:
        kinds, nullable = self._kinds(node)
        if len(kinds) > 1:
            members = tuple(replace(self._one(node, kind), nullable=False) for kind in kinds)
            return Type("union", node.span, members=members, nullable=nullable)
        type = self._one(node, kinds[0])
        return replace(type, nullable=type.nullable or nullable)

    def _kinds(self, node: Node) -> tuple[list[Kind], bool]:
        known = get_args(Kind)
        listed = [text for text in node.texts("type") if text in known]
        nullable = "null" in node.texts("type") if self.modern else node.flag("nullable")
        if listed:
            return list(dict.fromkeys(listed)), nullable
        if nullable and self.modern:
            return ["any"], True
        for key in ("properties", "additionalProperties", "required", "items"):
            if node.get(key) is not None:
                return ["array" if key == "items" else "object"], nullable
        values = self._enum_values(node)
        kinds = {kind_of_value(value) for value in values if value is not None}
        if len(kinds) == 1:
            kind = next(k for k in known if k in kinds)
            return [kind], nullable
        if len(kinds) > 1:
            place = node.child("enum" if node.get("enum") else "const").key
            self.report.add(place, "bad-enum", "the values are of several types: give the type")
        for key, kind in _BOUNDS.items():
            if node.get(key) is not None:
                return [kind], nullable  # type: ignore[list-item]
        return ["any"], nullable

    @staticmethod
    def _enum_values(node: Node) -> list[Any]:
        if node.get("const") is not None:
            return [node.child("const").plain()]
        return [element.plain() for element in node.child("enum").elements()]

    def _one(self, node: Node, kind: Kind) -> Type:
        self._misplaced(node, kind)
        enum, has_null = self._enum(node, kind)
        type = Type(
            kind, node.span, format=node.maybe_text("format"), bounds=self._bounds(node), enum=enum
        )
        if has_null:
            type = replace(type, nullable=True)
        if kind == "any" and "null" in node.texts("type"):
            return replace(type, enum=(None,))
        if kind == "array":
            items = node.get("items")
            if items is None:
                self.report.add(node.key, "missing-key", "an array needs 'items'")
            return replace(type, item=self.of(items) if items else Type("any", node.span))
        return self._object(node, type) if kind == "object" else type

    def _misplaced(self, node: Node, kind: str) -> None:
        """A bound on another type has no effect; in our own specs it is a slip of the pen."""
        if not self.strict:
            return
        kind = "number" if kind == "integer" else kind
        for key, about in _BOUNDS.items():
            if node.get(key) is not None and kind not in (about, "any"):
                place = node.child(key).key
                self.report.add(place, "misplaced-bound", f"{key!r} has no effect on a {kind}")

    def _enum(self, node: Node, kind: str) -> tuple[tuple[Scalar, ...], bool]:
        elements = node.child("enum").elements()
        if node.get("const") is not None:
            elements = [node.child("const")]
        values: list[Scalar] = []
        has_null = False
        for element in elements:
            value = element.plain()
            found = kind_of_value(value)
            if value is None:
                has_null = True
                if not node.flag("nullable") and "null" not in node.texts("type"):
                    message = "null among the values needs `nullable: true`"
                    self.report.add(element.span, "bad-enum", message)
            elif found != kind and not (kind == "number" and found == "integer") and kind != "any":
                message = f"{shown(value)} is no {kind}"
                self.report.add(element.span, "bad-enum", message)
            elif isinstance(value, dict | list):
                self.report.add(element.span, "bad-enum", "only scalars can be compiled")
            elif any(value == other and type(value) is type(other) for other in values):
                self.report.add(element.span, "bad-enum", f"{shown(value)} stands twice")
            else:
                values.append(int(value) if kind == "integer" else value)
        return tuple(values), has_null

    def _bounds(self, node: Node) -> Bounds:
        low, high = node.number("minimum"), node.number("maximum")
        exclusive = [node.flag("exclusiveMinimum"), node.flag("exclusiveMaximum")]
        if self.modern:
            over, under = node.number("exclusiveMinimum"), node.number("exclusiveMaximum")
            if over is not None and (low is None or over >= low):
                low, exclusive[0] = over, True
            if under is not None and (high is None or under <= high):
                high, exclusive[1] = under, True
        bounds = Bounds(
            min_length=node.integer("minLength"),
            max_length=node.integer("maxLength"),
            pattern=node.maybe_text("pattern"),
            minimum=low,
            maximum=high,
            exclusive_minimum=exclusive[0],
            exclusive_maximum=exclusive[1],
            multiple_of=node.number("multipleOf"),
            min_items=node.integer("minItems"),
            max_items=node.integer("maxItems"),
            unique_items=node.flag("uniqueItems"),
            min_properties=node.integer("minProperties"),
            max_properties=node.integer("maxProperties"),
        )
        for least, most, key in (
            (bounds.min_length, bounds.max_length, "minLength"),
            (low, high, "minimum"),
            (bounds.min_items, bounds.max_items, "minItems"),
            (bounds.min_properties, bounds.max_properties, "minProperties"),
        ):
            if least is not None and most is not None and least > most:
                message = f"nothing is at least {least} and at most {most}"
                self.report.add((node.get(key) or node).key, "bad-bounds", message)
        if bounds.pattern is not None and compiled(bounds.pattern) is None:
            message = "the pattern is no regular expression that Python knows"
            self.report.add(node.child("pattern").span, "bad-pattern", message)
        return bounds

    def _object(self, node: Node, type: Type) -> Type:
        names = dict(node.child("properties").items())
        required = set(node.texts("required"))
        extra = node.get("additionalProperties")
        closed = extra is not None and extra.value is False
        item = self.of(extra) if extra and isinstance(extra.value, dict) else None
        for element in node.child("required").elements():
            if element.value not in names and (closed or self.strict):
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
            default=default.plain() if default else None,
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

    # ---- what can be checked once every name is known

    def finish(self) -> None:
        """The checks that look through names."""
        for node, type in self.defaults:
            reason = misfit(node.plain(), type, self.named)
            if reason:
                self.report.add(node.span, "bad-default", f"the default is not of its type: {reason}")
        for node, union in self.unions:
            self._check_tags(node, union)
        for node, repeated, name in self.repeats:
            self._check_repeat(node, repeated, name)

    def _check_tags(self, node: Node, union: Type) -> None:
        for tag, name in union.mapping:
            target = self.expand(Type("ref", node.span, ref=name))
            if target.kind == "any":
                continue
            fields = {field.name: field for field in target.fields}
            field = fields.get(union.discriminator or "")
            if field is None or not field.required:
                message = f"{name!r} does not require {union.discriminator!r}"
                self.report.add(node.key, "bad-discriminator", message)
                continue
            values = self.expand(field.type).enum
            if values and tag not in values:
                message = f"the tag {tag!r} is none of the values of {name}.{field.name}"
                self.report.add(node.key, "bad-discriminator", message)

    def _check_repeat(self, node: Node, repeated: Type, name: str) -> None:
        target = self.named(name)
        told = (repeated.kind, repeated.format, repeated.bounds, frozenset(repeated.enum))
        meant = (target.kind, target.format, target.bounds, frozenset(target.enum))
        # An enum too long to repeat may stand as a pattern that lets all of its values through.
        loose = replace(repeated, nullable=True)
        listed = target.enum and not repeated.enum and repeated.kind == target.kind
        fits = listed and all(misfit(value, loose, self.named) is None for value in target.enum)
        if told != meant and not fits:
            message = f"differs from {name} at {target.span}, which x-type says it is"
            self.report.add(node.child("x-type").key, "type-repeat", message)
