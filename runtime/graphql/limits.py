"""How much one request may ask for. The contract's page sizes say what a list costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond any of these a document is refused before anything runs."""

    # What a document is made of; the standard introspection query has some 400 tokens. Validation
    # compares fields with each other and fragments with each other: their number counts twice.
    text: int = 64 * 1024
    tokens: int = 2000
    fields: int = 500
    definitions: int = 50
    # Levels of fields. Introspection goes by levels of its own.
    depth: int = 10
    introspection_depth: int = 15
    aliases: int = 30
    directives: int = 30
    # Operations of the contract in one document: each pays for itself, too.
    roots: int = 20
    # Objects that it may answer at most; a page of 200, each with a page of 50, is 10,201.
    cost: int = 20_000
    # Requests in one body.
    batch: int = 5
    # Bytes of one body, and of a document that is remembered.
    body: int = 1 << 20
    # Whether the schema may be asked for.
    introspection: bool = True
