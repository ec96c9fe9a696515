"""Whatever the wire calls something, Python has a name for it, and no two have the same."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import naming

FORMS = [naming.attribute, naming.argument, naming.method, naming.module, naming.class_name]


@pytest.mark.parametrize(
    ("wire", "python"),
    [
        ("createBudget", "create_budget"),
        ("HTTPServer", "http_server"),
        ("userID", "user_id"),
        ("x-request-id", "x_request_id"),
        ("nextPageToken", "next_page_token"),
        ("class", "class_"),
        ("json", "json_"),
        ("2fa", "field_2fa"),
        ("größe", "größe"),
        ("😀", "field"),
    ],
)
def test_a_property_reads_as_python_would_write_it(wire: str, python: str) -> None:
    """camelCase becomes snake_case; what Python or a model keeps for itself gets an underscore."""
    assert naming.attribute(wire) == python


@pytest.mark.parametrize(
    ("value", "member"),
    [("monthly", "MONTHLY"), ("sendEmail", "SEND_EMAIL"), ("", "EMPTY"), (-1, "VALUE_MINUS_1")],
)
def test_an_enum_value_is_a_constant(value: str | int, member: str) -> None:
    """As GraphQL and proto spell it, too."""
    assert naming.member(value) == member


@given(st.text(), st.sampled_from(FORMS))
def test_every_text_has_a_name(text: str, form: naming.Form) -> None:
    """It is an identifier and no keyword."""
    name = form(text)
    assert name.isidentifier()
    assert not keyword.iskeyword(name)


@given(st.sets(st.text("abcABC_-1", max_size=4)), st.sampled_from(FORMS))
def test_no_two_names_are_the_same(names: set[str], form: naming.Form) -> None:
    """Numbered where they would be, whatever the order."""
    chosen = naming.unique(names, form)
    assert len(set(chosen.values())) == len(names)
    assert all(name.isidentifier() for name in chosen.values())
    assert chosen == naming.unique(sorted(names, reverse=True), form)


@given(st.from_regex(r"[a-z]{2,5}(_[a-z]{2,5}){0,3}", fullmatch=True))
def test_camel_case_is_there_and_back(name: str) -> None:
    """A proto field's name is its property's, and a property's its field's."""
    assert naming.snake(naming.camel(name)) == name
