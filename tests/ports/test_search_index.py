"""The promises of the port SearchIndex: one suite over every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from runtime.adapters.tantivy_index import TantivyIndex
from runtime.ports import Bucket, Found, SearchDocument, SearchIndex, SearchQuery

pytestmark = pytest.mark.anyio

HOME, WORK, OTHERS = "bud_home", "bud_work", "bud_others"


class Adapter(SearchIndex, Protocol):
    """A search index that can be closed."""

    async def close(self) -> None: ...


ADAPTERS: dict[str, Callable[[Path], Adapter]] = {
    "tantivy": lambda folder: TantivyIndex(folder / "search"),
}


@pytest.fixture(params=ADAPTERS)
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchIndex]:
    index = ADAPTERS[request.param](tmp_path)
    yield index
    await index.close()


def expense(id: str, description: str = "Thing", **fields: Any) -> SearchDocument:
    values: dict[str, Any] = {
        "version": 1,
        "budget_id": HOME,
        "note": "",
        "category": "Miscellany",
        "tags": (),
        "currency": "USD",
        "amount": 100,
        "spent_on": date(2026, 3, 14),
    }
    return SearchDocument(id=id, description=description, **(values | fields))


async def add(index: SearchIndex, *documents: SearchDocument) -> None:
    await index.apply(documents, {})


async def ids(index: SearchIndex, text: str = "", **fields: Any) -> list[str]:
    found = await index.search(SearchQuery(**({"budgets": (HOME,), "text": text} | fields)))
    return [hit.id for hit in found.hits]


async def stream(documents: Sequence[SearchDocument]) -> AsyncIterator[SearchDocument]:
    for document in documents:
        yield document


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Groceries", "grocery"),
        ("Running shoes", "RUN"),
        ("Café au lait", "cafe"),
        ("Cafe au lait", "CAFÉ"),
        ("Cafe\u0301", "café"),
        ("Łódź, Smørrebrød, Straße", "lodz smorrebrod strasse"),
        ("John's lunch", "johns"),
        ("L'hôtel", "hotel"),
        ("Wi-Fi router", "wi fi"),
        ("寿司と日本料理", "日本"),
        ("ŞİŞLİ", "sisli"),
        ("Кофе", "КОФЕ"),
        ("قهوة", "قهوة"),
        ("चाय की दुकान", "दुकान"),
        ("Pizza 🍕", "🍕"),
        ("Room 2024", "2024"),
        ("ﬁne ＦＯＯＤ", "fine food"),
    ],
)
async def test_words_are_found_as_stems_without_case_and_accents(
    index: SearchIndex, said: str, asked: str
) -> None:
    await add(index, expense("e1", said), expense("e2", "Other"))
    assert await ids(index, asked, fuzzy=False) == ["e1"]


@pytest.mark.parametrize(
    "fields",
    [{"description": "Lunch"}, {"note": "lunch"}, {"category": "Lunch"}, {"tags": ("x", "lunch")}],
)
async def test_words_are_found_in_each_field(index: SearchIndex, fields: dict[str, Any]) -> None:
    await add(index, expense("e1", **fields), expense("e2"))
    assert await ids(index, "lunch") == ["e1"]


async def test_every_word_must_be_found_in_whatever_field(index: SearchIndex) -> None:
    await add(
        index,
        expense("e1", "Lunch", note="with the team", tags=("berlin",)),
        expense("e2", "Lunch", tags=("berlin",)),
    )
    assert await ids(index, "team lunch berlin") == ["e1"]


async def test_a_quoted_phrase_is_found_in_a_row_only(index: SearchIndex) -> None:
    await add(
        index,
        expense("e1", "Team lunches downtown"),
        expense("e2", "Lunch with the team"),
        expense("e3", tags=("team", "lunch")),
    )
    assert await ids(index, '"team lunch"') == ["e1"]
    assert await ids(index, "\u201cteam lunch\u201d downtown") == ["e1"]
    assert sorted(await ids(index, '"lunch"')) == ["e1", "e2", "e3"]


async def test_the_last_word_may_be_only_begun(index: SearchIndex) -> None:
    await add(index, expense("e1", "Happiness workshop"), expense("e2", "Workshop"))
    assert await ids(index, "workshop happin", fuzzy=False) == ["e1"]
    assert await ids(index, "happin workshop", fuzzy=False) == []
    assert await ids(index, '"happin"', fuzzy=False) == []


@pytest.mark.parametrize(
    ("said", "asked", "found"),
    [
        ("Taxi", "tax", True),  # begun, not misspelt
        ("Taxi", "txi", False),
        ("Taxi", "taxo", True),
        ("Taxi", "tuxo", False),
        ("Coffee", "cofee", True),
        ("Coffee", "cofefe", True),
        ("Coffee", "kofee", False),
        ("Restaurant", "restuarnat", True),
        ("Restaurant", "rstorant", False),
        ("Invoice 20261", "20262", False),
    ],
)
async def test_a_typing_error_is_forgiven_from_four_letters_and_two_from_eight(
    index: SearchIndex, said: str, asked: str, found: bool
) -> None:
    await add(index, expense("e1", said))
    assert await ids(index, f"{asked} ") == (["e1"] if found else [])


async def test_no_typing_error_is_forgiven_where_none_is_asked_for(index: SearchIndex) -> None:
    await add(index, expense("e1", "Coffee"))
    assert await ids(index, "cofee", fuzzy=False) == []


async def test_exact_comes_before_begun_and_begun_before_misspelt(index: SearchIndex) -> None:
    await add(
        index,
        expense("e1", "Tramp"),
        expense("e2", "Trains of thought"),
        expense("e3", "Nothing", note="a long note in which somewhere there is a train"),
        expense("e4", "Trainer"),
    )
    assert await ids(index, "train") == ["e2", "e3", "e4"]
    await add(index, expense("e5", "Brain"))
    assert await ids(index, "train") == ["e2", "e3", "e4", "e5"]


async def test_description_counts_more_than_tags_and_tags_more_than_note(
    index: SearchIndex,
) -> None:
    await add(
        index,
        expense("e1", "Some words", note="market"),
        expense("e2", "Some words", tags=("market",)),
        expense("e3", "Some market"),
        expense("e4", "Some words", category="Market"),
    )
    found = await ids(index, "market")
    assert (found[0], set(found[1:3]), found[3]) == ("e3", {"e2", "e4"}, "e1")


HOSTILE = [
    "*:*",
    "*",
    "budget:bud_others",
    "budget_id:bud_others",
    'secret OR budget:"bud_others"',
    ") OR (secret",
    '"unbalanced secret',
    '"""',
    "secret~9 [a TO z] {* TO *} ^5 +secret -x AND NOT \\",
    "/.*/",
    "se.*",
    " ".join(f"word{n}" for n in range(1000)),
    "secret " * 1000,
    "s" * 100_000,
    "🍕" * 300,
    "\x00secret\x00",
    "\u202esecret\u202c",
    "\ud800secret",
    "e\u0301" * 500,
    "<script>alert(1)</script>",
    "' OR 1=1; --",
    "🏳️‍🌈 👩‍👩‍👧‍👦",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_text_is_syntax_or_reaches_beyond_the_budgets(
    index: SearchIndex, text: str
) -> None:
    await add(
        index,
        expense("mine", "A quiet word"),
        expense("theirs", "Secret", budget_id=OTHERS, note=text[:2000].replace("\ud800", "")),
    )
    assert "theirs" not in await ids(index, text)
    assert await ids(index, text) == []
    assert "Secret" not in await index.suggest([HOME], text, 10)
    assert await ids(index, category=text) == await ids(index, tags=(text,)) == []


