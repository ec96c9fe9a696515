"""Writing answers as JSON."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from runtime.model import Entity

# The slot itself: an attribute that is not set would be looked for by pydantic too, for 2 µs.
_WIRE = Entity.__dict__["wire"]


def json_writer(type: Any) -> Callable[[Any], bytes]:
    """Turns values of `type` into JSON, named as on the wire."""
    write = partial(TypeAdapter(type).serializer.to_json, by_alias=True)
    if not (isinstance(type, builtins.type) and issubclass(type, Entity)):
        return write
    kept, keep = _WIRE.__get__, _WIRE.__set__

    def write_once(entity: Any) -> bytes:
        try:
            return kept(entity)  # type: ignore[no-any-return] # only this fills it
        except AttributeError:
            text = write(entity)
            # Entities are frozen, and a change makes another object: the text stays true.
            keep(entity, text)
            return text

    return write_once
