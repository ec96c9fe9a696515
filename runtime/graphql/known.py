"""Documents that clients may send by their id: persisted queries, or trusted documents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from runtime.settings import SettingsError

_MANIFEST = TypeAdapter(dict[str, str])


def read_known(path: Path | None) -> Mapping[str, str]:
    """Id → document, from a JSON file such as client tools write. Raises SettingsError."""
    if path is None:
        return {}
    try:
        return _MANIFEST.validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError([f"GRAPHQL_DOCUMENTS: cannot be read: {error.strerror}"]) from None
    except ValidationError:
        raise SettingsError(["GRAPHQL_DOCUMENTS: is not a JSON object of documents"]) from None
