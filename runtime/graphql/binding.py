"""What a field of the schema runs: an operation of the contract. Instances are generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runtime.operation import Operation


@dataclass(frozen=True, slots=True)
class Binding:
    """A field's operation, and (argument, the handler's argument) pairs.

    `gives`: the operation's result, the items of its page, the page, or events of a subscription.
    `parent`: of a nested field, the attribute of the enclosing object that is the argument `id`.
    `size`: where a query says how many items it wants: an argument, or an argument and its field.
    """

    operation: Operation
    arguments: tuple[tuple[str, str], ...]
    gives: Literal["result", "items", "page", "event"]
    parent: str = ""
    size: tuple[str, ...] = ()
