"""Executes a plan: the fields that run operations first, level by level, then the text.

Query fields at the root run side by side, mutations one after the other. What fails is told where
it stands, and takes with it what may not be without it (GraphQL 6.4.4).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    OperationType,
    SelectionSetNode,
    execute_sync,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues, get_argument_values

from runtime.graphql.limits import Limits
from runtime.graphql.plan import Field, Introspected, Operated, Plan, Selection
from runtime.graphql.resolve import Resolver
from runtime.problem import InvalidInput

Path = tuple[str | int, ...]
# An object, and where it is in the answer.
Placed = tuple[Any, Path]
# What a list gives when a query does not say how much it wants (the contract's default).
_DEFAULT_SIZE = 50


@dataclass(slots=True)
class Outcome:
    """The text of `data`, and what failed: (error, nodes, path)."""

    data: str = "null"
    failures: list[tuple[Exception, Sequence[Any], Path]] = field(default_factory=list)


class _Failed(Exception):
    """A field that has no value; travels up to the next one that may be null."""

    def __init__(self, error: Exception, at: Field, path: Path) -> None:
        super().__init__()
        self.failure = (error, at.nodes, path)


class Execution:
    """One execution of a plan."""

    def __init__(self, plan: Plan, resolver: Resolver, variables: VariableValues) -> None:
        self._plan = plan
        self._resolver = resolver
        self._variables = variables
        # Field → its arguments, by the handler's names.
        self._values: dict[Field, Mapping[str, Any]] = {}
        # Nested field → what was loaded, by the parent's id.
        self._loaded: dict[Field, dict[str, Any]] = {}
        self.outcome = Outcome()

    def check_cost(self, limits: Limits) -> None:
        """Reads all arguments. Raises GraphQLError where the answer could be too large."""
        cost = self._cost(self._plan.selection)
        if cost > limits.cost:
            message = f"The document may ask for {limits.cost} objects, and asks for {cost}."
            raise GraphQLError(message, self._plan.operation)

    def _cost(self, selection: Selection) -> int:
        """Objects that one of `selection` may bring with it; what is within a value is free."""
        cost = 0
        for each in selection.fields:
            inner = 0 if each.selection is None else self._cost(each.selection)
            if not isinstance(each, Operated):
                cost += inner
                continue
            values = self._arguments(each)
            size = self._size(each, values)
            cost += 1 + size * (1 + inner)
        return cost

    def _arguments(self, each: Operated) -> Mapping[str, Any]:
        given = get_argument_values(each.definition, each.nodes[0], self._variables)
        values = {
            target: given[argument]
            for argument, target in each.bound.binding.arguments
            if argument in given
        }
        self._values[each] = values
        return values

    def _size(self, each: Operated, values: Mapping[str, Any]) -> int:
        size = each.bound.binding.size
        if not size:
            return 1
        wanted: Any = values
        for name in ("page_size",) if len(size) == 1 else ("body", *size[1:]):
            wanted = wanted.get(name) if isinstance(wanted, Mapping) else None
        return max(1, wanted) if isinstance(wanted, int) else _DEFAULT_SIZE

    async def run(self) -> Outcome:
        """The outcome of a query or a mutation."""
        fields = self._plan.selection.fields
        if self._plan.operation.operation is OperationType.MUTATION:
            texts = []
            for each in fields:
                texts.append(await self._root(each))
                if texts[-1] is None:
                    # What follows has nowhere to go: it is not done (6.2.2).
                    break
        elif len(fields) == 1:
            texts = [await self._root(fields[0])]
        else:
            texts = list(await asyncio.gather(*map(self._root, fields)))
        if None not in texts:
            pairs = zip(fields, texts, strict=True)
            self.outcome.data = "{" + ",".join(f'"{f.key}":{text}' for f, text in pairs) + "}"
        return self.outcome

    async def event(self, value: Any) -> Outcome:
        """The outcome of one event of a subscription."""
        each = self.subscribed
        text = await self._written(each, value)
        self.outcome.data = "null" if text is None else f'{{"{each.key}":{text}}}'
        return self.outcome

    @property
    def subscribed(self) -> Operated:
        """The one field of a subscription. Raises InvalidInput where a condition left it out."""
        for each in self._plan.selection.fields:
            if isinstance(each, Operated):
                return each
        raise InvalidInput("Nothing is subscribed to.")

    async def begin(self) -> AsyncGenerator[Any, None]:
        """The events of a subscription. Raises the refusal as a Problem."""
        each = self.subscribed
        return await self._resolver.begin(each.binding, self._values[each])

    async def _root(self, each: Field) -> str | None:
        """The text of a field at the root; None where nothing can stand there."""
        if isinstance(each, Introspected):
            return self._schema_text(each)
        if not isinstance(each, Operated):
            return "null" if each.write is None else each.write(None)
        try:
            value = await self._resolver.run(each.binding, self._values[each])
        except Exception as error:
            self.outcome.failures.append((error, each.nodes, (each.key,)))
            return None if is_non_null_type(each.type) else "null"
        return await self._written(each, value)

    def _schema_text(self, each: Introspected) -> str:
        """What graphql-core says of the schema: it is the reference, and such questions are rare.

        They take it some 20 ms, so the answer is kept with the plan.
        """
        if each.kept is not None:
            return each.kept
        operation = self._plan.operation
        alone = replace(operation, selection_set=SelectionSetNode(selections=tuple(each.nodes)))
        document = DocumentNode(definitions=(alone, *self._plan.fragments))
        given = {name: source.value for name, source in self._variables.sources.items()}
        result = execute_sync(self._plan.schema, document, variable_values=given)
        if result.errors or result.data is None:
            raise RuntimeError("the schema cannot be introspected")
        text = json.dumps(result.data[each.key])
        if not operation.variable_definitions:
            each.kept = text
        return text

    async def _written(self, each: Field, value: Any) -> str | None:
        if each.write is not None:
            return each.write(value)
        if each.selection is not None:
            await self._load(each.selection, _objects(value, (each.key,)))
        try:
            return self._value(each, each.type, value, (each.key,))
        except _Failed as failed:
            self.outcome.failures.append(failed.failure)
            return None

    # --- what is nested ----------------------------------------------------------------------

    async def _load(self, selection: Selection, objects: list[Placed]) -> None:
        """Loads what is to be loaded for all these objects, and for what is in them."""
        if not objects:
            return
        work = []
        for each in selection.fields:
            if each.write is None or isinstance(each, Operated):
                work.append(self._level(each, objects))
        if len(work) == 1:
            await work[0]
        else:
            await asyncio.gather(*work)

    async def _level(self, each: Field, objects: list[Placed]) -> None:
        if not isinstance(each, Operated):
            below = [
                placed
                for value, path in objects
                for placed in _objects(getattr(value, each.attribute), (*path, each.key))
            ]
        else:
            parent = each.bound.binding.parent
            ids = list(dict.fromkeys(getattr(value, parent) for value, _ in objects))
            try:
                found = await self._resolver.load_many(each.binding, ids, self._values[each])
            except Exception as error:
                found = [error] * len(ids)
            loaded = dict(zip(ids, found, strict=True))
            # The same field may stand in several places of the answer, as `a{b{c}} d{b{c}}` merged.
            self._loaded.setdefault(each, {}).update(loaded)
            below = [
                placed
                for value, path in objects
                if not isinstance(answer := loaded[getattr(value, parent)], Exception)
                for placed in _objects(answer, (*path, each.key))
            ]
        if each.selection is not None and each.selection.write is None:
            await self._load(each.selection, below)

    def _value(self, each: Field, type: Any, value: Any, path: Path) -> str:
        """The text of a value with loaded fields in it."""
        if is_non_null_type(type):
            return self._present(each, type.of_type, value, path)
        if value is None:
            return "null"
        try:
            return self._present(each, type, value, path)
        except _Failed as failed:
            self.outcome.failures.append(failed.failure)
            return "null"

    def _present(self, each: Field, type: Any, value: Any, path: Path) -> str:
        if is_list_type(type):
            item = type.of_type
            texts = (self._value(each, item, one, (*path, at)) for at, one in enumerate(value))
            return f"[{','.join(texts)}]"
        return "null" if each.selection is None else self._object(each.selection, value, path)

    def _object(self, selection: Selection, value: Any, path: Path) -> str:
        if selection.write is not None:
            return selection.write(value)
        parts = []
        for each in selection.fields:
            if isinstance(each, Operated):
                text = self._nested(each, value, (*path, each.key))
            elif each.write is not None:
                own = getattr(value, each.attribute) if each.attribute else None
                text = each.write(own)
            else:
                own = getattr(value, each.attribute)
                text = self._value(each, each.type, own, (*path, each.key))
            parts.append(f'"{each.key}":{text}')
        return "{" + ",".join(parts) + "}"

    def _nested(self, each: Operated, value: Any, path: Path) -> str:
        answer = self._loaded[each][getattr(value, each.bound.binding.parent)]
        if not isinstance(answer, Exception):
            if each.write is not None:
                return each.write(answer)
            return self._value(each, each.type, answer, path)
        failed = _Failed(answer, each, path)
        if is_non_null_type(each.type):
            raise failed
        self.outcome.failures.append(failed.failure)
        return "null"


def _objects(value: Any, path: Path) -> list[Placed]:
    """The objects in a value that may be a list, or null."""
    if value is None:
        return []
    if isinstance(value, list):
        return [placed for at, one in enumerate(value) for placed in _objects(one, (*path, at))]
    return [(value, path)]
