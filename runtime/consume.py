"""What generated events stand on: payload codecs, and the contract's row about each consumer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError


class Payload:
    """The codec of an event's `data`: attributes to wire names and back."""

    __slots__ = ("_adapters", "_wire")

    def __init__(self, wire: Mapping[str, str], types: Mapping[str, Any]) -> None:
        self._wire = dict(wire)
        self._adapters = {name: TypeAdapter(type) for name, type in types.items()}

    def write(self, event: Any) -> bytes:
        """`event`'s attributes as a JSON object; None is left out."""
        parts: list[bytes] = []
        for name, adapter in self._adapters.items():
            value = getattr(event, name)
            if value is not None:
                text = adapter.serializer.to_json(value, by_alias=True)
                parts.append(b'"%b":%b' % (self._wire[name].encode(), text))
        return b"{" + b",".join(parts) + b"}"

    def read(self, data: bytes) -> dict[str, Any]:
        """The attributes in `data`. Raises ValueError when it is not this event's."""
        import json

        values = json.loads(data)
        if not isinstance(values, dict):
            raise ValueError("data is not an object")
        unknown = values.keys() - self._wire.values()
        if unknown:
            raise ValueError(f"unknown in data: {', '.join(sorted(unknown))[:200]}")
        found: dict[str, Any] = {}
        for name, adapter in self._adapters.items():
            if self._wire[name] in values:
                text = json.dumps(values[self._wire[name]])
                try:
                    found[name] = adapter.validator.validate_json(
                        text, by_alias=True, by_name=False
                    )
                except ValidationError as error:
                    first = error.errors(include_input=False, include_url=False)[0]
                    raise ValueError(f"data.{self._wire[name]}: {first['msg']}") from None
        return found


@dataclass(frozen=True, slots=True)
class ConsumerRule:
    """An AsyncAPI receive operation: `service`'s `method` takes `types` from `channel`."""

    name: str
    service: str
    method: str
    channel: str
    types: frozenset[str]
