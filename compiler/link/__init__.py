"""Four trees → one Contract. Every disagreement is reported with both its places."""

from __future__ import annotations

from compiler import naming
from compiler.ir import Contract, Service
from compiler.parse.openapi import OpenApi
from compiler.source import Report


def link(openapi: OpenApi, report: Report) -> Contract:
    """The Contract."""
    names = {operation.service for operation in openapi.operations}
    modules = naming.unique(names, naming.module)
    services = []
    for name in sorted(names):
        mine = [operation for operation in openapi.operations if operation.service == name]
        span, doc = openapi.tags.get(name, (mine[0].span, ""))
        ids = tuple(operation.id for operation in mine)
        services.append(Service(name, modules[name], ids, (), span, doc))
    return Contract(
        title=openapi.title,
        version=openapi.version,
        base_path=openapi.base_path,
        services=tuple(services),
        operations=openapi.operations,
        schemas=openapi.schemas,
        problems=openapi.problems,
        roles=openapi.roles,
        resources=openapi.resources,
        events=(),
        channels=(),
        consumers=(),
        security=openapi.security,
        openapi=openapi.root.sorted_plain(),
    )