@pytest.mark.parametrize("text", ["", "  ", "\n"])
async def test_without_text_everything_in_the_budgets_is_found(
    index: SearchIndex, text: str
) -> None:
    await add(index, expense("e1"), expense("e2", budget_id=OTHERS))
    assert await ids(index, text) == ["e1"]


# --- filters --------------------------------------------------------------------------------------


async def test_only_the_named_budgets_are_searched_be_they_thousands(index: SearchIndex) -> None:
    await add(index, *(expense(f"e{b}", budget_id=b) for b in (HOME, WORK, OTHERS)))
    assert await ids(index, budgets=()) == []
    assert await ids(index, budgets=(HOME, WORK)) == [f"e{HOME}", f"e{WORK}"]
    many = tuple(f"bud_{n}" for n in range(5000))
    assert await ids(index, "thing", budgets=(*many, WORK)) == [f"e{WORK}"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"category": "Food"}, ["e1", "e2"]),
        ({"category": "food"}, []),
        ({"categories": ("Food", "Travel")}, ["e1", "e2", "e3"]),
        ({"tags": ("a",)}, ["e1", "e2"]),
        ({"tags": ("a", "b")}, ["e2"]),
        ({"currency": "EUR"}, ["e3"]),
        ({"spent_from": date(2026, 3, 2)}, ["e2", "e3"]),
        ({"spent_to": date(2026, 3, 2)}, ["e1", "e2"]),
        ({"spent_from": date(2026, 3, 2), "spent_to": date(2026, 3, 2)}, ["e2"]),
        ({"spent_from": date(2026, 3, 3), "spent_to": date(2026, 3, 1)}, []),
        ({"amount_from": 200}, ["e2", "e3"]),
        ({"amount_to": 200}, ["e1", "e2"]),
        ({"amount_from": 10**30}, []),
        ({"amount_from": -(10**30), "amount_to": 10**30}, ["e1", "e2", "e3"]),
        ({"text": "thing", "category": "Food", "tags": ("a",), "amount_from": 150}, ["e2"]),
    ],
)
async def test_filters_narrow_with_bounds_included(
    index: SearchIndex, asked: dict[str, Any], found: list[str]
) -> None:
    await add(
        index,
        expense("e1", category="Food", tags=("a",), spent_on=date(2026, 3, 1), amount=100),
        expense("e2", category="Food", tags=("b", "a"), spent_on=date(2026, 3, 2), amount=200),
        expense("e3", category="Travel", spent_on=date(2026, 3, 3), amount=300, currency="EUR"),
    )
    assert sorted(await ids(index, **asked)) == found


