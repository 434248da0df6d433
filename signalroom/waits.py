"""How a vendor says that it wants us to wait: `Retry-After`, read in one way everywhere."""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime

from signalroom import clock

LONGEST_S = 86_400.0  # a year, or infinity, is a mistake of the vendor


def requested_wait_s(value: str) -> float | None:
    """The seconds that a `Retry-After` asks for, a day at most; None where it asks for nothing.

    It gives seconds or a date; where a proxy adds its own, "30, 120", the longer wait holds. 0 asks
    for nothing: the caller's own pause applies.
    """
    try:
        seconds = max(float(one) for one in value.split(","))
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        seconds = (moment - clock.instant()).total_seconds()
    if math.isnan(seconds) or seconds <= 0:
        return None
    return min(seconds, LONGEST_S)
