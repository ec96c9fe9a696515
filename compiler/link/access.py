"""Who may do what, what may be refused, and what lists take: each name leads somewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

from compiler import naming
from compiler.ir import Access, Listing, Operation, Resource, Type
from compiler.link.arguments import result
from compiler.link.types import Known
from compiler.parse.openapi import OpenApi
from compiler.source import Report

_PAGING = ("pageSize", "pageToken", "sort")


@dataclass
class AccessLinker:
    """Checks the `x-` keys beside the operations against the tables at the top."""

    openapi: OpenApi
    known: Known
    report: Report

    def link(self) -> None:
        """Reports every name that leads nowhere."""
        openapi = self.openapi
        scopes = {scope for role in openapi.roles for scope in role.scopes}
        for resource in openapi.resources:
            self._service(resource.service, f"the resource {resource.name}", resource)
        for operation in openapi.operations:
            if openapi.owned:
                self._service(operation.service, operation.id, operation)
                self._scope(operation, scopes)
                self._problems(operation)
            for rule in operation.access:
                self._access(operation, rule)
            if operation.listing is not None:
                self._listing(operation, operation.listing)

    def _service(self, name: str, label: str, node: Operation | Resource) -> None:
        if name in self.openapi.tags:
            return
        near = naming.nearest(name, self.openapi.tags)
        message = f"{label}: no tag declares the service {name!r}{near}"
        self.report.add(node.span, "unknown-service", message)

    def _scope(self, operation: Operation, scopes: set[str]) -> None:
        if operation.public:
            if operation.scope or operation.access or operation.verified:
                message = f"{operation.id} is open to everybody, so it can ask for nothing"
                self.report.add(operation.span, "public-rules", message)
        elif operation.scope is None:
            message = f"{operation.id} needs x-scope, or `security: []`"
            self.report.add(operation.span, "missing-scope", message)
        elif operation.scope not in scopes:
            near = naming.nearest(operation.scope, scopes)
            message = f"{operation.id}: no role has the scope {operation.scope!r}{near}"
            self.report.add(operation.span, "unknown-scope", message)

    def _problems(self, operation: Operation) -> None:
        known = {problem.code: problem for problem in self.openapi.problems}
        declared = {row.status for row in operation.rest.responses} if operation.rest else set()
        for code in operation.problems:
            problem = known.get(code)
            if problem is None:
                message = (
                    f"{operation.id}: there is no problem {code!r}{naming.nearest(code, known)}"
                )
                self.report.add(operation.span, "unknown-problem", message)
            elif not declared & {str(problem.status), f"{problem.status // 100}XX"}:
                message = (
                    f"{operation.id} declares no response {problem.status}, "
                    f"which {code} at {problem.span} has"
                )
                self.report.add(operation.span, "undeclared-status", message)

    def _access(self, operation: Operation, rule: Access) -> None:
        resources = {resource.name: resource for resource in self.openapi.resources}
        resource = resources.get(rule.resource)
        if resource is None:
            near = naming.nearest(rule.resource, resources)
            message = f"{operation.id}: there is no resource {rule.resource!r}{near}"
            self.report.add(rule.span, "unknown-resource", message)
        elif rule.least not in resource.levels:
            message = f"{operation.id}: {rule.resource} has no level {rule.least!r}"
            self.report.add(rule.span, "unknown-level", message)
        if not self._has_argument(operation, rule.argument):
            message = f"{operation.id} has no argument {rule.argument!r}"
            self.report.add(rule.span, "unknown-argument", message)

    def _has_argument(self, operation: Operation, path: str) -> bool:
        rest = operation.rest
        if rest is None:
            return False
        name, _, inner = path.partition(".")
        if inner and name == "body":
            types = [media.type for media in rest.body.content] if rest.body else []
            return any(self.known.reach(type, inner) is not None for type in types)
        return any(
            row.name == path and row.location in ("path", "query") for row in rest.parameters
        )

    # ---- lists

    def _listing(self, operation: Operation, listing: Listing) -> None:
        schema = self.known.schemas.get(listing.entity)
        if schema is None:
            near = naming.nearest(listing.entity, self.known.schemas)
            message = f"{operation.id}: there is no schema {listing.entity!r}{near}"
            self.report.add(listing.span, "unknown-schema", message)
            return
        fields = self.known.fields(schema.type)
        for name in listing.sort:
            if name not in fields:
                message = f"{operation.id} sorts by {name!r}, which {schema.name} does not have"
                self.report.add(listing.span, "unknown-field", message)
        for part in listing.default.split(","):
            name = re.sub(r"\A[ +-]", "", part)
            if name not in listing.sort:
                message = f"{operation.id}: the default {part!r} is none of what it sorts by"
                self.report.add(listing.span, "unknown-field", message)
        self._filters(operation, listing, schema.name, schema.type)
        self._page(operation, listing)

    def _filters(self, operation: Operation, listing: Listing, name: str, type: Type) -> None:
        rest = operation.rest
        queries = {p.name: p for p in rest.parameters if p.location == "query"} if rest else {}
        for argument, path, comparison in listing.filters:
            if argument not in queries:
                message = f"{operation.id} has no query parameter {argument!r} to filter by"
                self.report.add(listing.span, "unknown-argument", message)
            field = self.known.reach(type, path)
            if field is None:
                message = f"{operation.id} filters by {path!r}, which {name} does not have"
                self.report.add(listing.span, "unknown-field", message)
            elif (self.known.real(field).kind == "array") != (comparison == "has"):
                message = (
                    f"{operation.id}: {comparison!r} cannot compare {path!r}: `has` is for lists"
                )
                self.report.add(listing.span, "bad-filter", message)
        filtered = {argument for argument, _, _ in listing.filters}
        for query, parameter in sorted(queries.items()):
            if query not in filtered and query not in _PAGING:
                message = f"{operation.id} takes {query!r}, which x-list does not filter by"
                self.report.add(parameter.span, "bad-filter", message)

    def _page(self, operation: Operation, listing: Listing) -> None:
        """A list operation takes pageSize and pageToken and gives {items, nextPageToken?}."""
        rest = operation.rest
        names = {p.name for p in rest.parameters} if rest else set()
        for name in _PAGING:
            if name not in names:
                message = f"{operation.id} needs the parameter {name}, as every list"
                self.report.add(listing.span, "bad-page", message)
        type = result(operation)
        fields = self.known.fields(type) if type else {}
        items = self.known.real(fields["items"].type) if "items" in fields else None
        item = self.known.name(items.item) if items is not None and items.item else None
        if item != listing.entity or "nextPageToken" not in fields:
            message = f"{operation.id} needs to give {{items, nextPageToken}} of {listing.entity}"
            self.report.add(listing.span, "bad-page", message)
