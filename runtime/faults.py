"""What is said of input that the schema refuses: one vocabulary for all paths."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import ValidationError

from runtime.problem import MOST_ERRORS, InputError, MalformedRequest

# JSON Schema's words, and what is said of each; both paths speak by this table.
SENTENCES: dict[str, str] = {
    "required": "is required",
    "unknown": "is not a property here",
    "type": "must be {limit}",
    "enum": "must be one of {limit}",
    "minLength": "must have at least {limit} characters",
    "maxLength": "must have at most {limit} characters",
    "pattern": "must match {limit}",
    "format": "must be {limit}",
    "minItems": "must have at least {limit} items",
    "maxItems": "must have at most {limit} items",
    "uniqueItems": "must not hold the same twice",
    "minimum": "must be at least {limit}",
    "exclusiveMinimum": "must be more than {limit}",
    "maximum": "must be at most {limit}",
    "exclusiveMaximum": "must be less than {limit}",
    "multipleOf": "must be a multiple of {limit}",
    "discriminator": "must say which kind it is",
    "invalid": "is not valid",
}
TYPES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
FORMATS = {"date": "a day, as 2026-01-31", "date-time": "a moment, as 2026-01-31T09:30:00.000Z"}

# pydantic's error types → the word, and its limit: a constant, or a key of the error's context.
_WORDS: dict[str, tuple[str, str]] = {
    "missing": ("required", ""),
    "extra_forbidden": ("unknown", ""),
    "string_type": ("type", TYPES["string"]),
    "string_sub_type": ("type", TYPES["string"]),
    "string_unicode": ("type", TYPES["string"]),
    "int_type": ("type", TYPES["integer"]),
    "int_from_float": ("type", TYPES["integer"]),
    "int_parsing": ("type", TYPES["integer"]),
    "float_type": ("type", TYPES["number"]),
    "finite_number": ("type", TYPES["number"]),
    "bool_type": ("type", TYPES["boolean"]),
    "bool_parsing": ("type", TYPES["boolean"]),
    "list_type": ("type", TYPES["array"]),
    "dict_type": ("type", TYPES["object"]),
    "model_type": ("type", TYPES["object"]),
    "model_attributes_type": ("type", TYPES["object"]),
    "none_required": ("type", TYPES["null"]),
    "date_type": ("type", TYPES["string"]),
    "string_too_short": ("minLength", "{min_length}"),
    "string_too_long": ("maxLength", "{max_length}"),
    "string_pattern_mismatch": ("pattern", "{pattern}"),
    "too_short": ("minItems", "{min_length}"),
    "too_long": ("maxItems", "{max_length}"),
    "greater_than_equal": ("minimum", "{ge}"),
    "greater_than": ("exclusiveMinimum", "{gt}"),
    "less_than_equal": ("maximum", "{le}"),
    "less_than": ("exclusiveMaximum", "{lt}"),
    "multiple_of": ("multipleOf", "{multiple_of}"),
    "unique_items": ("uniqueItems", ""),
    "enum": ("enum", "{expected}"),
    "literal_error": ("enum", "{expected}"),
    "date_parsing": ("format", FORMATS["date"]),
    "date_from_datetime_parsing": ("format", FORMATS["date"]),
    "date_from_datetime_inexact": ("format", FORMATS["date"]),
    "datetime_parsing": ("format", FORMATS["date-time"]),
    "union_tag_invalid": ("discriminator", ""),
    "union_tag_not_found": ("discriminator", ""),
}
_QUOTED = re.compile(r"'([^']*)'")


def collect(error: ValidationError, faults: list[InputError]) -> None:
    """pydantic's findings, in our words. Raises MalformedRequest for what is not JSON at all."""
    for item in error.errors(include_url=False, include_input=False)[:MOST_ERRORS]:
        if item["type"] == "json_invalid":
            raise MalformedRequest("The body is not JSON.") from None
        code, limit = _WORDS.get(item["type"], ("invalid", ""))
        if limit.startswith("{"):
            limit = str(item.get("ctx", {}).get(limit[1:-1], ""))
        if code == "enum":
            # pydantic writes 'a', 'b' or 'c'.
            limit = listed(_QUOTED.findall(limit))
        faults.append(InputError(pointer(item["loc"]), code, sentence(code, limit)))


# Choices named in one message: more are the contract's to list.
_MOST_CHOICES = 20


def listed(choices: Sequence[str]) -> str:
    """The choices, as a message names them."""
    if len(choices) <= _MOST_CHOICES:
        return ", ".join(choices)
    return f"{', '.join(choices[:_MOST_CHOICES])}, … ({len(choices)} in all)"


def sentence(code: str, limit: object) -> str:
    """What is said of a fault."""
    return SENTENCES.get(code, SENTENCES["invalid"]).replace("{limit}", str(limit))


def pointer(location: tuple[int | str, ...]) -> str:
    """An RFC 6901 pointer from the root of the body."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)