# --- order and pages ------------------------------------------------------------------------------


async def test_without_text_the_newest_come_first_and_ties_go_by_id(index: SearchIndex) -> None:
    days = {"e4": 1, "e1": 2, "e3": 2, "e2": 2, "e5": 3}
    for id, day in days.items():  # one by one: each commit lies elsewhere in the index
        await add(index, expense(id, spent_on=date(2026, 3, day)))
    assert await ids(index) == ["e5", "e1", "e2", "e3", "e4"]
    assert await ids(index, "thing", order="newest") == ["e5", "e1", "e2", "e3", "e4"]
    assert await ids(index, order="oldest") == ["e4", "e1", "e2", "e3", "e5"]


@pytest.mark.parametrize("text", ["", "coffee"])
async def test_pages_show_every_hit_once_in_the_order_of_ids_where_all_tie(
    index: SearchIndex, text: str
) -> None:
    every = [f"exp_01jd8z4k5qf6x8v0m2t7n9{n:04d}" for n in range(300)]
    shuffled = sorted(every, key=lambda id: id[::-1])
    await add(index, *(expense(id, "Coffee") for id in shuffled[:100]))
    await add(index, *(expense(id, "Coffee") for id in shuffled[100:]))
    assert await ids(index, text, limit=300) == every
    pages = [await ids(index, text, limit=7, offset=n) for n in range(0, 301, 7)]
    assert [id for page in pages for id in page] == every
    assert await ids(index, text, offset=300) == await ids(index, text, offset=10**9) == []


# --- facets ---------------------------------------------------------------------------------------


async def test_facets_and_sums_are_over_all_hits_and_by_currency(index: SearchIndex) -> None:
    march, april = date(2026, 3, 31), date(2026, 4, 1)
    await add(
        index,
        expense("e1", "Lunch", category="Food", amount=1, spent_on=april),
        expense("e2", "Lunch", category="Food", amount=20, spent_on=march, currency="JPY"),
        expense("e3", "Lunch", category="Food", amount=-300, spent_on=march),
        expense("e4", "Lunch", category="Work", amount=4000, spent_on=march),
        expense("e5", "Dinner", category="Food", amount=7, spent_on=march),
        expense("e6", "Lunch", category="Food", amount=7, budget_id=OTHERS),
    )
    for limit in (1, 0):
        found = await index.search(SearchQuery(budgets=(HOME,), text="lunch", limit=limit))
        assert (found.total, len(found.hits)) == (4, limit)
        assert found.by_category == [
            Bucket("Food", "JPY", 1, 20),
            Bucket("Food", "USD", 2, -299),
            Bucket("Work", "USD", 1, 4000),
        ]
        assert found.by_month == [
            Bucket("2026-03", "JPY", 1, 20),
            Bucket("2026-03", "USD", 2, 3700),
            Bucket("2026-04", "USD", 1, 1),
        ]
        assert found.sums == [Bucket("JPY", "JPY", 1, 20), Bucket("USD", "USD", 3, 3701)]


