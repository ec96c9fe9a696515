"""How much one document is: its levels, aliases, directives and roots."""

from __future__ import annotations

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from runtime.graphql.limits import Limits


class Walk:
    """Counts what one operation is made of, its fragments where they are spread.

    It comes before validation, which takes its time over large documents: a fragment that is not
    there, or spread within itself, counts as nothing, and validation refuses it.
    """

    def __init__(self, fragments: dict[str, FragmentDefinitionNode], limits: Limits) -> None:
        self._fragments = fragments
        self._limits = limits
        self._sizes: dict[str, tuple[int, int, int, int]] = {}

    def check(self, operation: OperationDefinitionNode) -> None:
        """Raises GraphQLError for what is beyond a limit."""
        limits = self._limits
        depth, aliases, directives, roots = self._measure(operation.selection_set, top=True)
        directives += len(operation.directives or ())
        for value, most, what in (
            (depth, limits.depth, "levels of fields"),
            (aliases, limits.aliases, "aliases"),
            (directives, limits.directives, "directives"),
            (roots, limits.roots, "fields at its root"),
        ):
            if value > most:
                raise GraphQLError(f"A document may have {most} {what}.", operation)

    def _measure(self, node: SelectionSetNode, *, top: bool = False) -> tuple[int, int, int, int]:
        """Depth, aliases, directives, and the fields directly in it."""
        depth = aliases = directives = fields = 0
        for each in node.selections:
            directives += len(each.directives or ())
            if isinstance(each, FieldNode):
                fields += 1
                aliases += each.alias is not None
                inner = (0, 0, 0, 0)
                if each.selection_set is not None:
                    inner = self._measure(each.selection_set)
                below = inner[0]
                if each.name.value.startswith("__"):
                    # Introspection is bounded by its own depth, and never costs a store anything.
                    over = below > self._limits.introspection_depth
                    below = self._limits.depth if over else 0
                depth = max(depth, 1 + below)
                aliases += inner[1]
                directives += inner[2]
                continue
            if isinstance(each, InlineFragmentNode):
                inner = self._measure(each.selection_set)
            elif isinstance(each, FragmentSpreadNode):
                inner = self._spread(each.name.value)
            else:
                continue
            depth = max(depth, inner[0])
            aliases += inner[1]
            directives += inner[2]
            fields += inner[3]
        return depth, aliases, directives, fields

    def _spread(self, name: str) -> tuple[int, int, int, int]:
        found = self._sizes.get(name)
        if found is None:
            self._sizes[name] = found = (0, 0, 0, 0)
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._sizes[name] = found = self._measure(fragment.selection_set)
        return found
