"""Writing answers as JSON."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import TypeAdapter


def json_writer(type: Any) -> Callable[[Any], bytes]:
    """Turns values of `type` into JSON, named as on the wire."""
    return partial(TypeAdapter(type).serializer.to_json, by_alias=True)
