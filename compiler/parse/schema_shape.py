"""What may stand in a schema: OpenAPI 3.0's keywords, what 3.1 adds, our `x-` keys."""

from __future__ import annotations

from compiler.parse.shape import (
    ANY,
    FLAG,
    NAME,
    NUMBER,
    SIZE,
    TEXT,
    TEXTS,
    Either,
    ListOf,
    MapOf,
    Named,
    Number,
    Record,
    Text,
    Want,
)

HOMES = ("mongodb", "postgresql", "mysql", "redis", "elasticsearch", "sqlite")
_SCHEMA = Named("schema")
_SIMPLE_TYPES = ("array", "boolean", "integer", "number", "object", "string")

# The keywords that only describe: they may stand beside a $ref, and beside one in an allOf.
ANNOTATIONS = frozenset(
    ("description", "summary", "title", "example", "examples", "deprecated", "externalDocs", "xml")
)

_ENTITY = Record(
    "x-entity",
    {"service": NAME, "home": Text(HOMES), "table": NAME, "key": NAME},
    {
        "prefix": NAME,
        "internal": FLAG,
        "unique": ListOf(ListOf(NAME, least=1)),
        "indexes": ListOf(ListOf(NAME, least=1)),
        "sets": MapOf(ListOf(NAME, least=1)),
        "private": MapOf(_SCHEMA),
        "money": MapOf(NAME),
    },
)
_SEARCH = Record("x-search", {"text": TEXTS}, {"filters": TEXTS, "facets": TEXTS})
SCHEMA_KEYS: dict[str, Want] = {
    "type": Text(_SIMPLE_TYPES),
    "format": NAME,
    "title": TEXT,
    "description": TEXT,
    "default": ANY,
    "enum": ListOf(ANY, least=1),
    "nullable": FLAG,
    "readOnly": FLAG,
    "writeOnly": FLAG,
    "deprecated": FLAG,
    "example": ANY,
    "externalDocs": ANY,
    "xml": ANY,
    "minLength": SIZE,
    "maxLength": SIZE,
    "pattern": TEXT,
    "minimum": NUMBER,
    "maximum": NUMBER,
    "exclusiveMinimum": FLAG,
    "exclusiveMaximum": FLAG,
    "multipleOf": Number(above=0),
    "items": _SCHEMA,
    "minItems": SIZE,
    "maxItems": SIZE,
    "uniqueItems": FLAG,
    "properties": MapOf(_SCHEMA),
    "required": ListOf(TEXT),
    "additionalProperties": Either((FLAG, _SCHEMA)),
    "minProperties": SIZE,
    "maxProperties": SIZE,
    "allOf": ListOf(_SCHEMA, least=1),
    "oneOf": ListOf(_SCHEMA, least=1),
    "anyOf": ListOf(_SCHEMA, least=1),
    "not": ANY,
    "discriminator": Record(
        "a discriminator", {"propertyName": TEXT}, {"mapping": MapOf(NAME)}, ref=False
    ),
    "x-type": NAME,
    "x-decimals": MapOf(ANY),
    "x-entity": _ENTITY,
    "x-search": _SEARCH,
}
# What 3.1 adds of JSON Schema, as far as it is compiled.
SCHEMA_KEYS_31: dict[str, Want] = {
    **SCHEMA_KEYS,
    "type": Either(
        (Text((*_SIMPLE_TYPES, "null")), ListOf(Text((*_SIMPLE_TYPES, "null")), least=1))
    ),
    "const": ANY,
    "examples": ListOf(ANY),
    "exclusiveMinimum": NUMBER,
    "exclusiveMaximum": NUMBER,
    "$comment": TEXT,
    "contentMediaType": TEXT,
    "contentEncoding": TEXT,
}
