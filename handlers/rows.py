"""Expenses as files: CSV out, CSV and JSON lines in. What goes out comes in as it was.

Cells that a spreadsheet would take for a formula get an apostrophe in front (OWASP, CSV Injection);
so does what already has one there, so that reading knows which to take off.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from generated.errors import ImportUnreadable
from generated.models import Expense, ExpenseUpdate
from runtime.decode import JsonBody
from runtime.problem import InputError, MalformedRequest

MOST_ROWS = 10_000
# Lines, blank ones counted: what a row's number may be.
_MOST_LINES = 100_000
COLUMNS = tuple(
    "id budgetId description amount currency category spentOn tags note externalId".split()
)
_REQUIRED = ("description", "amount", "category")
# What a file says of where it came from; the rows become expenses of the budget asked for.
_ORIGIN = ("id", "budgetId")
_TRIMMED = frozenset(("id", "budgetId", "amount", "currency", "spentOn", "externalId"))
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
_TAG_PART = re.compile(r"\\(.)|;|[^\\;]+|\\", re.DOTALL)
_BODY: JsonBody[ExpenseUpdate] = JsonBody(ExpenseUpdate)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: what it asks for, or what is wrong with it."""

    number: int
    # The expense that it was exported from, if it says so.
    origin: str | None
    body: ExpenseUpdate | None
    errors: tuple[InputError, ...] = ()


def read_rows(media: str, data: bytes) -> list[Row]:
    """The rows of a file of `media`. Raises ImportUnreadable where the file as a whole is none."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportUnreadable(f"The file is not UTF-8: see byte {error.start}.") from None
    rows: list[Row] = []
    for row in _csv_rows(text) if media == "text/csv" else _json_rows(text):
        if len(rows) == MOST_ROWS or row.number > _MOST_LINES:
            raise ImportUnreadable(f"The file has more than {MOST_ROWS} rows.")
        rows.append(row)
    return rows


# --- JSON lines -----------------------------------------------------------------------------------


def _json_rows(text: str) -> Iterator[Row]:
    if not text.strip():
        raise ImportUnreadable("The file is empty.")
    for number, line in enumerate(io.StringIO(text), 1):
        if line.strip():
            yield _json_row(number, line)


def _json_row(number: int, line: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return Row(number, None, None, (InputError("", "type", "must be JSON"),))
    if not isinstance(value, dict):
        return Row(number, None, None, (InputError("", "type", "must be an object"),))
    return _row(number, value)


def _row(number: int, values: dict[str, object]) -> Row:
    origin = values.pop("id", None)
    values.pop("budgetId", None)
    faults: list[InputError] = []
    body: ExpenseUpdate | None = None
    try:
        body = _BODY.read(json.dumps(values).encode(), faults)
    except MalformedRequest:  # lone surrogates: text that no JSON carries
        faults.append(InputError("", "type", "must be valid Unicode"))
    return Row(number, origin if isinstance(origin, str) else None, body, tuple(faults[:20]))


# --- CSV in ---------------------------------------------------------------------------------------


def _csv_rows(text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = _header(next(reader, []))
        for number, cells in enumerate(reader, 1):
            if any(cells):
                yield _csv_row(number, header, cells)
    except csv.Error as error:
        raise ImportUnreadable(f"Line {reader.line_num} is not CSV: {error}.") from None


def _header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    for name in names:
        if name not in COLUMNS:
            raise ImportUnreadable(f"The header has an unknown column: {name[:100]!r}.")
        if names.count(name) > 1:
            raise ImportUnreadable(f"The header names {name} twice.")
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise ImportUnreadable(f"The header lacks {', '.join(missing)}.")
    return names


def _csv_row(number: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    if any(cells[len(header) :]):
        fault = InputError("", "maxItems", f"has more than the header's {len(header)} cells")
        return Row(number, None, None, (fault,))
    values: dict[str, object] = {}
    for name, cell in zip(header, cells, strict=False):
        value = cell.strip() if name in _TRIMMED else cell
        if not value:
            continue
        value = value[1:] if _GUARDED.match(value) else value
        values[name] = _tags(value) if name == "tags" else value
    return _row(number, values)


def _tags(cell: str) -> list[str]:
    """`a;b` as its tags. A backslash lets a semicolon, a blank at an end, or itself be text."""
    tags: list[str] = []
    tag = ""
    kept = 0  # up to where blanks are the tag's own
    for part in _TAG_PART.finditer(cell + ";"):
        if part[0] == ";":
            tag = tag[:kept] + tag[kept:].rstrip(" ")
            if tag:
                tags.append(tag)
            tag, kept = "", 0
        elif part[1] is not None and part[1] in "\\; ":
            tag += part[1]
            kept = len(tag)
        else:
            text = part[0]
            tag += text if tag else text.lstrip(" ")
    return list(dict.fromkeys(tags))


# --- CSV out --------------------------------------------------------------------------------------


def csv_header() -> bytes:
    """The header's line."""
    return ",".join(COLUMNS).encode() + b"\r\n"


def csv_rows(expenses: Iterable[Expense]) -> bytes:
    """The expenses' lines (RFC 4180), in the order of `COLUMNS`."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(map(_cells, expenses))
    return text.getvalue().encode()


def _cells(expense: Expense) -> tuple[str, ...]:
    return (
        expense.id,
        expense.budget_id,
        _guarded(expense.description),
        str(expense.amount),
        expense.currency.value,
        _guarded(expense.category),
        expense.spent_on.isoformat(),
        _guarded(";".join(map(_tag, expense.tags))),
        _guarded(expense.note or ""),
        _guarded(expense.external_id or ""),
    )


def _guarded(text: str) -> str:
    return "'" + text if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _tag(tag: str) -> str:
    tag = tag.replace("\\", "\\\\").replace(";", "\\;")
    if tag.startswith(" "):
        tag = "\\" + tag
    return tag[:-1] + "\\ " if tag.endswith(" ") else tag
