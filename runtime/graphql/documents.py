"""Documents: parsed, validated and measured once, and then remembered by their text."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    VariableNode,
    parse,
    specified_rules,
    validate,
)
from graphql.language import Visitor, visit
from graphql.validation import NoSchemaIntrospectionCustomRule

from runtime.graphql.limits import Limits
from runtime.graphql.walk import Walk
from runtime.problem import InvalidInput, MalformedRequest, Problem

# A syntax tree is some hundred times its text: 512 KiB of remembered text hold 50 MB at worst, and
# a thousand ordinary documents.
_MOST_TEXT = 512 * 1024
_MOST_ERRORS = 20


class Refused(Exception):
    """A request that is not executed: what is wrong with it, and the problem that it is."""

    def __init__(self, problem: Problem, errors: list[GraphQLError]) -> None:
        super().__init__(problem.code)
        self.problem = problem
        self.errors = errors


class Document:
    """A document that may be executed, and what was learnt of it."""

    __slots__ = ("ast", "conditions", "fields", "fragments", "operations", "plans")

    def __init__(self, ast: DocumentNode) -> None:
        self.ast = ast
        self.operations: dict[str | None, OperationDefinitionNode] = {}
        self.fragments: dict[str, FragmentDefinitionNode] = {}
        for node in ast.definitions:
            if isinstance(node, OperationDefinitionNode):
                self.operations[node.name.value if node.name else None] = node
            elif isinstance(node, FragmentDefinitionNode):
                self.fragments[node.name.value] = node
        found = _Found()
        visit(ast, found)
        # Variables that say whether something is in the answer at all.
        self.conditions = tuple(sorted(found.conditions))
        self.fields = found.fields
        # The ways to execute it, by operation and conditions (plan.py).
        self.plans: dict[Any, Any] = {}

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to execute. Raises Refused where it is not clear which."""
        if name is not None:
            found = self.operations.get(name)
            if found is None:
                raise _bad(f"There is no operation {name[:100]!r} in the document.")
            return found
        if len(self.operations) != 1:
            raise _bad("The document has several operations: name one.")
        return next(iter(self.operations.values()))


class _Found(Visitor):
    """The variables in directives, and how many fields are written."""

    def __init__(self) -> None:
        super().__init__()
        self.conditions: set[str] = set()
        self.fields = 0

    def enter_field(self, *_: Any) -> None:
        self.fields += 1

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.conditions.add(argument.value.name.value)


class Documents:
    """The documents of one schema, the latest used ones kept."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._size = 0
        # Rules are collected once: a new list of them a request would cost more than it seems.
        self._rules = [
            *specified_rules,
            *(() if limits.introspection else (NoSchemaIntrospectionCustomRule,)),
        ]

    def __contains__(self, text: str) -> bool:
        return text in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def get(self, text: str) -> Document:
        """The document of `text`. Raises Refused."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found
        document = self._read(text)
        self._kept[text] = document
        self._size += len(text)
        while self._size > _MOST_TEXT and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[0])
        return document

    def _measure(self, document: Document) -> None:
        """Raises GraphQLError for what is beyond a limit."""
        limits = self._limits
        for count, most, what in (
            (len(document.ast.definitions), limits.definitions, "definitions"),
            (document.fields, limits.fields, "fields"),
        ):
            if count > most:
                raise GraphQLError(f"A document may have {most} {what}.")
        walk = Walk(document.fragments, limits)
        for operation in document.operations.values():
            walk.check(operation)

    def _read(self, text: str) -> Document:
        if len(text) > self._limits.text:
            raise _bad(f"A document may have {self._limits.text} characters.")
        try:
            ast = parse(text, max_tokens=self._limits.tokens)
        except GraphQLError as error:
            raise Refused(MalformedRequest("The document cannot be read."), [error]) from None
        except RecursionError:
            raise _bad("The document is nested too deeply.") from None
        document = Document(ast)
        try:
            self._measure(document)
            errors = validate(
                self._schema,
                ast,
                self._rules,
                max_errors=_MOST_ERRORS,
                hide_suggestions=not self._limits.introspection,
            )
        except GraphQLError as error:
            errors = [error]
        except RecursionError:
            raise _bad("The document is nested too deeply.") from None
        if not errors:
            return document
        raise Refused(InvalidInput("The document does not fit the schema."), errors)


def _bad(message: str, node: Node | None = None) -> Refused:
    return Refused(InvalidInput(message), [GraphQLError(message, node)])
