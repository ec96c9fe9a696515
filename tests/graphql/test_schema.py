"""The schema that is served is the spec, to the last bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphql import (
    DirectiveNode,
    StringValueNode,
    build_schema,
    lexicographic_sort_schema,
    parse,
    print_ast,
    print_schema,
)
from graphql.language import Visitor, visit

from generated.graphql import BINDINGS, schema
from generated.operations import OPERATIONS

SPEC = (Path(__file__).parents[2] / "specs" / "schema.graphql").read_text()


def test_what_is_printed_builds_the_schema_that_the_spec_builds() -> None:
    printed = lexicographic_sort_schema(build_schema(schema().as_str()))
    assert print_schema(printed) == print_schema(lexicographic_sort_schema(build_schema(SPEC)))


class _Plain(Visitor):
    """Undoes what means nothing: how a description is quoted, and the order in a directive."""

    def enter_string_value(self, node: StringValueNode, *_: Any) -> StringValueNode:
        return StringValueNode(value=node.value, block=False)

    def leave_directive(self, node: DirectiveNode, *_: Any) -> DirectiveNode:
        arguments = tuple(sorted(node.arguments or (), key=lambda each: each.name.value))
        return DirectiveNode(name=node.name, arguments=arguments)


def definitions(text: str) -> dict[str, str]:
    """Each definition by its name, with all directives: printing a schema would lose these."""
    return {
        f"{node.kind} {node.name.value}": print_ast(visit(node, _Plain()))  # type: ignore[attr-defined]  # all named
        for node in parse(text, no_location=True).definitions
    }


def test_every_bound_and_every_operation_is_printed_as_the_spec_has_it() -> None:
    """Definition by definition, in the fields' and the arguments' order."""
    assert definitions(schema().as_str()) == definitions(SPEC)


def test_every_operation_has_a_field_but_tokens_and_files() -> None:
    bound = {binding.operation.id for binding in BINDINGS.values()}
    assert OPERATIONS.keys() - bound == {
        *("register", "login", "refreshTokens", "logout", "verifyEmail", "resendVerification"),
        *("forgotPassword", "resetPassword", "changePassword", "createSocketTicket"),
        *("importExpenses", "exportExpenses"),
    }
