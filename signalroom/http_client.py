"""The only place that creates HTTP clients: httpx reads the proxy settings when it creates one.

It raises for values that it cannot parse; here they become a ConfigurationError.
"""

from __future__ import annotations

from typing import Any

import httpx

from signalroom.errors import ConfigurationError
from signalroom.logs import mask


def http_client(**options: Any) -> httpx.Client:
    """An httpx client; ConfigurationError if the environment's proxy settings cannot be used."""
    try:
        return httpx.Client(**options)
    except UnicodeError:  # a header, which is no fault of any proxy
        raise
    except (ImportError, httpx.InvalidURL, ValueError) as error:
        reason = "a SOCKS proxy is not supported" if isinstance(error, ImportError) else error
        raise ConfigurationError(
            f"The proxy settings cannot be used ({mask(str(reason))}): HTTP_PROXY, HTTPS_PROXY and "
            "ALL_PROXY hold addresses with http://; NO_PROXY holds names and addresses alone, "
            "without brackets or ranges."
        ) from None
