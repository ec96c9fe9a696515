"""`x-entity` and `x-search`: what they name is there, and each entity has what every entity has."""

from __future__ import annotations

from dataclasses import dataclass

from compiler import naming
from compiler.ir import EntityInfo, Field, Schema
from compiler.link.types import Known
from compiler.parse.openapi import OpenApi
from compiler.source import Report, Span

_EVERY = ("id", "version", "createdAt", "updatedAt")
# What a facet may be besides a field: it is computed of one.
_COMPUTED = ("month",)


@dataclass
class EntityLinker:
    """Checks how entities are kept and searched."""

    openapi: OpenApi
    known: Known
    report: Report

    def link(self) -> None:
        """Reports every name that leads nowhere."""
        tables: dict[tuple[str, str], Schema] = {}
        for schema in self.openapi.schemas:
            if schema.entity is not None:
                self._entity(schema, schema.entity)
                place = (schema.entity.home, schema.entity.table)
                other = tables.setdefault(place, schema)
                if other is not schema:
                    message = f"{schema.name} has the table of {other.name} at {other.span}"
                    self.report.add(schema.entity.span, "duplicate-table", message)
            if schema.search is not None:
                self._search(schema)

    def _field(
        self, schema: Schema, known: dict[str, Field], path: str, span: Span, what: str
    ) -> None:
        if path in known or self.known.reach(schema.type, path) is not None:
            return
        message = f"{schema.name} has no {path!r}, which is {what}{naming.nearest(path, known)}"
        self.report.add(span, "unknown-field", message)

    def _entity(self, schema: Schema, entity: EntityInfo) -> None:
        fields = self.known.fields(schema.type)
        if self.known.real(schema.type).kind != "object":
            message = f"{schema.name} is no object, so it cannot be an entity"
            self.report.add(entity.span, "bad-entity", message)
            return
        if entity.service not in self.openapi.tags:
            near = naming.nearest(entity.service, self.openapi.tags)
            message = f"{schema.name}: no tag declares the service {entity.service!r}{near}"
            self.report.add(entity.span, "unknown-service", message)
        for name in _EVERY:
            if name not in fields or not fields[name].required:
                message = f"{schema.name} must require {name!r}, as every entity"
                self.report.add(entity.span, "bad-entity", message)
        every = {**fields, **{field.name: field for field in entity.private}}
        for field in entity.private:
            if field.name in fields:
                message = f"{schema.name}.{field.name} is private but also a property"
                self.report.add(field.span, "bad-entity", message)
        span = entity.span
        self._field(schema, every, entity.key, span, "its key")
        for group, what in ((entity.unique, "unique"), (entity.indexes, "indexed")):
            for columns in group:
                for path in columns:
                    self._field(schema, every, path, span, what)
        for name, paths in entity.sets:
            for path in paths:
                self._field(schema, every, path, span, f"in the set {name}")
        for path, currency in entity.money:
            self._money(schema, every, path, currency, span)
        self._prefix(schema, entity, fields)

    def _money(
        self, schema: Schema, every: dict[str, Field], path: str, currency: str, span: Span
    ) -> None:
        self._field(schema, every, path, span, "money")
        self._field(schema, every, currency, span, f"the currency of {path}")
        type = self.known.reach(schema.type, path)
        if type is not None and self.known.real(type).format != "decimal":
            message = f"{schema.name}.{path} is money but not of format decimal"
            self.report.add(span, "bad-entity", message)

    def _prefix(self, schema: Schema, entity: EntityInfo, fields: dict[str, Field]) -> None:
        if not entity.prefix or entity.key not in fields:
            return
        pattern = self.known.real(fields[entity.key].type).bounds.pattern or ""
        if not pattern.startswith(f"^{entity.prefix}_"):
            place = fields[entity.key].span
            message = f"{schema.name} has ids that begin with {entity.prefix}_ but not at {place}"
            self.report.add(entity.span, "bad-entity", message)

    def _search(self, schema: Schema) -> None:
        search = schema.search
        if search is None:
            return
        fields = self.known.fields(schema.type)
        for name in (*search.text, *search.filters):
            self._field(schema, fields, name, search.span, "searched")
        for name in search.facets:
            if name not in _COMPUTED:
                self._field(schema, fields, name, search.span, "a facet")
