"""OpenAPI operations: their parameters, bodies and responses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from compiler import naming
from compiler.ir import Body, Media, Parameter, Response, Type
from compiler.parse.node import Node
from compiler.parse.schema import Schemas
from compiler.parse.values import canonical
from compiler.source import Report

Location = Literal["path", "query", "header", "cookie"]
_ORDER = ("path", "query", "header", "cookie")
_STYLES = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
# RFC 9110 gives these to the protocol; OpenAPI says to ignore them among the parameters.
_NOT_PARAMETERS = frozenset(("accept", "content-type", "authorization"))
_STATUS = re.compile(r"([1-5][0-9]{2}|[1-5]XX|default)\Z")
_BODILESS = ("204", "205", "304")
_MEDIA = re.compile(r"[\w.+*-]+/[\w.+*-]+(\s*;.*)?\Z", re.ASCII)
_STRUCTURED = ("application/x-www-form-urlencoded", "multipart/form-data", "application/x-ndjson")
_SCALARS = ("string", "integer", "number", "boolean")


def is_json(media: str) -> bool:
    """Whether a content type is JSON, or a dialect of it."""
    return media == "application/json" or media.endswith("+json")


@dataclass
class RestReader:
    """Reads what an operation takes and answers."""

    schemas: Schemas
    report: Report
    # By node: most operations share their responses.
    read: dict[int, tuple[Media, ...]] = field(default_factory=dict)

    def parameters(self, template: str, path: Node, operation: Node) -> tuple[Parameter, ...]:
        """The operation's parameters, and its path's that it does not replace."""
        found: dict[tuple[str, str], Node] = {}
        for level in (path, operation):
            here: dict[tuple[str, str], Node] = {}
            for element in level.child("parameters").elements():
                node = self.schemas.refs.follow(element)
                if node is None or not node.text("name") or node.text("in") not in _ORDER:
                    continue
                location, name = node.text("in"), node.text("name")
                key = (location, name.lower() if location == "header" else name)
                if location == "header" and key[1] in _NOT_PARAMETERS:
                    continue
                if key in here:
                    message = f"the {location} parameter {name!r} stands twice"
                    self.report.add(element.span, "duplicate-parameter", message)
                here[key] = node
            found |= here
        self._check_path(template, operation, found)
        names: set[str] = set()
        parameters = []
        for location, name in sorted(found, key=lambda key: (_ORDER.index(key[0]), key[1])):
            parameter = self._parameter(found[location, name], cast(Location, location))
            python = parameter.python
            if python in names:
                python = naming.argument(f"{location} {parameter.name}")
            number = 2
            while python in names:
                python = f"{parameter.python}_{number}"
                number += 1
            names.add(python)
            parameters.append(replace(parameter, python=python))
        return tuple(parameters)

    def _check_path(self, template: str, node: Node, found: dict[tuple[str, str], Node]) -> None:
        wanted = re.findall(r"{([^{}]*)}", template)
        for name in wanted:
            if ("path", name) not in found:
                message = f"{{{name}}} of the path has no parameter"
                self.report.add(node.key, "path-parameter", message)
        for location, name in sorted(found):
            if location == "path" and name not in wanted:
                message = f"the path {template} has no {{{name}}}"
                self.report.add(found[location, name].span, "path-parameter", message)

    def _parameter(self, node: Node, location: Location) -> Parameter:
        name = node.text("name")
        schema, content = node.get("schema"), node.get("content")
        if (schema is None) == (content is None):
            self.report.add(node.span, "missing-key", "a parameter needs 'schema' or 'content'")
        style = node.text("style", "simple" if location in ("path", "header") else "form")
        explode = node.flag("explode") if node.get("explode") else style == "form"
        if content is not None:
            schema, style = self._only_media(content), "json"
        type = self.schemas.of(schema) if schema else Type("any", node.span)
        if style not in (*_STYLES[location], "json"):
            message = f"a {location} parameter has no style {style!r}"
            self.report.add(node.child("style").span, "bad-style", message)
        elif style != "json":
            self._check_style(node, type, style, explode)
        if location == "path" and not node.flag("required"):
            message = f"the path parameter {name!r} needs `required: true`"
            self.report.add(node.span, "path-parameter", message)
        if node.flag("allowEmptyValue"):
            place = node.child("allowEmptyValue").key
            self.report.add(place, "unsupported", "`allowEmptyValue` cannot be compiled")
        default = self.schemas.default(schema, type) if schema else None
        return Parameter(
            name,
            naming.argument(name),
            location,
            type,
            node.flag("required"),
            node.span,
            default=canonical(default.plain(), type) if default else None,
            has_default=default is not None,
            style=style,
            explode=explode,
            doc=node.text("description"),
        )

    def _only_media(self, content: Node) -> Node | None:
        entries = list(content.items())
        if len(entries) != 1 or not is_json(entries[0][0]):
            message = "a parameter's content is JSON and nothing else"
            self.report.add(content.key, "unsupported-media", message)
        return entries[0][1].get("schema") if entries else None

    def _check_style(self, node: Node, type: Type, style: str, explode: bool) -> None:
        """OpenAPI defines the styles for flat values only, and not each for each."""
        real = self.schemas.expand(type)
        reason = None
        if style == "deepObject" and real.kind not in ("object", "map", "any"):
            reason = "the style deepObject is for objects"
        elif style in ("spaceDelimited", "pipeDelimited") and real.kind != "array":
            reason = f"the style {style} is for lists"
        elif real.kind == "array" and real.item:
            inner = self.schemas.expand(real.item)
            if not self._is_flat(inner):
                reason = "a list in a parameter can hold scalars only"
        elif real.kind == "map" and style == "form" and explode:
            reason = "a free map cannot be told from the other parameters: use deepObject"
        elif real.kind == "object":
            deep = [f.name for f in real.fields if not self._is_flat(self.schemas.expand(f.type))]
            if deep:
                reason = f"an object in a parameter can hold scalars only, {deep[0]!r} is none"
        elif real.kind == "union" and not self._is_flat(real):
            reason = "a union in a parameter can hold scalars only"
        if reason:
            self.report.add(node.span, "bad-style", reason)

    def _is_flat(self, type: Type) -> bool:
        if type.kind == "union":
            return all(self.schemas.expand(member).kind in _SCALARS for member in type.members)
        return type.kind in (*_SCALARS, "any")

    def body(self, operation: Node, method: str) -> Body | None:
        """What the operation takes besides its parameters."""
        stated = operation.get("requestBody")
        node = self.schemas.refs.follow(stated) if stated else None
        if stated is None or node is None:
            return None
        if method in ("get", "head", "trace"):
            message = f"{method.upper()} has no body (RFC 9110, 9.3)"
            self.report.add(stated.key, "unexpected-body", message)
        stated_content = node.get("content")
        content = self.content(stated_content) if stated_content else ()
        return Body(node.flag("required"), content, stated.key)

    def content(self, node: Node) -> tuple[Media, ...]:
        """The content types, JSON first."""
        if id(node) not in self.read:
            self.read[id(node)] = self._content(node)
        return self.read[id(node)]

    def _content(self, node: Node) -> tuple[Media, ...]:
        found = []
        for name, media in node.items():
            short = name.partition(";")[0].strip().lower()
            if not _MEDIA.match(name):
                self.report.add(media.key, "unsupported-media", f"{name!r} is no media type")
                continue
            schema = media.get("schema")
            type = self.schemas.of(schema) if schema else Type("any", media.span)
            if schema:
                self.schemas.default(schema, type)
            raw = self.schemas.expand(type).kind in ("string", "any")
            if not raw and not is_json(short) and short not in _STRUCTURED:
                message = f"{short} can be compiled as text only, or without a schema"
                self.report.add(media.key, "unsupported-media", message)
            found.append(Media(short, type, media.key, self._encoding(media, short)))
        return tuple(sorted(found, key=lambda media: (not is_json(media.name), media.name)))

    def _encoding(self, media: Node, name: str) -> tuple[tuple[str, str], ...]:
        """A form's content types, property by property."""
        rows = []
        for key, encoding in media.child("encoding").items():
            other = sorted(encoding.value_keys() - {"contentType"})
            if other or not name.startswith("multipart/"):
                message = (
                    f"the encoding of {key!r} cannot be compiled but for a multipart contentType"
                )
                self.report.add(encoding.key, "unsupported", message)
            rows.append((key, encoding.text("contentType")))
        return tuple(rows)

    def responses(self, operation: Node) -> tuple[Response, ...]:
        """What the operation answers, by status."""
        found = []
        for status, stated in operation.child("responses").items():
            if status.startswith("x-"):
                continue
            if not _STATUS.match(status):
                message = f"{status!r} is no status: 200, 2XX or default"
                self.report.add(stated.key, "bad-status", message)
                continue
            node = self.schemas.refs.follow(stated)
            if node is None:
                continue
            stated_content = node.get("content")
            content = self.content(stated_content) if stated_content else ()
            if content and status in _BODILESS:
                message = f"{status} has no content (RFC 9110)"
                self.report.add(stated.key, "unexpected-body", message)
            for _, header in node.child("headers").items():
                self._header(header)
            names = tuple(name for name, _ in node.child("headers").items())
            doc = node.text("description")
            found.append(Response(status, content, names, stated.key, doc=doc))
        if found and not any(row.status[0] in "23d" for row in found):
            place = operation.child("responses").key
            self.report.add(place, "no-success", "no response says what success looks like")
        return tuple(found)

    def _header(self, node: Node) -> None:
        target = self.schemas.refs.follow(node)
        schema = target.get("schema") if target else None
        if schema:
            self.schemas.of(schema)
