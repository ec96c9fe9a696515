"""What a document's fields ask for, as calls through the pipeline: one `Resolver` a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from strawberry.dataloader import DataLoader

from runtime.call import Call
from runtime.gate import Gate
from runtime.graphql.binding import Binding
from runtime.idempotency import Arguments, Chain
from runtime.inputs import Inputs
from runtime.operation import Operation
from runtime.problem import Problem
from runtime.together import gathering

Watching = Callable[[Call, Arguments], Awaitable[AsyncGenerator[Any, None]]]


@dataclass(frozen=True, slots=True)
class Bound:
    """A field's binding with its operation's chain, composed once."""

    binding: Binding
    inputs: Inputs
    chain: Chain | None
    watching: Watching | None


class Fields:
    """Every field of the schema that runs an operation, by `Type.field`."""

    def __init__(
        self, gate: Gate, bindings: Mapping[str, Binding], inputs: Mapping[str, Inputs]
    ) -> None:
        self.gate = gate
        self._bound: dict[str, Bound] = {}
        chains: dict[str, Chain] = {}
        for key, binding in bindings.items():
            operation = binding.operation
            watched = binding.gives == "event"
            if not watched and operation.id not in chains:
                chains[operation.id] = gate.chain(operation)
            self._bound[key] = Bound(
                binding,
                inputs[operation.id],
                None if watched else chains[operation.id],
                gate.watching(operation) if watched else None,
            )

    def __getitem__(self, key: str) -> Bound:
        return self._bound[key]

    def get(self, key: str) -> Bound | None:
        """The field's, where it runs an operation."""
        return self._bound.get(key)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, by which request."""

    request_id: str
    token: str | None
    address: str
    traceparent: str
    user_agent: str = ""


class Resolver:
    """Runs the operations of one document. Each pays, and is allowed or not, by itself."""

    __slots__ = ("_asker", "_fields", "_loaders", "calls")

    def __init__(self, fields: Fields, asker: Asker) -> None:
        self._fields = fields
        self._asker = asker
        self._loaders: dict[Any, DataLoader[str, Any]] = {}
        # What was called, in order.
        self.calls: list[Call] = []

    def call(self, operation: Operation) -> Call:
        """The call that a field makes."""
        asker = self._asker
        call = Call(
            operation,
            "graphql",
            asker.request_id,
            token=asker.token,
            address=asker.address,
            traceparent=asker.traceparent,
            user_agent=asker.user_agent if operation.write else "",
        )
        self.calls.append(call)
        return call

    async def run(self, key: str, values: Mapping[str, Any]) -> Any:
        """What the field `key` gives. Raises the refusal as a Problem."""
        bound = self._fields[key]
        call = self.call(bound.binding.operation)
        await self._fields.gate.admit(call)
        arguments = bound.inputs.read(call, values)
        assert bound.chain is not None
        answer = await bound.chain(call, arguments)
        return _given(bound.binding, answer)

    async def load_many(
        self, key: str, ids: Sequence[str], values: Mapping[str, Any]
    ) -> list[Any | Exception]:
        """What the nested field `key` gives for each of `ids`: one level of a document.

        A level is one call to the limits and one read to a store, as it is one field. The refusal
        of all is raised, that of one is in its place.
        """
        bound = self._fields[key]
        first = self.call(bound.binding.operation)
        await self._fields.gate.admit(first)
        with gathering():
            return await asyncio.gather(
                *(self._one(bound, first, {**values, "id": id}) for id in ids),
                return_exceptions=True,
            )

    async def _one(self, bound: Bound, first: Call, values: Mapping[str, Any]) -> Any:
        # Each has its own level of access, all have the first one's caller.
        call = Call(first.operation, "graphql", first.request_id, address=first.address)
        call.traceparent = first.traceparent
        call.caller = first.caller
        arguments = bound.inputs.read(call, values)
        assert bound.chain is not None
        return _given(bound.binding, await bound.chain(call, arguments))

    async def load(self, key: str, id: str, values: Mapping[str, Any]) -> Any:
        """`load_many` for resolvers that know of one object each."""
        alike = (key, repr(sorted(values.items(), key=lambda pair: pair[0])))
        loader = self._loaders.get(alike)
        if loader is None:

            async def many(ids: list[str]) -> list[Any]:
                return await self.load_many(key, ids, values)

            loader = self._loaders[alike] = DataLoader(many)
        return await loader.load(id)

    async def begin(self, key: str, values: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """The events of a subscription. Raises the refusal as a Problem."""
        bound = self._fields[key]
        binding = bound.binding
        call = self.call(binding.operation)
        await self._fields.gate.admit(call)
        arguments = bound.inputs.read(call, values)
        asked = {target: arguments[target] for _, target in binding.arguments}
        assert bound.watching is not None
        return await bound.watching(call, asked)

    async def watch(self, key: str, values: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """`begin` for resolvers, which are generators themselves."""
        async with aclosing(await self.begin(key, values)) as events:
            async for event in events:
                yield event


def _given(binding: Binding, answer: Any) -> Any:
    if binding.gives == "items":
        return answer.items
    # An operation without an answer gives true.
    return True if answer is None else answer


__all__ = ["Asker", "Bound", "Fields", "Problem", "Resolver"]
