"""Amounts as clients send them, in every currency, and how the contract writes them."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from generated.models import Currency
from runtime.model import minor_digits

# Twelve digits before the point.
MOST = 10**12

CURRENCIES = st.sampled_from(Currency)
# Three that have 0, 2 and 3 decimals.
ONE_OF_EACH = ("JPY", "USD", "KWD")


def written(minor: int, currency: str) -> str:
    """So many minor units, as the contract writes them."""
    return str(Decimal(minor).scaleb(-minor_digits(currency)))


def minors(currency: str) -> st.SearchStrategy[int]:
    """Amounts in minor units: any, and often the ones at the edges."""
    most = MOST * 10 ** minor_digits(currency) - 1
    edges = [1, 9, 10, 99, 100, 101, 999, 1001, most // 3, most - 1, most]
    return st.sampled_from([n for n in edges if n <= most]) | st.integers(1, most)


@st.composite
def sums(draw: st.DrawFn, most: int = 4) -> tuple[str, list[int]]:
    """A currency and some amounts in it."""
    currency = draw(CURRENCIES).value
    return currency, draw(st.lists(minors(currency), min_size=1, max_size=most))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    """A currency and some amounts in it, each with another one."""
    currency = draw(CURRENCIES).value
    pair = st.tuples(minors(currency), minors(currency))
    return currency, draw(st.lists(pair, min_size=1, max_size=4))


@st.composite
def order_lines(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    """A currency and some lines: how many, and what one costs."""
    currency = draw(CURRENCIES).value
    price = minors(currency) | st.integers(0, 10**6)
    line = st.tuples(st.integers(1, 10**6) | st.integers(1, 9), price)
    return currency, draw(st.lists(line, min_size=1, max_size=5))


def sent(minor: int, currency: str) -> list[str]:
    """The ways to write one amount: with all decimals, and without the zeros at the end."""
    text = written(minor, currency)
    short = text.rstrip("0").removesuffix(".") if "." in text else text
    return list(dict.fromkeys([text, short]))


def too_precise(currency: str) -> str:
    """An amount that the schema takes, with one decimal more than `currency` has."""
    return written(1, currency) + (".5" if minor_digits(currency) == 0 else "5")
