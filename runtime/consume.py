"""What generated events stand on: payload codecs, and the contract's row about each consumer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict


class Payload:
    """The codec of an event's `data`: attributes to wire names and back."""

    __slots__ = ("_adapters", "_names", "_whole", "_wire")

    def __init__(self, wire: Mapping[str, str], types: Mapping[str, Any]) -> None:
        self._wire = dict(wire)
        self._names = {name: attribute for attribute, name in wire.items()}
        self._adapters = {name: TypeAdapter(type) for name, type in types.items()}
        # The whole object as a TypedDict of the wire's names, so that pydantic reads it in one go.
        fields = {wire[attribute]: type for attribute, type in types.items()}
        typed: Any = TypedDict
        whole = typed("Data", fields, total=False)
        whole.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)
        self._whole: TypeAdapter[dict[str, Any]] = TypeAdapter(whole)

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
        try:
            values = self._whole.validator.validate_json(data, by_alias=True, by_name=False)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in ("data", *first["loc"]))
            raise ValueError(f"{place}: {first['msg']}") from None
        return {self._names[name]: value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class ConsumerRule:
    """An AsyncAPI receive operation: `service`'s `method` takes `types` from `channel`."""

    name: str
    service: str
    method: str
    channel: str
    types: frozenset[str]
