"""`x-entity` and `x-search` beside a schema."""

from __future__ import annotations

from compiler import naming
from compiler.ir import EntityInfo, Field, SearchInfo
from compiler.parse.node import Node
from compiler.parse.schema import Schemas
from compiler.parse.values import canonical


def entity_info(schema: Node, schemas: Schemas) -> EntityInfo | None:
    """How the schema's instances are kept, if they are."""
    node = schema.get("x-entity")
    if node is None:
        return None
    shown = [name for name, _ in schema.child("properties").items()]
    private = dict(node.child("private").items())
    attributes = naming.unique([*shown, *private], naming.attribute)
    return EntityInfo(
        service=node.text("service"),
        home=node.text("home"),
        table=node.text("table"),
        prefix=node.text("prefix"),
        internal=node.flag("internal"),
        key=node.text("key"),
        unique=_lists(node.child("unique")),
        indexes=_lists(node.child("indexes")),
        sets=tuple((name, entry.texts_of()) for name, entry in node.child("sets").items()),
        private=tuple(
            _private(name, attributes[name], private[name], schemas) for name in sorted(private)
        ),
        money=tuple((name, str(entry.value)) for name, entry in node.child("money").items()),
        span=node.key,
    )


def _lists(node: Node) -> tuple[tuple[str, ...], ...]:
    return tuple(element.texts_of() for element in node.elements())


def _private(name: str, attribute: str, node: Node, schemas: Schemas) -> Field:
    type = schemas.of(node)
    default = schemas.default(node, type)
    return Field(
        name,
        attribute,
        type,
        required=False,
        span=node.key,
        default=canonical(default.plain(), type) if default else None,
        has_default=default is not None,
        doc=node.text("description"),
    )


def search_info(schema: Node) -> SearchInfo | None:
    """What the full-text index takes of the schema's instances, if anything."""
    node = schema.get("x-search")
    if node is None:
        return None
    return SearchInfo(node.texts("text"), node.texts("filters"), node.texts("facets"), node.key)
