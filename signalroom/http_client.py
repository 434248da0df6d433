"""HTTP clients of every kind, made in one place: the proxy that the environment names may be none.

The proxy settings are read when a client is made, and not every value of them can be.
"""

from __future__ import annotations

from typing import Any

import httpx

from signalroom.errors import ConfigurationError
from signalroom.logs import mask


def http_client(**options: Any) -> httpx.Client:
    """A client of httpx; ConfigurationError where the environment's proxy cannot be used."""
    try:
        return httpx.Client(**options)
    except (ImportError, httpx.InvalidURL, ValueError) as error:
        reason = "a SOCKS proxy is not supported" if isinstance(error, ImportError) else error
        raise ConfigurationError(
            f"The proxy settings cannot be used ({mask(str(reason))}): HTTP_PROXY, HTTPS_PROXY and "
            "ALL_PROXY hold addresses with http://; NO_PROXY holds names and addresses alone, "
            "without brackets or ranges."
        ) from None
