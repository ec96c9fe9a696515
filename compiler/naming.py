"""Names from the wire to Python and back: camelCase, snake_case, and what Python keeps."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Callable, Iterable

# Turns a name of the wire into one of Python's.
Form = Callable[[str], str]

# An acronym ends where a word begins: HTTPServer is http_server, userID is user_id.
_EDGES = re.compile(r"(?<=[^\W_A-Z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"\W+|_+")

# Attributes that a model has for itself (pydantic's, and runtime/model.py's `but`), and names whose
# meaning the annotations of a class body need.
_MODEL = frozenset(
    (
        *("but", "copy", "construct", "dict", "from_orm", "json", "parse_file", "parse_obj"),
        *("parse_raw", "schema", "schema_json", "update_forward_refs", "validate"),
    )
)
_ANNOTATIONS = frozenset(
    (
        *("bool", "bytes", "classmethod", "date", "datetime", "float", "frozenset", "int", "list"),
        *("object", "property", "set", "staticmethod", "str", "super", "tuple"),
    )
)
# What a handler's method has beside the operation's parameters.
_ARGUMENTS = frozenset(("self", "call", "body"))


def words(name: str) -> list[str]:
    """The words of a name in whatever case: `userID`, `user-id` and `USER_ID` are user, id."""
    normal = unicodedata.normalize("NFKC", name)
    parts = (part for part in _NOT_WORD.split(normal) if part)
    found: list[str] = []
    for part in parts:
        found += [part] if part.isupper() else _EDGES.split(part)
    return [word.lower() for word in found if word]


def snake(name: str) -> str:
    """`createBudget` → `create_budget`; nothing where the name has no letter or digit."""
    return "_".join(words(name))


def pascal(name: str) -> str:
    """`budget-member` → `BudgetMember`."""
    return "".join(word[:1].upper() + word[1:] for word in words(name))


def camel(name: str) -> str:
    """`budget_id` → `budgetId`, as protobuf's JSON names."""
    text = pascal(name)
    return text[:1].lower() + text[1:]


def constant(name: str) -> str:
    """`monthly` → `MONTHLY`, `sendEmail` → `SEND_EMAIL`."""
    return snake(name).upper()


def _identifier(text: str, fallback: str) -> str:
    """`text` made a Python identifier that is no keyword."""
    kept = "".join(c for c in text if ("_" + c).isidentifier())
    if not kept.strip("_"):
        kept = fallback
    if not kept.isidentifier():
        kept = f"{fallback}_{kept}"
    return f"{kept}_" if keyword.iskeyword(kept) else kept


def attribute(name: str) -> str:
    """A property's attribute. Raises nothing: what is left of the strangest name is `field`."""
    text = _identifier(snake(name), "field")
    if text in _MODEL or text in _ANNOTATIONS or text.startswith("model_"):
        return f"{text}_"
    return text


def argument(name: str) -> str:
    """A parameter's argument."""
    text = _identifier(snake(name), "argument")
    return f"{text}_" if text in _ARGUMENTS or text in _ANNOTATIONS else text


def method(name: str) -> str:
    """An operation's method."""
    return _identifier(snake(name), "operation")


def module(name: str) -> str:
    """A service's module."""
    return _identifier(snake(name), "service")


def member(value: str | int | float | bool | None) -> str:
    """An enum value's name: `monthly` → `MONTHLY`, `-1` → `VALUE_MINUS_1`, the empty text →
    `EMPTY`.
    """
    if isinstance(value, bool) or value is None:
        return str(value).upper()
    if isinstance(value, int | float):
        return "VALUE_" + re.sub(r"\W", "_", str(value).replace("-", "MINUS_"))
    if value == "":
        return "EMPTY"
    text = _identifier(constant(value), "VALUE")
    # An Enum keeps `mro` and `_sunder_` names; the members are upper case, so only these can clash.
    return text


def class_name(name: str) -> str:
    """A schema's class. A name that is an identifier already survives as it is."""
    normal = unicodedata.normalize("NFKC", name)
    text = normal if normal.isidentifier() else _identifier(pascal(name), "Schema")
    if not text.lstrip("_"):
        text = "Schema"
    text = text.lstrip("_") if not text.lstrip("_")[:1].isdigit() else text
    taken = keyword.iskeyword(text) or hasattr(builtins, text) or keyword.issoftkeyword(text)
    return f"{text}_" if taken else text


def inner_class(name: str) -> str:
    """The class of what has no name of its own: its property's, in the form that classes have."""
    parts = _NOT_WORD.split(name)
    return class_name("".join(part[:1].upper() + part[1:] for part in parts))


def unique(names: Iterable[str], form: Form) -> dict[str, str]:
    """Each of `names` in Python's form, numbered where two would be the same.

    A name that is its own Python form keeps it; the others follow in the order of the alphabet, so
    the order in the spec changes nothing.
    """
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(set(names), key=lambda name: (form(name) != name, name)):
        text = base = form(name)
        number = 2
        while text in taken:
            text = f"{base}_{number}"
            number += 1
        taken.add(text)
        chosen[name] = text
    return chosen


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for a name that is nearly one of `known`, else nothing."""
    from difflib import get_close_matches

    found = get_close_matches(name, sorted(known), n=1, cutoff=0.75)
    return f" (did you mean {found[0]!r}?)" if found else ""
