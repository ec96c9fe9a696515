"""Every code that an error about the specs can have, and what it means. docs/spec-errors.md lists them."""

from __future__ import annotations

CODES: dict[str, str] = {
    # files
    "unreadable": "The file is not there, is not UTF-8, or cannot be read.",
    "two-files": "Two files could be the same spec.",
    "no-spec": "The folder holds no OpenAPI document.",
    # YAML and JSON
    "yaml-syntax": "The file is not YAML.",
    "yaml-empty": "The file holds no document.",
    "yaml-documents": "The file holds a second document.",
    "yaml-depth": "Nested too deeply.",
    "yaml-alias": "An alias without an anchor, inside its own anchor, or standing for too much.",
    "yaml-duplicate": "A map has the same key twice.",
    "yaml-key": "A key is not text.",
    "yaml-merge": "A merge key that merges no map.",
    "yaml-number": "A number that JSON does not have.",
    "yaml-tag": "A YAML tag that is not supported.",
    "json-syntax": "The file is not JSON.",
    # shape
    "bad-version": "The document is of a version that is not read.",
    "wrong-kind": "A value of another kind is expected here.",
    "unknown-key": "The key is not known here.",
    "missing-key": "A key is missing.",
    "bad-value": "The value is none of those allowed here.",
    "empty": "Something must stand here.",
    "unsupported": "What the specification allows but the compiler does not compile.",
    # references
    "unknown-ref": "A $ref that leads nowhere.",
    "foreign-ref": "A $ref into a file that is not read.",
    "ref-cycle": "A $ref or an allOf that leads back to itself.",
    "ref-sibling": "A key beside a $ref, where it has no effect.",
    # schemas
    "unknown-schema": "There is no such schema.",
    "unknown-property": "There is no such property.",
    "all-of-conflict": "The parts of an allOf contradict each other.",
    "bad-enum": "An enum with values that are not of its type, or twice.",
    "bad-bounds": "Bounds that nothing satisfies.",
    "misplaced-bound": "A bound that has no effect on this type.",
    "bad-pattern": "The pattern is no regular expression.",
    "bad-default": "The default is not of its type.",
    "bad-discriminator": "The discriminator does not tell the members apart.",
    "bad-decimals": "x-decimals does not give the decimals of each currency.",
    "read-write-only": "A property is readOnly and writeOnly.",
    "type-repeat": "A repeated type differs from the schema that its x-type names.",
    # paths and operations
    "bad-server": "A server address that is none, or a second base path.",
    "bad-path": "A path that is none.",
    "same-path": "Two paths that the same request matches.",
    "path-parameter": "The path and its parameters differ.",
    "duplicate-parameter": "A parameter stands twice.",
    "bad-style": "A parameter style that OpenAPI does not define for this value.",
    "unsupported-media": "A content type that is not compiled.",
    "unexpected-body": "A body where HTTP has none.",
    "bad-status": "A response's key is no status.",
    "no-success": "No response says what success looks like.",
    "duplicate-operation": "Two operations have the same id.",
    "bad-tag": "An operation does not name its one service.",
    "unsupported-security": "A security requirement that is not compiled.",
    "unknown-security": "There is no such security scheme.",
    # tables
    "unknown-role": "There is no such role, or it includes itself.",
    "unknown-protocol": "There is no such protocol.",
}
