"""Amounts as the handlers take and make them: exact, in their currency's decimals, bounded."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from generated.errors import AmountPrecision
from runtime.model import canonical, minor_digits

# The largest sum, either way: its thousandths fit the 64 bits that SQLite and the index have.
# It takes 9,000 expenses of the largest amount to reach it.
MOST = Decimal(9 * 10**15)


def exact(amount: Decimal, currency: str, pointer: str) -> Decimal:
    """`amount` with the currency's decimals. Raises AmountPrecision where it has more."""
    try:
        return canonical(amount, currency)
    except ValueError as error:
        raise AmountPrecision(pointer=pointer, message=str(error)) from None


def zero(currency: str) -> Decimal:
    """Nothing, with the currency's decimals."""
    return canonical(Decimal(0), currency)


def bounded(total: Decimal) -> Decimal:
    """`total`, or the bound it is beyond, with its decimals."""
    if -MOST <= total <= MOST:
        return total
    return MOST.copy_sign(total).quantize(total)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """`amount` to the currency's decimals, halves away from zero, within the bounds."""
    step = Decimal(1).scaleb(-minor_digits(currency))
    return bounded(max(min(amount, MOST), -MOST).quantize(step, ROUND_HALF_UP))
