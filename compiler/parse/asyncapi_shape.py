"""What may stand where in an AsyncAPI 3.0 document, with our `x-` keys."""

from __future__ import annotations

from compiler.parse.schema_shape import SCHEMA_KEYS_31
from compiler.parse.shape import (
    ANY,
    NAME,
    TEXT,
    TEXTS,
    ListOf,
    MapOf,
    Named,
    Record,
    Text,
    Want,
)

_SCHEMA_KEYS: dict[str, Want] = {**SCHEMA_KEYS_31, "x-view": NAME}
_REF = Record("a reference", {"$ref": NAME})
_TRAITS: dict[str, Want] = {"tags": ANY, "externalDocs": ANY, "bindings": MapOf(ANY), "traits": ANY}

ASYNCAPI: dict[str, Want] = {
    "document": Record(
        "an AsyncAPI document",
        {"asyncapi": TEXT, "info": Named("info")},
        {
            "id": TEXT,
            "defaultContentType": NAME,
            "servers": MapOf(Named("server")),
            "channels": MapOf(Named("channel")),
            "operations": MapOf(Named("operation")),
            "components": Named("components"),
        },
    ),
    "info": Record(
        "info",
        {"title": TEXT, "version": TEXT},
        {
            "description": TEXT,
            "termsOfService": TEXT,
            "contact": ANY,
            "license": ANY,
            "tags": ANY,
            "externalDocs": ANY,
        },
    ),
    "server": Record(
        "a server",
        {"host": TEXT, "protocol": NAME},
        {
            "protocolVersion": TEXT,
            "pathname": TEXT,
            "title": TEXT,
            "summary": TEXT,
            "description": TEXT,
            "variables": ANY,
            "security": ANY,
            **_TRAITS,
        },
        ref=True,
    ),
    "channel": Record(
        "a channel",
        {"address": NAME},
        {
            "title": TEXT,
            "summary": TEXT,
            "description": TEXT,
            "messages": MapOf(Named("message")),
            "servers": ListOf(_REF),
            "parameters": ANY,
            "x-topics": MapOf(Named("topic")),
            "x-close-codes": MapOf(TEXT),
            "x-subprotocol": NAME,
            **_TRAITS,
        },
        ref=True,
    ),
    "topic": Record("a topic", {"watches": NAME}, {"sends": NAME}),
    "operation": Record(
        "an operation",
        {"action": Text(("receive", "send")), "channel": _REF},
        {
            "title": TEXT,
            "summary": TEXT,
            "description": TEXT,
            "messages": ListOf(_REF),
            "security": ANY,
            "reply": ANY,
            "x-service": NAME,
            "x-emits": TEXTS,
            **_TRAITS,
        },
        ref=True,
    ),
    "message": Record(
        "a message",
        {},
        {
            "name": NAME,
            "title": TEXT,
            "summary": TEXT,
            "description": TEXT,
            "contentType": NAME,
            "headers": Named("schema"),
            "payload": Named("schema"),
            "correlationId": ANY,
            "examples": ANY,
            "x-key": NAME,
            "x-subject": NAME,
            **_TRAITS,
        },
        ref=True,
    ),
    "schema": Record("a schema", {}, _SCHEMA_KEYS, ref=True, loose=frozenset(_SCHEMA_KEYS)),
    "components": Record(
        "components",
        {},
        {
            "schemas": MapOf(Named("schema")),
            "messages": MapOf(Named("message")),
            "servers": MapOf(Named("server")),
            "channels": MapOf(Named("channel")),
            "operations": MapOf(Named("operation")),
            "securitySchemes": ANY,
            "parameters": ANY,
            "correlationIds": ANY,
            "replies": ANY,
            "replyAddresses": ANY,
            "externalDocs": ANY,
            "tags": ANY,
            "operationTraits": ANY,
            "messageTraits": ANY,
            "serverBindings": ANY,
            "channelBindings": ANY,
            "operationBindings": ANY,
            "messageBindings": ANY,
            "serverVariables": ANY,
        },
    ),
}