async def test_sums_are_exact_beyond_what_a_double_holds(index: SearchIndex) -> None:
    largest = 9_999_999_999_999_999
    amounts = [largest - n for n in range(40)] + [-1, 1, 2]
    await add(index, *(expense(f"e{n}", amount=each) for n, each in enumerate(amounts)))
    found = await index.search(SearchQuery(budgets=(HOME,)))
    whole = sum(amounts)
    assert int(float(whole)) != whole
    assert [b.sum for b in (*found.sums, *found.by_month, *found.by_category)] == [whole] * 3


async def test_nothing_found_is_an_empty_answer(index: SearchIndex) -> None:
    await add(index, expense("e1"))
    found = await index.search(SearchQuery(budgets=(HOME,), text="absent"))
    assert found == Found(hits=[], total=0, by_category=[], by_month=[], sums=[])


# --- highlights -----------------------------------------------------------------------------------


async def highlights(index: SearchIndex, text: str) -> dict[str, str]:
    found = await index.search(SearchQuery(budgets=(HOME,), text=text))
    return dict(found.hits[0].highlights)


async def test_highlights_mark_what_matched_and_escape_the_rest(index: SearchIndex) -> None:
    await add(
        index,
        expense(
            "e1",
            '<b>Cafés</b> & "co"',
            note="No match",
            category="Coffee shops",
            tags=("cafe", "x<y"),
        ),
    )
    assert await highlights(index, "cafe") == {
        "description": "&lt;b&gt;<em>Cafés</em>&lt;/b&gt; &amp; &quot;co&quot;",
        "tags": "<em>cafe</em>",
    }
    assert await highlights(index, "x cofee") == {
        "category": "<em>Coffee</em> shops",
        "tags": "<em>x</em>&lt;y",
    }
    assert await highlights(index, "cof") == {"category": "<em>Coffee</em> shops"}
    assert await highlights(index, "") == {}


async def test_a_phrase_is_marked_where_it_stands_in_a_row(index: SearchIndex) -> None:
    await add(index, expense("e1", "Lunch, then a team lunch"))
    marked = await highlights(index, '"team lunch"')
    assert marked == {"description": "Lunch, then a <em>team</em> <em>lunch</em>"}


async def test_a_long_note_is_shown_around_the_match(index: SearchIndex) -> None:
    await add(index, expense("e1", note="before " * 100 + "needle" + " after" * 100))
    fragment = (await highlights(index, "needle"))["note"]
    assert "before <em>needle</em> after" in fragment
    assert (fragment[0], fragment[-1], len(fragment) < 300) == ("…", "…", True)


# --- suggestions ----------------------------------------------------------------------------------


async def test_suggestions_hold_a_word_so_begun_the_most_frequent_first(
    index: SearchIndex,
) -> None:
    await add(
        index,
        expense("e1", "Café Central", category="Food"),
        expense("e2", "cafe central", category="Food"),
        expense("e3", "Café Central", category="Food"),
        expense("e4", "The cafeteria", category="Cafés", tags=("cafe-hopping",)),
        expense("e5", "The cafeteria", category="Food"),
        expense("e6", "Decaf", category="Food", note="cafe"),
        expense("e7", "Cafe of others", budget_id=OTHERS),
    )
    assert await index.suggest([HOME], "CAF", 10) == ["Café Central", "The cafeteria", "Cafés"]
    assert await index.suggest([HOME], "caf", 1) == ["Café Central"]
    assert await index.suggest([HOME], "cafe cen", 10) == ["Café Central"]
    assert await index.suggest([HOME], "central caf", 10) == []
    assert await index.suggest([HOME], "caf", 10, ["category"]) == ["Cafés"]
    assert await index.suggest([HOME], "hop", 10, ["tags"]) == ["cafe-hopping"]
    assert await index.suggest([], "caf", 10) == await index.suggest([HOME], " ", 10) == []


# --- applying -------------------------------------------------------------------------------------


async def test_a_lower_or_equal_version_never_undoes_a_higher_one(index: SearchIndex) -> None:
    await add(index, expense("e1", "Second", version=2))
    await add(index, expense("e1", "First", version=1), expense("e1", "Twice", version=2))
    await index.apply([], {"e1": 1})
    assert await ids(index, "second") == ["e1"]
    await add(index, expense("e1", "Fourth", version=4), expense("e1", "Third", version=3))
    assert await ids(index) == await ids(index, "fourth") == ["e1"]


