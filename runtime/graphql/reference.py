"""What Strawberry's resolvers ask: the same operations, a field at a time.

Documents are executed by their plans (execute.py). This is how the schema executes itself, as
`schema.execute` and `schema.subscribe` do: the reference that the plans are held to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from strawberry import UNSET
from strawberry.dataloader import DataLoader
from strawberry.types import get_object_definition

from runtime.graphql.asked import Asker
from runtime.graphql.resolve import Fields, Resolver


class FieldResolver:
    """The context of one execution by graphql-core."""

    def __init__(self, fields: Fields, asker: Asker) -> None:
        self.resolver = Resolver(fields, asker)
        self._loaders: dict[str, DataLoader[str, Any]] = {}

    async def run(self, key: str, values: Mapping[str, Any]) -> Any:
        """What the field `key` gives. Raises the refusal as a Problem."""
        return await self.resolver.run(key, _plain(values))

    async def load(self, key: str, id: str, values: Mapping[str, Any]) -> Any:
        """What the nested field `key` gives for one of the objects of its level."""
        plain = _plain(values)
        alike = f"{key} {sorted(plain.items())}"
        loader = self._loaders.get(alike)
        if loader is None:

            async def many(ids: list[str]) -> list[Any]:
                return await self.resolver.load_many(key, ids, plain)

            loader = self._loaders[alike] = DataLoader(many)
        return await loader.load(id)

    async def watch(self, key: str, values: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """The events of the subscription `key`."""
        async with aclosing(await self.resolver.begin(key, _plain(values))) as events:
            async for event in events:
                yield event


def _plain(value: Any) -> Any:
    """Strawberry's inputs as JSON, by the names of the wire; what was left out is not there."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items() if item is not UNSET}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    definition = get_object_definition(value)
    if definition is None:
        return value
    pairs = ((f.graphql_name or f.name, getattr(value, f.name)) for f in definition.fields)
    return {name: _plain(item) for name, item in pairs if item is not UNSET}
