"""Numbers as vendors give them, made exact: Decimal for money, int for counts, None for nothing."""

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
_LARGEST = Decimal(10) ** 19


def money(value: object) -> Decimal | None:
    """An amount with every digit the vendor gave (up to 18 decimals); None when it gave none."""
    number = _number(value)
    if number is None:
        return None
    if abs(number) >= _LARGEST:
        raise AnswerError(f"The amount {value!r} is too large to be money.")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -18:
        return number.quantize(_SCALE, rounding=ROUND_HALF_EVEN, context=EXACT)
    return number


def count(value: object) -> int | None:
    """A whole number; None when the vendor gave none; AnswerError for a fraction."""
    number = _number(value)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise AnswerError(f"{value!r} is not a whole number.")
    return int(number)


def total(values: Iterable[Decimal | int | None]) -> Decimal:
    """The exact sum; what is missing adds nothing."""
    found = Decimal(0)
    for value in values:
        found = EXACT.add(found, Decimal(value or 0))
    return found


def _number(value: object) -> Decimal | None:
    if value is None or isinstance(value, bool) or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise AnswerError(f"{value!r} is not a number.") from None
    if not number.is_finite():
        raise AnswerError(f"{value!r} is not a number.")
    return number
