"""Files: what goes out comes in as it was, no cell is a formula, and bad rows are named."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generated.errors import ImportUnreadable
from generated.models import Currency, Expense
from handlers import rows
from handlers.rows import COLUMNS, Row, csv_header, csv_rows, read_rows

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def expense(**said: object) -> Expense:
    values: dict[str, object] = {
        "id": "exp_01jd8z4k5qf6x8v0m2t7n9w301",
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
        "budget_id": "bud_01jd8z4k5qf6x8v0m2t7n9w301",
        "owner_id": "usr_01jd8z4k5qf6x8v0m2t7n9w301",
        "description": "Market",
        "amount": Decimal("12.50"),
        "currency": Currency.USD,
        "category": "Groceries",
        "spent_on": date(2026, 3, 14),
        "tags": [],
    }
    return Expense(**(values | said))  # type: ignore[arg-type] # validated


def cells(exported: bytes) -> list[str]:
    return next(csv.reader(io.StringIO(exported.decode(), newline="")))


def back(*expenses: Expense) -> list[Row]:
    return read_rows("text/csv", csv_header() + csv_rows(expenses))


# Text as the contract has it: one line that is not blank, and a note of several.
LINE = st.from_regex(r"\A *[^\x00-\x20\x7f][^\x00-\x1f\x7f]*\Z").filter(lambda t: t.isprintable())
TRICKY = st.text(alphabet="=+-@'\",;\\ \tab1é", min_size=1, max_size=12).filter(
    lambda text: text.strip(" \t") != "" and "\t" not in text
)
TEXT = st.one_of(LINE.filter(lambda t: len(t) <= 50), TRICKY)
TAG = TEXT.filter(lambda text: len(text) <= 30)
NOTE = st.text(alphabet="=+-@'\",;\\ \t\r\nab1é", min_size=1).filter(lambda t: t.strip() != "")


@given(
    description=TEXT,
    category=TEXT,
    tags=st.lists(TAG, max_size=5, unique=True),
    note=st.none() | NOTE,
    external_id=st.none() | st.text(alphabet="=+-@'\",;\\ab1", min_size=1, max_size=20),
    milli=st.integers(1, 10**15 - 1),
)
def test_what_is_exported_is_imported_as_it_was(
    description: str,
    category: str,
    tags: list[str],
    note: str | None,
    external_id: str | None,
    milli: int,
) -> None:
    kept = expense(
        description=description,
        category=category,
        tags=tags,
        note=note,
        external_id=external_id,
        amount=Decimal(milli).scaleb(-3),
        currency=Currency.KWD,
    )
    (row,) = back(kept)
    assert (row.number, row.origin, row.errors) == (1, kept.id, ())
    assert row.body is not None
    for field in type(row.body).model_fields:
        assert getattr(row.body, field) == getattr(kept, field), field


@given(text=st.one_of(TRICKY, NOTE))
def test_no_exported_cell_is_a_formula(text: str) -> None:
    line = cells(csv_rows([expense(note=text, tags=[], description="x")]))
    note = line[COLUMNS.index("note")]
    if note[0] in "=+-@\t\r\n":
        assert rows._NUMBER.fullmatch(note), note


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+49 30 1234", "'+49 30 1234"),
        ("-cmd|'/c calc'!A0", "'-cmd|'/c calc'!A0"),
        ("-5", "-5"),
        ("+4.20", "+4.20"),
        ("'=1", "''=1"),
        ("'s-Gravenhage", "'s-Gravenhage"),
        ("Market", "Market"),
    ],
)
def test_a_formula_gets_an_apostrophe_and_a_number_none(text: str, cell: str) -> None:
    assert cells(csv_rows([expense(description=text)]))[2] == cell


@pytest.mark.parametrize(
    ("tags", "cell"),
    [
        (["a", "b"], "a;b"),
        (["a;b", "c\\d"], "a\\;b;c\\\\d"),
        ([" a", "b "], "\\ a;b\\ "),
        (["=a"], "'=a"),
    ],
)
def test_tags_share_a_cell(tags: list[str], cell: str) -> None:
    kept = expense(tags=tags)
    assert cells(csv_rows([kept]))[7] == cell
    assert [row.body.tags for row in back(kept) if row.body] == [tags]


def read(text: str, media: str = "text/csv") -> list[Row]:
    return read_rows(media, text.encode())


def test_people_write_tags_and_columns_more_freely() -> None:
    text = "\ufeff amount ,category,description,tags\r\n 1.00 ,Food,Tea, a; b ;;a\\z\r\n\r\n"
    (row,) = read(text)
    assert row.body is not None
    assert (row.body.amount, row.body.tags) == (Decimal("1.00"), ["a", "b", "a\\z"])


def test_rows_are_counted_from_one_and_blank_ones_are_left_out() -> None:
    text = "description,amount,category\nTea,1.00,Food\n\n,,\nCake,2.00,Food\n"
    assert [(row.number, row.errors) for row in read(text)] == [(1, ()), (4, ())]
    lines = '{"description":"Tea","amount":"1.00","category":"Food"}\n\n[]\n{\n'
    found = read(lines, "application/x-ndjson")
    assert [(row.number, row.body is None) for row in found] == [(1, False), (3, True), (4, True)]


def test_every_fault_of_a_row_is_named_and_the_others_stand() -> None:
    text = "description,amount,category,spentOn\n,1.5e3,Food,2026-02-30\nTea,1.00,Food,\na,1,b,,x\n"
    bad, good, long = read(text)
    faults = {(error.pointer, error.code) for error in bad.errors}
    assert {pointer for pointer, _ in faults} == {"/description", "/amount", "/spentOn"}
    assert (good.body is not None, good.errors) == (True, ())
    assert [error.code for error in long.errors] == ["maxItems"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "lacks description, amount, category"),
        ("description,amount\nTea,1.00\n", "lacks category"),
        ("description,amount,category,colour\n", "unknown column: 'colour'"),
        ("description,amount,category,amount\n", "names amount twice"),
        ('description,amount,category\n"Tea,1.00,Food\n', "Line 2 is not CSV"),
    ],
)
def test_a_file_without_a_usable_header_is_refused_as_a_whole(text: str, why: str) -> None:
    with pytest.raises(ImportUnreadable) as refused:
        read(text)
    assert why in refused.value.detail


def test_a_file_that_is_too_long_or_no_text_is_refused() -> None:
    many = "description,amount,category\n" + "Tea,1.00,Food\n" * 10_001
    with pytest.raises(ImportUnreadable):
        read(many)
    assert len(read(many[: -len("Tea,1.00,Food\n")])) == 10_000
    with pytest.raises(ImportUnreadable):
        read_rows("text/csv", b"description,amount,category\nT\xe9,1.00,Food\n")


@pytest.mark.parametrize(
    "line",
    ['{"description":"\\ud800","amount":"1","category":"a"}', "[" * 200_000, "NaN", '"text"', "7"],
)
def test_a_hostile_line_refuses_its_row_only(line: str) -> None:
    good = json.dumps({"description": "Tea", "amount": "1.00", "category": "Food"})
    found = read(f"{line}\n{good}\n", "application/x-ndjson")
    assert [row.body is None for row in found] == [True, False]
    assert found[0].errors


def test_a_json_line_takes_no_number_for_money_and_no_unknown_property() -> None:
    line = '{"description":"Tea","amount":1.0,"category":"Food","spent_on":"2026-01-01"}'
    (row,) = read(line, "application/x-ndjson")
    assert {error.pointer for error in row.errors} == {"/amount", "/spent_on"}
