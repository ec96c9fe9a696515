"""Spec files, places in them, and what is wrong there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from compiler.codes import CODES

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place: `file` as the user named it, `line` and `column` from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class SpecError:
    """One thing wrong with the specs, printed as `file:line:col: message [code]`."""

    span: Span
    message: str
    code: str

    def __str__(self) -> str:
        return f"{self.span}: {self.message} [{self.code}]"


class SpecErrors(Exception):
    """All that is wrong, sorted; never empty."""

    def __init__(self, errors: list[SpecError]) -> None:
        self.errors = sorted(set(errors))
        super().__init__("\n".join(map(str, self.errors)))


class Report:
    """What is found wrong while the specs are read: every reader adds, the end raises."""

    def __init__(self) -> None:
        self.errors: list[SpecError] = []

    def add(self, span: Span, code: str, message: str) -> None:
        """One more error. `code` is a row of compiler/codes.py."""
        if code not in CODES:
            raise KeyError(code)
        self.errors.append(SpecError(span, message, code))

    def clean(self, read: Callable[[], Read | None]) -> Read | None:
        """What `read` gives, or None when it reported an error."""
        before = len(self.errors)
        found = read()
        return found if len(self.errors) == before else None

    def raise_any(self) -> None:
        """Raises SpecErrors when there is any error."""
        if self.errors:
            raise SpecErrors(self.errors)


@dataclass(frozen=True, slots=True)
class File:
    """A spec's text. `name` is how errors call it: relative to the folder the user stands in."""

    name: str
    text: str

    def span(self, line: int, column: int) -> Span:
        """The place at `line` and `column`, both from 1."""
        return Span(self.name, line, column)

    @property
    def start(self) -> Span:
        """The file's first character, for what is missing altogether."""
        return Span(self.name, 1, 1)


def read(path: Path, name: str) -> File:
    """The file at `path`. Raises SpecErrors when it is not there or not UTF-8."""
    try:
        return File(name, path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        reason = "file not found"
    except IsADirectoryError:
        reason = "is a folder"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 at byte {error.start}"
    except OSError as error:
        reason = error.strerror or "cannot be read"
    raise SpecErrors([SpecError(Span(name, 1, 1), reason, "unreadable")])
