"""Vendors' `Retry-After`, parsed the same way everywhere."""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime

from signalroom import clock

LONGEST_S = 86_400.0  # a year, or infinity, is a vendor's mistake


def requested_wait_s(value: str) -> float | None:
    """The seconds of a `Retry-After`, at most a day; None if it has no wait.

    It is in seconds or a date; if a proxy adds its own, "30, 120", the longer wait applies. 0 means
    no wait: the caller's own pause applies.
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
