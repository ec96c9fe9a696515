"""Writing answers as JSON."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from runtime.model import Entity


def json_writer(type: Any) -> Callable[[Any], bytes]:
    """Turns values of `type` into JSON, named as on the wire."""
    write = partial(TypeAdapter(type).serializer.to_json, by_alias=True)
    if not (isinstance(type, builtins.type) and issubclass(type, Entity)):
        return write
    keep = object.__setattr__

    def write_once(entity: Any) -> bytes:
        try:
            return entity.wire  # type: ignore[no-any-return] # a slot that only this fills
        except AttributeError:
            text = write(entity)
            # Entities are frozen, and a change makes another object: the text stays true.
            keep(entity, "wire", text)
            return text

    return write_once
