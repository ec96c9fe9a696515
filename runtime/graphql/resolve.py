"""What a document's fields ask for, as calls through the pipeline: one `Resolver` a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.call import Call
from runtime.gate import Gate
from runtime.gathered import gathering
from runtime.graphql.asked import Asker
from runtime.graphql.binding import Binding
from runtime.idempotency import Arguments, Chain
from runtime.inputs import Inputs
from runtime.operation import Operation
from runtime.problem import Internal

Watching = Callable[[Call, Arguments], Awaitable[AsyncGenerator[Any, None]]]


@dataclass(frozen=True, slots=True)
class Bound:
    """A field's binding with its operation's chain, composed once.

    `watching` is a subscription's, `chain` any other's.
    """

    binding: Binding
    inputs: Inputs
    chain: Chain
    watching: Watching


async def _nothing(call: Call, arguments: Arguments) -> Any:
    raise Internal(f"{call.operation.id} is not run this way.")


# What a field has that runs nothing.
NOTHING = Bound(Binding(Operation("", "", ""), (), "result"), Inputs(()), _nothing, _nothing)


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
            chain: Chain = _nothing
            watching: Watching = _nothing
            if binding.gives == "event":
                watching = gate.watching(operation)
            else:
                if operation.id not in chains:
                    chains[operation.id] = gate.chain(operation)
                chain = chains[operation.id]
            self._bound[key] = Bound(binding, inputs[operation.id], chain, watching)

    def __getitem__(self, key: str) -> Bound:
        return self._bound[key]

    def get(self, key: str) -> Bound | None:
        """The field's, where it runs an operation."""
        return self._bound.get(key)


class Resolver:
    """Runs the operations of one document. Each pays, and is allowed or not, by itself."""

    __slots__ = ("_asker", "_fields", "calls")

    def __init__(self, fields: Fields, asker: Asker) -> None:
        self._fields = fields
        self._asker = asker
        # What was called, in order.
        self.calls: list[Call] = []

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self._asker.address

    async def admitted(self, bound: Bound) -> Call:
        """The call that a field makes, let in. Raises the refusal as a Problem."""
        asker = self._asker
        operation = bound.binding.operation
        call = Call(
            operation,
            "graphql",
            asker.request_id,
            token=asker.token,
            address=asker.address,
            traceparent=asker.traceparent,
            user_agent=asker.user_agent if operation.write else "",
        )
        call.session_id = asker.session_id
        self.calls.append(call)
        await self._fields.gate.admit(call)
        return call

    async def run(self, key: str, values: Mapping[str, Any]) -> Any:
        """What the field `key` gives. Raises the refusal as a Problem."""
        bound = self._fields[key]
        call = await self.admitted(bound)
        arguments = bound.inputs.read(call, values)
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
        first = await self.admitted(bound)
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
        return _given(bound.binding, await bound.chain(call, arguments))

    async def begin(self, key: str, values: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """The events of a subscription. Raises the refusal as a Problem."""
        bound = self._fields[key]
        binding = bound.binding
        call = await self.admitted(bound)
        arguments = bound.inputs.read(call, values)
        asked = {target: arguments[target] for _, target in binding.arguments}
        return await bound.watching(call, asked)


def _given(binding: Binding, answer: Any) -> Any:
    if binding.gives == "items":
        return answer.items
    # An operation without an answer gives true.
    return True if answer is None else answer
