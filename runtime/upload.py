"""A body that is a file: its content type, and its bytes as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upload:
    """`media` is the content type without parameters, in lower case."""

    media: str
    chunks: AsyncIterator[bytes]
