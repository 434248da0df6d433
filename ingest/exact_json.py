"""JSON with exact numbers: fractions as Decimal with every digit, integers of any length."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial
from typing import Any

from ingest.columns import fraction

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


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= LONGEST_INTEGER else Decimal(digits)
