"""Schemas that a `$ref` names by where they stand, not by name: they get a name."""

from __future__ import annotations

from compiler import naming
from compiler.parse.node import Node
from compiler.parse.refs import Refs, steps

_PREFIX = "#/components/schemas/"
# Steps of a pointer that say nothing about what is there.
_SILENT = frozenset(("components", "schemas", "properties", "paths", "content", "schema"))


def component(pointer: str) -> str | None:
    """The schema's name where the pointer is a component's."""
    rest = pointer[len(_PREFIX) :] if pointer.startswith(_PREFIX) else "/"
    return None if "/" in rest else steps(f"/{rest}")[0]


class Deep:
    """The targets of such references. `nodes`, the named schemas, grows by those that are used."""

    def __init__(self, root: Node, nodes: dict[str, Node]) -> None:
        self.nodes = nodes
        self.names = {id(node): name for name, node in nodes.items()}
        self.pointers: dict[int, str] = {}
        self.targets: list[Node] = []
        for pointer in sorted(_references(root)):
            target: Node | None = root
            for step in steps(pointer[1:]):
                target = Refs.step(target, step) if target else None
            if target is not None and target.get("$ref") is None:
                self.pointers.setdefault(id(target), pointer)
                self.targets.append(target)

    def name(self, node: Node) -> str | None:
        """The name of a schema that is such a target; None of any other."""
        pointer = self.pointers.get(id(node))
        if pointer is None:
            return None
        if id(node) not in self.names:
            said = [step for step in steps(pointer[1:]) if step not in _SILENT]
            base = name = naming.pascal(" ".join(said)) or "Schema"
            number = 2
            while name in self.nodes:
                name = f"{base}{number}"
                number += 1
            self.nodes[name] = node
            self.names[id(node)] = name
        return self.names[id(node)]


def _references(root: Node) -> set[str]:
    """The pointers of all `$ref`s that are not to a component schema."""
    found: set[str] = set()
    queue = [root]
    while queue:
        node = queue.pop()
        if isinstance(node.value, dict):
            text = node.text("$ref")
            if text.startswith("#/") and component(text) is None:
                found.add(text)
            queue += node.value.values()
        elif isinstance(node.value, list):
            queue += node.value
    return found
