"""Reading what clients send: parameters from text, bodies from JSON, all faults at once.

The codes are JSON Schema's words, so that the compiled and the interpreted path report alike.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from runtime.faults import FORMATS, TYPES, collect, listed, sentence
from runtime.problem import InputError, InvalidInput
from runtime.scalar import instant

T = TypeVar("T")
EnumT = TypeVar("EnumT", bound=Enum)


class Fault(Exception):
    """Why a text is not a value: a JSON Schema word, and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


Parse = Callable[[str], T]

# No limit in Python's regular expressions protects from a pattern's own cost, so long text is not
# matched.
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})").fullmatch
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]{1,3})?").fullmatch


def text(
    shortest: int | None = None, longest: int | None = None, pattern: str | None = None
) -> Parse[str]:
    """A string within bounds."""
    search = re.compile(whole(pattern)).search if pattern else None

    def parse(value: str) -> str:
        if shortest is not None and len(value) < shortest:
            raise Fault("minLength", sentence("minLength", shortest))
        if longest is not None and len(value) > longest:
            raise Fault("maxLength", sentence("maxLength", longest))
        if search is not None and not search(value):
            raise Fault("pattern", sentence("pattern", pattern))
        return value

    return parse


def whole(pattern: str) -> str:
    """`pattern` with a `$` that means the end, as in ECMA-262; Python's also matches before a
    newline.
    """
    return (
        pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern
    )


def integer(least: int | None = None, most: int | None = None) -> Parse[int]:
    """A decimal integer within bounds; no sign but minus, no blanks, no underscores."""

    def parse(value: str) -> int:
        if not _INTEGER(value):
            raise Fault("type", sentence("type", TYPES["integer"]))
        return _within(int(value), least, most)

    return parse


def number(least: float | None = None, most: float | None = None) -> Parse[float]:
    """A JSON number within bounds."""

    def parse(value: str) -> float:
        if len(value) > 64 or not _NUMBER(value):
            raise Fault("type", sentence("type", TYPES["number"]))
        return _within(float(value), least, most)

    return parse


N = TypeVar("N", int, float)


def _within(value: N, least: float | None, most: float | None) -> N:
    if least is not None and value < least:
        raise Fault("minimum", sentence("minimum", least))
    if most is not None and value > most:
        raise Fault("maximum", sentence("maximum", most))
    return value


def boolean() -> Parse[bool]:
    """`true` or `false`."""

    def parse(value: str) -> bool:
        if value == "true":
            return True
        if value == "false":
            return False
        raise Fault("type", sentence("type", TYPES["boolean"]))

    return parse


def choice(enum: type[EnumT]) -> Parse[EnumT]:
    """One value of an enum."""
    members: Mapping[str, EnumT] = {str(member.value): member for member in enum}
    message = sentence("enum", listed(list(members)))

    def parse(value: str) -> EnumT:
        try:
            return members[value]
        except KeyError:
            raise Fault("enum", message) from None

    return parse


def one_of(*values: Any) -> Parse[Any]:
    """One of the values, compared as text."""
    members = {str(value): value for value in values}
    message = sentence("enum", listed(list(members)))

    def parse(value: str) -> Any:
        try:
            return members[value]
        except KeyError:
            raise Fault("enum", message) from None

    return parse


def day(
    shortest: int | None = None, longest: int | None = None, pattern: str | None = None
) -> Parse[date]:
    """A day, `YYYY-MM-DD`."""
    shaped = text(shortest, longest or 10, pattern or "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")

    def parse(value: str) -> date:
        try:
            return date.fromisoformat(shaped(value))
        except ValueError:
            raise Fault("format", sentence("format", FORMATS["date"])) from None

    return parse


def moment(
    shortest: int | None = None, longest: int | None = None, pattern: str | None = None
) -> Parse[datetime]:
    """A moment in RFC 3339."""
    shaped = text(shortest, longest or 64, pattern)

    def parse(value: str) -> datetime:
        try:
            return instant(shaped(value))
        except ValueError:
            raise Fault("format", sentence("format", FORMATS["date-time"])) from None

    return parse


def decimal(
    shortest: int | None = None, longest: int | None = None, pattern: str | None = None
) -> Parse[Decimal]:
    """A decimal string."""
    shaped = text(shortest, longest or 64, pattern or "^-?[0-9]+([.][0-9]+)?$")

    def parse(value: str) -> Decimal:
        return Decimal(shaped(value))

    return parse


