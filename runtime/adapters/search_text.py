"""How text becomes words: one folding for what is indexed, asked and highlighted.

A word is a run of letters, digits and their marks, without case and accents (`Café's` is `cafes`,
`Łódź` is `lodz`). Chinese and Japanese have no spaces: there each character is a word, and so is
an emoji.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

LONGEST = (
    64  # letters of a word that count: what follows is cut from the indexed and the asked alike
)
_MOST_PARTS = 24  # of a query; what follows is ignored, as each costs an automaton a field

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_EMOJI = "\u2600-\u27bf\U0001f000-\U0001f3fa\U0001f400-\U0001faff"  # without the skin tones
# Marks that belong to the letter before, which `\w` leaves out: Latin to Arabic, India's scripts,
# Thai, symbols.
_MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
_MARKS += "\u06d6-\u06ed"
_MARKS += "\u0900-\u0963\u0970-\u0dff\u0e31\u0e34-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0"
_SUFFIX = "(?:s|t|d|m|re|ve|ll)"  # don't, we'll, John's: one word; l'hôtel: two

_ASCII = re.compile(rf"[a-z0-9]+(?:'{_SUFFIX}(?![a-z0-9]))?")
_WORD = re.compile(
    rf"[{_CJK}{_EMOJI}]"
    rf"|[^\W_{_CJK}](?:[^\W_{_CJK}]|[{_MARKS}])*+(?:['\u2019]{_SUFFIX}(?![^\W_]))?",
    re.IGNORECASE,
)
_ALONE = re.compile(f"[{_CJK}{_EMOJI}]")
# Letters that Unicode does not decompose, though readers do.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "\u0131": "i"}
    | {"æ": "ae", "œ": "oe", "þ": "th"}
)


@lru_cache(4096)
def _fold(token: str) -> str:
    if _ALONE.match(token):
        return unicodedata.normalize("NFKC", token)
    plain = unicodedata.normalize("NFKD", token).casefold()
    plain = unicodedata.normalize("NFKD", plain).translate(_LETTERS)
    kept = "".join(c for c in plain if c.isalnum() or _is_vowel_sign(c))
    return unicodedata.normalize("NFC", kept)[:LONGEST] or token


def _is_vowel_sign(c: str) -> bool:
    """Whether a mark is no accent, as it has no combining class (Hindi, Thai): it stays."""
    return not unicodedata.combining(c) and unicodedata.category(c)[0] == "M"


def spans(text: str) -> Iterator[tuple[int, int, str]]:
    """The words of `text`: start, end and folded form."""
    if text.isascii():
        for match in _ASCII.finditer(text.lower()):
            yield match.start(), match.end(), match[0].replace("'", "")[:LONGEST]
    else:
        for match in _WORD.finditer(text):
            yield match.start(), match.end(), _fold(match[0])


def words(text: str) -> list[str]:
    """The folded words of `text`."""
    if text.isascii():
        return [word.replace("'", "")[:LONGEST] for word in _ASCII.findall(text.lower())]
    return [_fold(token) for token in _WORD.findall(text)]


# --- what is asked --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """What a hit must hold: a word, or several in a row.

    It may have `edits` typing errors; with `prefix` it may go on.
    """

    words: tuple[str, ...]
    edits: int = 0
    prefix: bool = False


def _edits(word: str) -> int:
    """Typing errors forgiven: none in short words, numbers and what is too long to be a word."""
    if len(word) < 4 or len(word) > 32 or any(c.isdigit() for c in word):
        return 0
    return 2 if len(word) >= 8 else 1


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    """Words one by one, but characters that stand together (Chinese, Japanese) as a phrase."""
    run: list[str] = []
    last = -1
    for start, end, word in spans(text):
        alone = _ALONE.match(text, start) is not None
        if run and not (alone and start == last):
            yield tuple(run)
            run = []
        run.append(word)
        last = end if alone else -1
    if run:
        yield tuple(run)


def parts(text: str, fuzzy: bool) -> list[Part]:
    """What `text` asks for: words, and phrases in quotes. Nothing else in it is syntax."""
    pieces = re.split('["\u201c\u201d]', text)
    unclosed = len(pieces) - 1 if len(pieces) % 2 == 0 else -1
    asked: list[Part] = []
    for n, piece in enumerate(pieces):
        if n % 2 and n != unclosed:
            if quoted := tuple(words(piece)):
                asked.append(Part(quoted[:_MOST_PARTS]))
            continue
        for run in _runs(piece[:2000]):
            asked.append(Part(run, _edits(run[0]) if fuzzy and len(run) == 1 else 0))
    last = asked[-1] if asked else None
    if last and len(last.words) == 1 and words(pieces[-1]):
        asked[-1] = Part(last.words, last.edits, prefix=True)
    return list(dict.fromkeys(asked))[:_MOST_PARTS]


# --- what is shown --------------------------------------------------------------------------------


def within(a: str, b: str, most: int) -> bool:
    """Whether at most `most` edits make `b` of `a`.

    An edit adds, drops or changes a letter, or swaps two neighbours: what tantivy counts.
    """
    # An edit makes at most one letter appear or vanish: most words end here, 20 times cheaper.
    if abs(len(a) - len(b)) > most or len(set(a) - set(b)) > most or len(set(b) - set(a)) > most:
        return False
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return False
    return row[-1] <= most


class Highlighter:
    """Marks in a text what a query's parts matched. Made for one search: it remembers its words."""

    def __init__(self, asked: Sequence[Part], stem: Callable[[str], str]) -> None:
        self._singles = [(p, stem(p.words[0])) for p in asked if len(p.words) == 1]
        self._phrases = [[stem(word) for word in p.words] for p in asked if len(p.words) > 1]
        self._stem = stem
        self._met: dict[str, bool] = {}

    def _matches(self, word: str) -> bool:
        found = self._met.get(word)
        if found is None:
            found = self._met[word] = any(self._meets(word, *each) for each in self._singles)
        return found

    def _meets(self, word: str, part: Part, wanted: str) -> bool:
        asked = part.words[0]
        if word == asked or (part.prefix and word.startswith(asked)):
            return True
        # A stem keeps its word's first letter.
        if word[0] == wanted[0] and self._stem(word) == wanted:
            return True
        return part.edits > 0 and within(asked, word, part.edits)

    def _marks(self, text: str) -> list[tuple[int, int]]:
        met = list(spans(text))
        marked = {n for n, (_, _, word) in enumerate(met) if self._matches(word)}
        if self._phrases:
            stems = [self._stem(word) for _, _, word in met]
            for phrase in self._phrases:
                for n in range(len(stems) - len(phrase) + 1):
                    if stems[n : n + len(phrase)] == phrase:
                        marked.update(range(n, n + len(phrase)))
        marks: list[tuple[int, int]] = []
        for n in sorted(marked):
            start, end, _ = met[n]
            if marks and marks[-1][1] == start:  # characters that stand together
                start = marks.pop()[0]
            marks.append((start, end))
        return marks

    def fragment(self, text: str, most: int = 240) -> str | None:
        """About `most` characters around the first match, HTML-escaped, with `<em>`.

        None where nothing matches.
        """
        text = text[:4000]
        marks = self._marks(text)
        if not marks:
            return None
        begin, end = 0, len(text)
        if end > most:
            first = marks[0][0]
            if first > most // 4:
                begin = text.find(" ", first - most // 4, first) + 1 or first
            if begin + most < end:
                end = max(text.rfind(" ", begin, begin + most), marks[0][1])
        out: list[str] = ["…"] if begin else []
        at = begin
        for start, stop in marks:
            if stop > end:
                break
            out += (escape(text[at:start]), "<em>", escape(text[start:stop]), "</em>")
            at = stop
        out.append(escape(text[at:end]))
        if end < len(text):
            out.append("…")
        return "".join(out)
