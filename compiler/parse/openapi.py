"""openapi.yaml → its operations, schemas and tables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from compiler import naming
from compiler.ir import Operation, Problem, Resource, Rest, Role, Schema, Security
from compiler.parse.conventions import Conventions
from compiler.parse.entity import entity_info, search_info
from compiler.parse.node import Node
from compiler.parse.openapi_shape import METHODS, OPENAPI_30, OPENAPI_31
from compiler.parse.refs import Refs
from compiler.parse.rest import RestReader
from compiler.parse.schema import Schemas
from compiler.parse.shape import Named, Shape
from compiler.parse.tables import Tables
from compiler.source import Report, Span

# A document with any of these follows our conventions, so what is not one of them is a misprint.
_OURS = ("x-problems", "x-resources", "x-roles")


@dataclass(frozen=True)
class OpenApi:
    """What openapi.yaml says. `owned`: it follows our conventions, and is held to them."""

    root: Node
    owned: bool
    title: str
    version: str
    base_path: str
    operations: tuple[Operation, ...]
    schemas: tuple[Schema, ...]
    problems: tuple[Problem, ...]
    roles: tuple[Role, ...]
    resources: tuple[Resource, ...]
    security: tuple[Security, ...]
    reader: Schemas
    # Tag → where it is declared, and its description.
    tags: dict[str, tuple[Span, str]] = field(default_factory=dict)


def parse_openapi(root: Node, report: Report) -> OpenApi | None:
    """The document at `root`; None after reporting that it is none."""
    version = root.child("openapi").value
    if not isinstance(root.value, dict):
        report.add(root.span, "wrong-kind", "an OpenAPI document is a map")
        return None
    modern = isinstance(version, str) and version.startswith("3.1.")
    if not modern and not (isinstance(version, str) and version.startswith("3.0.")):
        place = root.child("openapi").span
        hint = "" if isinstance(version, str) else ": put it in quotes"
        report.add(place, "bad-version", f"OpenAPI 3.0.x or 3.1.x is read, not {version!r}{hint}")
        return None
    return _Reader(root, report, modern).read()


class _Reader:
    def __init__(self, root: Node, report: Report, modern: bool) -> None:
        self.root = root
        self.report = report
        self.owned = any(root.get(key) is not None for key in _OURS)
        self.table = OPENAPI_31 if modern else OPENAPI_30
        self.refs = Refs(root, report)
        self.schemas = Schemas(root, self.refs, report, self.owned, modern)
        self.rest = RestReader(self.schemas, report)
        self.base_path = self._base_path()
        self.tables = Tables(root, self.refs, report)
        self.security = self.tables.security()

    def read(self) -> OpenApi:
        Shape(self.table, self.report, self.refs.follow, strict=self.owned).check(
            self.root, Named("document")
        )
        self._refuse(self.root, "webhooks")
        info = self.root.child("info")
        operations = self._operations()
        # Reading a schema may name another, so the list grows while it is walked.
        schemas: dict[str, Schema] = {}
        while len(schemas) < len(self.schemas.nodes):
            for name in sorted(self.schemas.nodes.keys() - schemas.keys()):
                schemas[name] = self._schema(name)
        self.schemas.finish()
        classes = naming.unique(schemas, naming.class_name)
        return OpenApi(
            root=self.root,
            owned=self.owned,
            title=info.text("title"),
            version=info.text("version"),
            base_path=self.base_path,
            operations=operations,
            schemas=tuple(_renamed(schemas[name], classes[name]) for name in sorted(schemas)),
            problems=self.tables.problems(),
            roles=self.tables.roles(),
            resources=self.tables.resources(),
            security=tuple(self.security[name] for name in sorted(self.security)),
            reader=self.schemas,
            tags={
                tag.text("name"): (tag.span, tag.text("description"))
                for tag in self.root.child("tags").elements()
            },
        )

    def _refuse(self, node: Node, key: str) -> None:
        found = node.get(key)
        if found is not None and found.value not in ({}, [], None):
            self.report.add(found.key, "unsupported", f"`{key}` cannot be compiled")

    def _base_path(self) -> str:
        paths: dict[str, Span] = {}
        for server in self.root.child("servers").elements():
            url = server.text("url")
            for name, variable in server.child("variables").items():
                url = url.replace(f"{{{name}}}", variable.text("default"))
            try:
                path = urlsplit(url).path.rstrip("/")
            except ValueError:
                self.report.add(server.child("url").span, "bad-server", f"{url!r} is no address")
                continue
            if path and not path.startswith("/"):
                path = f"/{path.removeprefix('./')}"
            paths.setdefault(path, server.span)
        if len(paths) > 1:
            first, second = list(paths.items())[:2]
            message = (
                f"the base path is {second[0] or '/'!r} here but {first[0] or '/'!r} at {first[1]}"
            )
            self.report.add(second[1], "bad-server", message)
        return next(iter(paths), "")

    # ---- operations

    def _operations(self) -> tuple[Operation, ...]:
        stated: list[tuple[str, str, Node, Node]] = []
        shapes: dict[str, tuple[str, Span]] = {}
        for template, entry in self.root.child("paths").items():
            if template.startswith("x-"):
                continue
            self._check_template(template, entry, shapes)
            path = self.refs.follow(entry)
            if path is None:
                continue
            self._refuse(path, "servers")
            for method in METHODS:
                operation = path.get(method)
                if operation is not None and isinstance(operation.value, dict):
                    stated.append((method, template, path, operation))
        ids = self._ids(stated)
        methods = naming.unique(ids, naming.method)
        return tuple(
            self._operation(id, methods[id], *stated[index]) for id, index in sorted(ids.items())
        )

    def _check_template(self, path: str, node: Node, shapes: dict[str, tuple[str, Span]]) -> None:
        if not path.startswith("/"):
            self.report.add(node.key, "bad-path", f"the path {path!r} does not begin with a slash")
        elif re.sub(r"{[^{}/]+}", "", path).count("{") or re.sub(r"{[^{}/]+}", "", path).count("}"):
            self.report.add(node.key, "bad-path", f"the braces of {path!r} do not close")
        shape = re.sub(r"{[^{}]*}", "{}", path)
        if shape in shapes:
            other, place = shapes[shape]
            message = f"{path} is the same path as {other} at {place}"
            self.report.add(node.key, "same-path", message)
        shapes.setdefault(shape, (path, node.key))

    def _ids(self, stated: list[tuple[str, str, Node, Node]]) -> dict[str, int]:
        """Operation id → index in `stated`."""
        ids: dict[str, int] = {}
        for index, (method, template, _, node) in enumerate(stated):
            id = node.text("operationId")
            place = (node.get("operationId") or node).span
            if not id:
                if self.owned:
                    self.report.add(node.key, "missing-key", "an operation needs 'operationId'")
                id, place = derived_id(method, template), node.key
            if id in ids:
                other = stated[ids[id]][3]
                where = (other.get("operationId") or other).span
                message = f"the operation {id!r} stands already at {where}"
                self.report.add(place, "duplicate-operation", message)
                continue
            ids[id] = index
        return ids

    def _operation(
        self, id: str, python: str, method: str, template: str, path: Node, node: Node
    ) -> Operation:
        for key in ("servers", "callbacks"):
            self._refuse(node, key)
        parameters = self.rest.parameters(template, path, node)
        rest = Rest(
            method.upper(),
            self.base_path + template,
            parameters,
            self.rest.body(node, method),
            self.rest.responses(node),
            node.key,
        )
        tags = node.texts("tags")
        if self.owned and len(tags) != 1:
            message = f"{id} needs exactly one tag: its service"
            self.report.add(node.child("tags").key, "bad-tag", message)
        public, credentials, scopes = self._needs(node)
        headers = {p.name.lower() for p in parameters if p.location == "header"}
        said = Conventions(self.report, node)
        return Operation(
            id=id,
            python=python,
            service=tags[0] if tags else "default",
            span=(node.get("operationId") or node).key,
            summary=node.text("summary"),
            doc=node.text("description"),
            rest=rest,
            public=public,
            credentials=credentials,
            scope=node.maybe_text("x-scope") or (scopes[0] if scopes else None),
            access=said.access(),
            verified=node.flag("x-verified"),
            rate=said.rate(),
            deadline=float(node.number("x-deadline") or 5),
            body_limit=node.integer("x-body-limit") or 1 << 20,
            idempotent="idempotency-key" in headers,
            conditional="if-match" in headers,
            listing=said.listing(),
            problems=tuple(sorted(set(node.texts("x-problems")))),
            emits=tuple(sorted(set(node.texts("x-emits")))),
            left_out=said.left_out(),
            internal=node.flag("x-internal"),
            deprecated=node.flag("deprecated"),
        )

    def _needs(self, node: Node) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
        """Whether anybody may call, the schemes that tell the caller, the scopes they ask for."""
        stated = node.get("security") or self.root.get("security")
        if stated is None or not stated.elements():
            return True, (), ()
        public = False
        names: set[str] = set()
        scopes: set[str] = set()
        for choice in stated.elements():
            entries = list(choice.items())
            public = public or not entries
            if len(entries) > 1:
                message = "two schemes at once cannot be compiled"
                self.report.add(choice.span, "unsupported-security", message)
            for name, asked in entries:
                if name not in self.security:
                    message = f"there is no security scheme {name!r}"
                    self.report.add(asked.key, "unknown-security", message)
                names.add(name)
                scopes |= {str(element.value) for element in asked.elements()}
        if len(scopes) > 1:
            message = "an operation that asks for more than one scope cannot be compiled"
            self.report.add(stated.key, "unsupported-security", message)
        return public, tuple(sorted(names)), tuple(sorted(scopes))

    # ---- tables

    def _schema(self, name: str) -> Schema:
        node = self.schemas.nodes[name]
        type = self.schemas.named(name)
        doc = self.schemas.said(node, "description")
        return Schema(
            name,
            naming.class_name(name),
            type,
            node.key,
            doc=str(doc.value) if doc else "",
            entity=entity_info(node, self.schemas),
            search=search_info(node),
            decimals=self.tables.decimals(node, type),
            raw=node.sorted_plain(),
        )


def _renamed(schema: Schema, python: str) -> Schema:
    return schema if schema.python == python else replace(schema, python=python)


def derived_id(method: str, path: str) -> str:
    """The id of an operation that has none: GET /users/{id} → getUsersById."""
    parts = []
    for segment in path.split("/"):
        literal = naming.pascal(re.sub(r"{[^{}]*}", " ", segment))
        names = [f"By{naming.pascal(name)}" for name in re.findall(r"{([^{}]*)}", segment)]
        parts.append(literal + "".join(names))
    return method + ("".join(parts) or "Root")
