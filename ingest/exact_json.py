"""JSON with exact numbers: fractions as Decimal with every digit, integers of any length."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial
from typing import Any

LARGEST_EXPONENT = 400
LONGEST_INTEGER = 4_000  # digits; Python refuses to read longer ones as int


def parsed(text: str) -> Any:
    """The value of a JSON text; raises json.JSONDecodeError, or RecursionError if nested too deep.

    NaN is not JSON, and cannot be summed: it is read as text. Everflow is known to leave control
    characters inside strings.
    """
    read = partial(json.loads, text, parse_float=fraction, parse_constant=str, strict=False)
    try:
        return read()
    except json.JSONDecodeError:
        raise
    except ValueError:  # of a longer integer; a call for each one would take a third of the time
        return read(parse_int=_integer)


def fraction(text: str) -> Decimal | str:
    """A JSON number with every digit; one with hundreds of digits, like `1e999999999`, as text."""
    number = Decimal(text)
    return number if abs(number.adjusted()) <= LARGEST_EXPONENT else text


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= LONGEST_INTEGER else Decimal(digits)
