"""The promises of the port SearchIndex about words: what is found, marked and suggested."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.ports import SearchIndex, SearchQuery
from tests.ports.searching import HOME, OTHERS, add, expense, ids

pytestmark = pytest.mark.anyio


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
        ("\ufb01ne \uff26\uff2f\uff2f\uff24", "fine food"),
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
