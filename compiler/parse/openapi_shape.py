"""What may stand where in an OpenAPI document: the specification as a table, with our `x-` keys.

Names in quotes are rows; a row may contain itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from compiler.parse.schema_shape import ANNOTATIONS, SCHEMA_KEYS, SCHEMA_KEYS_31
from compiler.parse.shape import (
    ANY,
    FLAG,
    NAME,
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

METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
PROTOCOLS = ("graphql", "grpc")
COMPARISONS = ("eq", "gte", "lte", "has", "missing")
GRPC_STATUS = (
    "CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS "
    "PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED "
    "INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
)
_SCHEMA = Named("schema")
_STYLES = ("matrix", "label", "form", "simple", "spaceDelimited", "pipeDelimited", "deepObject")
_EXAMPLES: dict[str, Want] = {"example": ANY, "examples": MapOf(ANY)}

_PARAMETER_KEYS: dict[str, Want] = {
    "description": TEXT,
    "required": FLAG,
    "deprecated": FLAG,
    "allowEmptyValue": FLAG,
    "style": Text(_STYLES),
    "explode": FLAG,
    "allowReserved": FLAG,
    "schema": _SCHEMA,
    "content": MapOf(Named("media"), least=1),
    **_EXAMPLES,
}
_ACCESS = Record("x-access", {"resource": NAME, "argument": NAME, "least": NAME})
_OPERATION: dict[str, Want] = {
    "tags": TEXTS,
    "summary": TEXT,
    "description": TEXT,
    "externalDocs": ANY,
    "operationId": NAME,
    "parameters": ListOf(Named("parameter")),
    "requestBody": Named("body"),
    "callbacks": ANY,
    "deprecated": FLAG,
    "security": ListOf(MapOf(TEXTS)),
    "servers": ANY,
    "x-scope": NAME,
    "x-access": Either((_ACCESS, ListOf(_ACCESS, least=1))),
    "x-verified": FLAG,
    "x-rate": Record(
        "x-rate",
        {
            "policy": NAME,
            "limit": Number(whole=True, least=1),
            "window": Number(whole=True, least=1),
        },
        {"by": ListOf(Text(("caller", "address", "account")), least=1)},
    ),
    "x-problems": TEXTS,
    "x-deadline": Number(above=0),
    "x-emits": TEXTS,
    "x-body-limit": Number(whole=True, least=1),
    "x-protocols": MapOf(NAME, least=1),
    "x-list": Record(
        "x-list",
        {"entity": NAME, "sort": ListOf(NAME, least=1), "default": NAME},
        {
            "filters": MapOf(
                Either((NAME, Record("a filter", {"field": NAME, "op": Text(COMPARISONS)})))
            )
        },
    ),
    "x-internal": FLAG,
}
_COMPONENTS: dict[str, Want] = {
    "schemas": MapOf(_SCHEMA),
    "responses": MapOf(Named("response")),
    "parameters": MapOf(Named("parameter")),
    "examples": MapOf(ANY),
    "requestBodies": MapOf(Named("body")),
    "headers": MapOf(Named("header")),
    "securitySchemes": MapOf(Named("security")),
    "links": MapOf(Named("link")),
    "callbacks": ANY,
    "pathItems": ANY,
}
_SERVER = Record(
    "a server",
    {"url": TEXT},
    {
        "description": TEXT,
        "variables": MapOf(
            Record("a variable", {"default": TEXT}, {"enum": ListOf(TEXT), "description": TEXT})
        ),
    },
)
_TABLE: dict[str, Want] = {
    "document": Record(
        "an OpenAPI document",
        {"openapi": TEXT, "info": Named("info"), "paths": MapOf(Named("path"))},
        {
            "servers": ListOf(_SERVER),
            "components": Record("components", {}, _COMPONENTS),
            "security": ListOf(MapOf(TEXTS)),
            "tags": ListOf(
                Record("a tag", {"name": NAME}, {"description": TEXT, "externalDocs": ANY})
            ),
            "externalDocs": ANY,
            "webhooks": ANY,
            "x-problems": MapOf(Named("problem")),
            "x-roles": MapOf(Record("a role", {"scopes": TEXTS}, {"includes": TEXTS})),
            "x-resources": MapOf(
                Record("a resource", {"service": NAME, "levels": ListOf(NAME, least=1)})
            ),
        },
    ),
    "info": Record(
        "info",
        {"title": TEXT, "version": TEXT},
        {
            "description": TEXT,
            "summary": TEXT,
            "termsOfService": TEXT,
            "contact": ANY,
            "license": ANY,
        },
    ),
    "problem": Record(
        "a problem",
        {
            "status": Number(whole=True, least=100),
            "grpc": Text(tuple(GRPC_STATUS.split())),
            "graphql": NAME,
            "title": NAME,
        },
    ),
    "path": Record(
        "a path",
        {},
        {
            "summary": TEXT,
            "description": TEXT,
            "servers": ANY,
            "parameters": ListOf(Named("parameter")),
            **{method: Named("operation") for method in METHODS},
        },
        ref=True,
    ),
    "operation": Record(
        "an operation", {"responses": MapOf(Named("response"), least=1)}, _OPERATION
    ),
    "parameter": Record(
        "a parameter",
        {"name": NAME, "in": Text(("cookie", "header", "path", "query"))},
        _PARAMETER_KEYS,
        ref=True,
    ),
    "header": Record("a header", {}, _PARAMETER_KEYS, ref=True),
    "body": Record(
        "a request body",
        {"content": MapOf(Named("media"), least=1)},
        {"description": TEXT, "required": FLAG},
        ref=True,
    ),
    "media": Record(
        "a media type",
        {},
        {"schema": _SCHEMA, "encoding": MapOf(ANY), **_EXAMPLES},
    ),
    "response": Record(
        "a response",
        {"description": TEXT},
        {
            "headers": MapOf(Named("header")),
            "content": MapOf(Named("media")),
            "links": MapOf(Named("link")),
        },
        ref=True,
    ),
    "link": Record(
        "a link",
        {},
        {
            "operationId": NAME,
            "operationRef": NAME,
            "parameters": MapOf(ANY),
            "requestBody": ANY,
            "description": TEXT,
            "server": ANY,
        },
        ref=True,
    ),
    "security": Record(
        "a security scheme",
        {"type": Text(("apiKey", "http", "oauth2", "openIdConnect"))},
        {
            "description": TEXT,
            "name": NAME,
            "in": Text(("cookie", "header", "query")),
            "scheme": NAME,
            "bearerFormat": TEXT,
            "flows": ANY,
            "openIdConnectUrl": TEXT,
        },
        ref=True,
    ),
}


def _table(keys: Mapping[str, Want], loose: frozenset[str]) -> dict[str, Want]:
    return {**_TABLE, "schema": Record("a schema", {}, keys, ref=True, loose=loose)}


OPENAPI_30 = _table(SCHEMA_KEYS, ANNOTATIONS)
# In 3.1 every keyword counts beside a $ref.
OPENAPI_31 = _table(SCHEMA_KEYS_31, frozenset(SCHEMA_KEYS_31))
