"""Creates the HTTP clients for vendors and channels, and parses their `Retry-After`.

httpx reads the proxy settings when it creates one, and raises for values that it cannot parse; here
they become a ConfigurationError. Its own text is not repeated: it quotes what stands where the port
should be, which is the password of an address whose password has an unescaped `/` or `#`.
"""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx

from signalroom import clock
from signalroom.errors import ConfigurationError

LONGEST_WAIT_S = 86_400.0  # a year, or infinity, is a vendor's mistake
# read once per process: it takes as long as ten requests
trusted = cache(httpx.create_ssl_context)


def http_client(**options: Any) -> httpx.Client:
    """An httpx client; ConfigurationError if the environment's proxy settings cannot be used."""
    try:
        return httpx.Client(verify=trusted(), **options)
    except UnicodeError:  # a header, which is no fault of any proxy
        raise
    except (ImportError, httpx.InvalidURL, ValueError) as error:
        reason = "an address in them cannot be read"
        if isinstance(error, ImportError):
            reason = "a SOCKS proxy is not supported"
        raise ConfigurationError(
            f"The proxy settings cannot be used ({reason}): HTTP_PROXY, HTTPS_PROXY and "
            "ALL_PROXY hold addresses with http://; NO_PROXY holds names and addresses alone, "
            "without brackets or ranges."
        ) from None


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
    return min(seconds, LONGEST_WAIT_S)
