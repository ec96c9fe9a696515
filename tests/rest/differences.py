"""Where the interpreted contract may answer otherwise than the compiled one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runtime.problem import MOST_ERRORS
from tests.rest.wire import Answer, Wire


@dataclass(frozen=True, slots=True)
class Difference:
    """One that is accepted: why, and whether two answers are a case of it."""

    reason: str
    fits: Callable[[Wire, Answer, Answer], bool]


def _newline(wire: Wire, compiled: Answer, interpreted: Answer) -> bool:
    path = wire.target.partition("?")[0]
    return "%0A" in path and compiled.status >= 400 and interpreted.status == 404


def _no_number(wire: Wire, compiled: Answer, interpreted: Answer) -> bool:
    words = (b"NaN", b"Infinity")
    codes = (compiled.code, interpreted.code)
    return any(word in wire.body for word in words) and codes == (
        "invalid-input",
        "malformed-request",
    )


def _too_much(wire: Wire, compiled: Answer, interpreted: Answer) -> bool:
    if compiled.code != "invalid-input" or interpreted.status != 400:
        return False
    told = [(error["pointer"], error["code"]) for error in compiled.json()["errors"]]
    return told == [("", "invalid")] and len(wire.body) > 1000


def _most(wire: Wire, compiled: Answer, interpreted: Answer) -> bool:
    return all(
        answer.code == "invalid-input" and len(answer.json()["errors"]) == MOST_ERRORS
        for answer in (compiled, interpreted)
    )


ACCEPTED = (
    Difference("connexion finds no path whose parameter holds a newline", _newline),
    Difference("pydantic-core reads NaN as a number, and refuses it in its place", _no_number),
    Difference("compiled routes count what a body holds before they read it", _too_much),
    Difference("of more faults than are listed, each lists the first that it finds", _most),
)
