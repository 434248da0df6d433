"""Access to the page, its actions and the trigger: tokens, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import math
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from signalroom.settings import variable

log = logging.getLogger("scheduler")
COOKIE = "signalroom"
COOKIE_DAYS = 30
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
WRONG_TOKENS = 10  # from one address, in a minute
ADDRESSES_KEPT = 1000


def is_loopback(host: str) -> bool:
    """Whether a listening address is reachable only from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def matches(given: str, token: str | None) -> bool:
    """Whether a token is correct; none is if no token is set."""
    return bool(token) and hmac.compare_digest(given.encode(), str(token).encode())


def bearer(header: str | None) -> str:
    """The token of an Authorization header; empty without one."""
    kind, _, token = (header or "").strip().partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def trigger_token() -> str | None:
    """The token for triggering jobs."""
    return variable("SIGNALROOM_TRIGGER_TOKEN")


def page_token() -> str | None:
    """The token of the page."""
    return variable("SIGNALROOM_WEB_TOKEN")


def public_host() -> str | None:
    """The host name of SIGNALROOM_PUBLIC_URL."""
    return urlsplit(variable("SIGNALROOM_PUBLIC_URL") or "").hostname


@dataclass(frozen=True)
class Access:
    """Access to the page and the metrics, based on the listening address and the token."""

    beyond_loopback: bool

    @property
    def is_closed(self) -> bool:
        """Whether access is closed: others can reach the port, and no token is set."""
        return self.beyond_loopback and not page_token()

    def allows(self, authorization: str | None, cookies: str | None) -> bool:
        """Whether a request may see the page."""
        token = page_token()
        if not token:
            return not self.beyond_loopback
        return matches(bearer(authorization), token) or is_signed_in(cookies)

    def is_meant(self, host: str | None) -> bool:
        """Whether the Host header names this server.

        Against DNS rebinding: accepted are names of this machine, IP addresses, and the name of
        SIGNALROOM_PUBLIC_URL. With a token any name is accepted, as long as no public name is set.
        """
        name = host_name(host)
        if name in LOCAL_NAMES:
            return True
        if not self.beyond_loopback and not page_token():
            return False
        public = public_host()
        return public is None or name == public or _is_address(name)


def host_name(host: str | None) -> str:
    """The name of a Host header, without its port."""
    found = (host or "").lower()
    return found if found.endswith("]") else found.rsplit(":", 1)[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def is_own_origin(headers: Mapping[str, str]) -> bool:
    """Whether a form was sent by a page of this server, by the headers that browsers set."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") in ("same-origin", None)
    found = urlsplit(origin)
    return bool(found.netloc) and found.netloc.lower() == headers.get("host", "").lower()


def own_path(asked: str) -> str:
    """The path and query of a page of this server; "/" for any other URL."""
    found = urlsplit(asked)
    is_own = not found.scheme and not found.netloc and re.fullmatch(r"/(?!/)[ -\[\]-~]*", asked)
    return asked if is_own else "/"


def session_cookie() -> str:
    """The session cookie after signing in: it does not contain the token, and expires."""
    expires = str(int(time.time()) + COOKIE_DAYS * 86400)
    return f"{expires}.{_signature(expires)}"


def is_signed_in(cookies: str | None) -> bool:
    """Whether the cookies contain a valid session."""
    try:
        kept = SimpleCookie(cookies or "").get(COOKIE)
    except CookieError:
        return False
    expires, _, signature = kept.value.partition(".") if kept else ("", "", "")
    if not expires.isdecimal() or int(expires) < time.time() or not page_token():
        return False
    return matches(signature, _signature(expires))


def _signature(expires: str) -> str:
    key = str(page_token()).encode()
    return hmac.new(key, f"signalroom page {expires}".encode(), hashlib.sha256).hexdigest()


@dataclass
class Guesses:
    """Wrong tokens by address: logged, and rejected unchecked if there are too many in a minute."""

    _wrong: dict[str, list[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, address: str) -> int:
        """Seconds until another token from this address is checked; 0: now."""
        with self._lock:
            recent = self._recent(address)
            return math.ceil(recent[0] + 60 - time.monotonic()) if self._is_full(recent) else 0

    def wrong(self, address: str, path: str) -> None:
        """Count a wrong token."""
        with self._lock:
            recent = self._recent(address)
            recent.append(time.monotonic())
            if len(self._wrong) >= ADDRESSES_KEPT and address not in self._wrong:
                self._wrong.pop(next(iter(self._wrong)))
            self._wrong[address] = recent
            count = len(recent)
        log.warning("wrong token for %s from %s, %d in the last minute", path, address, count)

    def _recent(self, address: str) -> list[float]:
        since = time.monotonic() - 60
        return [at for at in self._wrong.get(address, []) if at > since]

    @staticmethod
    def _is_full(recent: list[float]) -> bool:
        return len(recent) >= WRONG_TOKENS


@dataclass
class Pace:
    """At most one start of a job in a number of seconds."""

    every_s: float
    _last: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, name: str) -> float:
        """Seconds to wait before the next start; 0 accepts this one."""
        with self._lock:
            now = time.monotonic()
            left = self._last.get(name, now - self.every_s) + self.every_s - now
            if left <= 0:
                self._last[name] = now
            return max(0.0, left)
