"""Four trees → one Contract. Every disagreement is reported with both its places."""

from __future__ import annotations

from dataclasses import dataclass, replace

from compiler import naming
from compiler.ir import Contract, GraphField, Operation, Rpc, Schema, Service
from compiler.link.access import AccessLinker
from compiler.link.entities import EntityLinker
from compiler.link.events import EventLinker
from compiler.link.graphql import GraphLinker
from compiler.link.habits import check_habits
from compiler.link.internal import InternalLinker
from compiler.link.protobuf import ProtoLinker
from compiler.link.types import Known
from compiler.parse.asyncapi import AsyncApi
from compiler.parse.graphql import Graph
from compiler.parse.openapi import OpenApi
from compiler.parse.protobuf import Proto
from compiler.source import Report, Span


@dataclass(frozen=True)
class Specs:
    """What was read. OpenAPI is always there; of its siblings, those that are."""

    openapi: OpenApi
    graphql: Graph | None = None
    proto: Proto | None = None
    asyncapi: AsyncApi | None = None


def link(specs: Specs, report: Report) -> Contract:
    """The Contract."""
    openapi = specs.openapi
    known = Known(openapi.schemas)
    AccessLinker(openapi, known, report).link()
    EntityLinker(openapi, known, report).link()
    if openapi.owned:
        check_habits(openapi, known, report)
    modules = naming.unique(
        {operation.service for operation in openapi.operations} | openapi.tags.keys(), naming.module
    )
    by_id = {operation.id: operation for operation in openapi.operations}
    fields: dict[str, tuple[GraphField, ...]] = {}
    if specs.graphql is not None:
        fields = GraphLinker(specs.graphql, known, by_id, report).link()
    rpcs: dict[str, Rpc] = {}
    internal: list[Operation] = []
    schemas: dict[str, Schema] = {}
    protos = None
    if specs.proto is not None:
        protos = ProtoLinker(specs.proto, known, by_id, modules, report)
        protos.link()
        inside = InternalLinker(specs.proto, known, report)
        internal, schemas, rpcs = inside.link(protos.internal), inside.schemas, protos.found
    operations = [
        replace(row, graphql=fields.get(row.id, ()), rpc=rpcs.get(row.id))
        for row in openapi.operations
    ]
    operations = sorted([*operations, *internal], key=lambda row: row.id)
    events = None
    if specs.asyncapi is not None:
        _compare_versions(openapi, specs.asyncapi, report)
        events = EventLinker(specs.asyncapi, known, modules, openapi.owned, report)
        events.link(operations)
    consumers = sorted(events.consumers, key=lambda row: row.id) if events else []
    named = {row.service for row in operations} | {row.service for row in consumers}
    return Contract(
        title=openapi.title,
        version=openapi.version,
        base_path=openapi.base_path,
        services=tuple(
            Service(
                name,
                modules[name],
                tuple(row.id for row in operations if row.service == name),
                tuple(row.id for row in consumers if row.service == name),
                *_place(openapi, name, operations),
            )
            for name in sorted(named & modules.keys())
        ),
        operations=tuple(operations),
        schemas=tuple(sorted((*openapi.schemas, *schemas.values()), key=lambda row: row.name)),
        problems=openapi.problems,
        roles=openapi.roles,
        resources=openapi.resources,
        events=tuple(events.events[type] for type in sorted(events.events)) if events else (),
        channels=tuple(sorted(events.channels, key=lambda row: row.name)) if events else (),
        consumers=tuple(consumers),
        security=openapi.security,
        streams=tuple(sorted(protos.streams, key=lambda s: s.rpc.name)) if protos else (),
        messages=tuple(events.messages[name] for name in sorted(events.messages)) if events else (),
        package=specs.proto.package if specs.proto else "",
        proto=specs.proto.descriptors if specs.proto else b"",
        graphql=specs.graphql.document if specs.graphql else None,
        asyncapi=specs.asyncapi.root.sorted_plain() if specs.asyncapi else None,
        openapi=openapi.root.sorted_plain(),
    )


def _compare_versions(openapi: OpenApi, asyncapi: AsyncApi, report: Report) -> None:
    version = asyncapi.root.child("info").child("version")
    if openapi.owned and version.value != openapi.version:
        place = openapi.root.child("info").child("version").span
        message = f"the version is {version.value!r} here but {openapi.version!r} at {place}"
        report.add(version.span, "version-mismatch", message)


def _place(openapi: OpenApi, name: str, operations: list[Operation]) -> tuple[Span, str]:
    declared = openapi.tags.get(name)
    if declared is not None:
        return declared
    first = next(row for row in operations if row.service == name)
    return first.span, ""