def array(
    item: Parse[T], fewest: int | None = None, most: int | None = None, separator: str = ","
) -> Parse[list[T]]:
    """Values in one text, with a separator between them."""

    def parse(value: str) -> list[T]:
        parts = value.split(separator) if value else []
        if fewest is not None and len(parts) < fewest:
            raise Fault("minItems", sentence("minItems", fewest))
        if most is not None and len(parts) > most:
            raise Fault("maxItems", sentence("maxItems", most))
        return [item(part) for part in parts]

    return parse


class Param(Generic[T]):
    """One declared parameter: where it is found, and how its text becomes a value."""

    __slots__ = ("default", "name", "parse", "pointer", "required")

    def __init__(
        self,
        name: str,
        pointer: str,
        parse: Parse[T],
        *,
        required: bool = False,
        default: Any = None,
    ) -> None:
        self.name = name
        self.pointer = pointer
        self.parse = parse
        self.required = required
        self.default = default

    def read(self, value: str | None, faults: list[InputError]) -> Any:
        """The value of `value`, or the default; what is wrong is appended to `faults`."""
        if value is None:
            if self.required:
                faults.append(InputError(self.pointer, "required", "is required"))
            return self.default
        try:
            return self.parse(value)
        except Fault as fault:
            faults.append(InputError(self.pointer, fault.code, fault.message))
            return self.default


def unknown_parameters(
    given: Mapping[str, str], declared: frozenset[str], faults: list[InputError]
) -> None:
    """A fault for each query parameter that the operation does not declare."""
    for name in given:
        if name not in declared:
            faults.append(InputError(f"?{name[:100]}", "unknown", "is not a parameter here"))


_NONE: frozenset[str] = frozenset()


def no_parameters(given: Mapping[str, str], faults: list[InputError]) -> None:
    """A fault for each query parameter, where none is declared."""
    unknown_parameters(given, _NONE, faults)


# pydantic makes a Python copy of the input for each fault, and lists every unknown name: a mebibyte
# of them is half a second (measured). Commas are counted in 0.8 ms, and tell it from a good body.
_MANY_COMMAS = 1000


def most_commas(schema: Mapping[str, Any], named: Mapping[str, Any]) -> float:
    """How many commas a text that a JSON schema allows can have, those within strings counted."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        # A schema within itself has no bound.
        return most_commas(named[name], {**named, name: {}}) if named[name] else math.inf
    if "enum" in schema or "const" in schema:
        return max(str(each).count(",") for each in schema.get("enum", [schema.get("const")]))
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if alternatives:
        return max(most_commas(each, named) for each in alternatives)
    kind = schema.get("type")
    if kind == "string":
        return float(schema.get("maxLength", math.inf))
    if kind == "array":
        fewest = most_commas(schema.get("items", {}), named)
        return float(schema.get("maxItems", math.inf)) * (fewest + 1)
    if kind == "object" and schema.get("additionalProperties") is False:
        return sum(most_commas(each, named) + 1 for each in schema.get("properties", {}).values())
    return 0 if kind in ("integer", "number", "boolean", "null") else math.inf


class JsonBody(Generic[T]):
    """Reads JSON bodies of one type."""

    __slots__ = ("_adapter", "_most", "_validator")

    def __init__(self, type: Any) -> None:
        self._adapter = TypeAdapter[T](type)
        self._validator = self._adapter.validator
        self._most: float | None = None

    def read(self, raw: bytes, faults: list[InputError]) -> T | None:
        """The value in `raw`; faults are appended, and what is not JSON at all raises
        MalformedRequest.
        """
        if (commas := raw.count(b",")) > _MANY_COMMAS and commas > self._most_commas():
            raise InvalidInput(errors=[InputError("", "invalid", "holds more than it may")])
        try:
            value: T = self._validator.validate_json(raw, by_alias=True, by_name=False)
        except ValidationError as error:
            collect(error, faults)
            return None
        return value

    def _most_commas(self) -> float:
        if self._most is None:
            schema = self._adapter.json_schema()
            self._most = most_commas(schema, schema.get("$defs", {}))
        return self._most

    def check(self, value: Any) -> T:
        """The value that parsed JSON holds. Raises InvalidInput."""
        import json

        faults: list[InputError] = []
        read = self.read(json.dumps(value).encode(), faults)
        if faults or read is None:
            raise InvalidInput(errors=faults)
        return read
