"""Schemas that are themselves by `$ref`, allOf, oneOf or anyOf alone: they have no end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.parse.node import Node
from compiler.parse.refs import Refs


def endless(starts: Iterable[Node], refs: Refs) -> list[Node]:
    """Of each such circle the node that closes it, after reporting it."""
    found: list[Node] = []
    done: set[int] = set()
    for start in starts:
        path: list[tuple[Node, Iterator[Node]]] = []
        on_path: set[int] = set()
        queue: Node | None = start
        while queue is not None or path:
            if queue is not None:
                done.add(id(queue))
                on_path.add(id(queue))
                path.append((queue, _next(queue, refs)))
                queue = None
            node, following = path[-1]
            after = next(following, None)
            if after is None:
                path.pop()
                on_path.discard(id(node))
            elif id(after) in on_path:
                found.append(node)
                _report(node, after, [row for row, _ in path], refs)
            elif id(after) not in done:
                queue = after
    return found


def _next(node: Node, refs: Refs) -> Iterator[Node]:
    """What a value of the schema must be of too, or may be of instead."""
    if isinstance(node.child("$ref").value, str):
        target = refs.target(node)
        if target is not None and target.file is node.file:
            yield target
    for key in ("allOf", "anyOf", "oneOf"):
        yield from node.child(key).elements()


def _report(node: Node, back: Node, path: list[Node], refs: Refs) -> None:
    refs.report.add(
        node.span, "ref-cycle", f"leads back to {back.key} with no property between: it has no end"
    )
    first = next(index for index, row in enumerate(path) if row is back)
    # Whoever follows these references later finds the same circle.
    refs.reported |= {id(row) for row in path[first:]}
