"""Vendors' numbers, made exact: Decimal for money, int for counts, None for no value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

from signalroom.errors import AnswerError

MONEY_TYPE: Mapping[str, Any] = {"data_type": "decimal", "precision": 38, "scale": 18}
COUNT_TYPE: Mapping[str, Any] = {"data_type": "bigint"}
TEXT_TYPE: Mapping[str, Any] = {"data_type": "text"}
DATE_TYPE: Mapping[str, Any] = {"data_type": "date"}
EXACT = Context(prec=80)  # Decimal's own 28 digits are too few for sums of decimal(38, 18)
_SCALE = Decimal(1).scaleb(-18)
LARGEST_EXPONENT = 400
DIGITS = 19  # digits before the decimal point
LARGEST_COUNT = 2**63  # a bigint


def fraction(text: str) -> Decimal | str:
    """A JSON number with every digit; one with hundreds of digits, like `1e999999999`, as text."""
    number = Decimal(text)
    return number if abs(number.adjusted()) <= LARGEST_EXPONENT else text


def money(value: object) -> Decimal | None:
    """An amount with every digit the vendor gave (up to 18 decimals); None when it gave none."""
    number = _number(value)
    if number is None:
        return None
    if number.adjusted() >= DIGITS:
        raise AnswerError(f"The amount {_shown(value)} is too large to be money.")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -18:
        return number.quantize(_SCALE, rounding=ROUND_HALF_EVEN, context=EXACT)
    return number


def count(value: object) -> int | None:
    """A whole number; None when the vendor gave none; AnswerError for a fraction."""
    number = _number(value)
    if number is None:
        return None
    # checked first: converting 1e999999999 would take gigabytes
    if number.adjusted() >= DIGITS or not -LARGEST_COUNT <= (whole := int(number)) < LARGEST_COUNT:
        raise AnswerError(f"{_shown(value)} is too large to be a count.")
    if number != whole:
        raise AnswerError(f"{_shown(value)} is not a whole number.")
    return whole


def total(values: Iterable[Decimal | int | None]) -> Decimal:
    """The exact sum; None adds nothing."""
    found = Decimal(0)
    for value in values:
        found = EXACT.add(found, Decimal(value or 0))
    return found


def is_number(value: object) -> bool:
    """Whether the value is a number, or the text of one."""
    try:
        return _number(value) is not None
    except AnswerError:
        return False


def _number(value: object) -> Decimal | None:
    if value is None or isinstance(value, bool) or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        raise AnswerError(f"{_shown(value)} is not a number.") from None
    if not number.is_finite():
        raise AnswerError(f"{_shown(value)} is not a number.")
    return number


def _shown(value: object) -> str:
    """A value for an error message, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