async def test_what_was_deleted_does_not_come_back_by_a_late_event(index: SearchIndex) -> None:
    await add(index, expense("e1", version=3))
    await index.apply([], {"e1": 3, "e2": 5})
    assert await ids(index) == []
    await add(index, expense("e1", version=3), expense("e2", version=4))
    assert await ids(index) == []
    await add(index, expense("e1", version=4))
    assert await ids(index) == ["e1"]


async def test_a_put_and_its_deletion_may_come_together(index: SearchIndex) -> None:
    await index.apply([expense("e1", version=2), expense("e2", version=2)], {"e1": 2, "e2": 1})
    assert await ids(index) == ["e2"]


async def test_calls_at_once_are_each_done_when_they_return(index: SearchIndex) -> None:
    async def added(n: int) -> bool:
        await add(index, expense(f"e{n}", f"Number{n}"))
        return await ids(index, f"number{n}", fuzzy=False, limit=1) == [f"e{n}"]

    assert all(await asyncio.gather(*(added(n) for n in range(50))))
    assert len(await ids(index, limit=100)) == 50


async def test_a_deleted_budget_takes_its_expenses_with_it_for_good(index: SearchIndex) -> None:
    await add(index, expense("e1"), expense("e2"), expense("e3", budget_id=WORK))
    await index.delete_budget(HOME)
    await add(index, expense("e1", version=9), expense("e4"))
    assert await ids(index, budgets=(HOME, WORK)) == ["e3"]


# --- rebuilding -----------------------------------------------------------------------------------


async def test_a_rebuild_replaces_what_there_was(index: SearchIndex) -> None:
    await add(index, expense("stale"), expense("e1", "Old", version=7))
    many = [expense(f"e{n}", spent_on=date(2026, 1, 1) + timedelta(n)) for n in range(1200)]
    assert await index.rebuild(stream(many)) == 1200
    assert await ids(index, limit=2) == ["e1199", "e1198"]
    assert (await index.search(SearchQuery(budgets=(HOME,)))).total == 1200


async def test_a_rebuild_keeps_what_was_applied_meanwhile(index: SearchIndex) -> None:
    await add(index, expense("e1"), expense("e2"), expense("e3"), expense("e4", budget_id=WORK))

    async def documents() -> AsyncIterator[SearchDocument]:
        yield expense("e1", "Read")
        yield expense("e2")
        await index.apply([expense("e1", "Changed", version=2)], {"e2": 1, "e3": 1})
        await index.delete_budget(WORK)
        assert await ids(index, budgets=(HOME, WORK)) == ["e1"]  # the old one answers
        await add(index, expense("e5", "New"))
        yield expense("e3")
        yield expense("e4", budget_id=WORK)
        yield expense("e6", "Only read")

    assert await index.rebuild(documents()) == 5
    assert await ids(index, budgets=(HOME, WORK)) == ["e1", "e5", "e6"]
    assert await ids(index, "changed") == ["e1"]
    await add(index, expense("e2"), expense("e4", budget_id=WORK))
    assert await ids(index, budgets=(HOME, WORK)) == ["e1", "e5", "e6"]


async def test_a_rebuild_remembers_deletions_but_believes_the_store(index: SearchIndex) -> None:
    await index.apply([], {"gone": 2, "restored": 2})
    await index.delete_budget(WORK)
    await index.delete_budget(OTHERS)
    restored = expense("e1", budget_id=WORK)
    await index.rebuild(stream([expense("restored", version=1), restored]))
    await add(
        index,
        expense("gone"),
        expense("e2", budget_id=OTHERS),
        expense("e3", budget_id=WORK),
        expense("restored", version=2),
    )
    assert await ids(index, budgets=(HOME, WORK, OTHERS)) == ["e1", "e3", "restored"]


async def test_a_rebuild_that_fails_leaves_the_index_as_it_was(index: SearchIndex) -> None:
    await add(index, expense("e1"))

    async def documents() -> AsyncIterator[SearchDocument]:
        yield expense("e2")
        await add(index, expense("e3"))
        raise ConnectionError("the store went away")

    with pytest.raises(ConnectionError):
        await index.rebuild(documents())
    assert await ids(index) == ["e1", "e3"]
    assert await index.rebuild(stream([expense("e4")])) == 1
    assert await ids(index) == ["e4"]
