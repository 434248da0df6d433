"""Creates the HTTP clients for vendors and channels.

httpx reads the proxy settings when it creates one, and raises for values that it cannot parse; here
they become a ConfigurationError. Its own text is not repeated: it quotes what stands where the port
should be, which is the password of an address whose password has an unescaped `/` or `#`.
"""

from __future__ import annotations

from typing import Any

import httpx

from signalroom.errors import ConfigurationError


def http_client(**options: Any) -> httpx.Client:
    """An httpx client; ConfigurationError if the environment's proxy settings cannot be used."""
    try:
        return httpx.Client(**options)
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
