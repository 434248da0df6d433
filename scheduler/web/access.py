"""Who may see the page and who may start a job: tokens, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import threading
import time
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from signalroom.settings import variable

COOKIE = "signalroom"
COOKIE_DAYS = 30
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def matches(given: str, token: str | None) -> bool:
    """Whether a token is the right one; none is right where none is set."""
    return bool(token) and hmac.compare_digest(given.encode(), str(token).encode())


def bearer(header: str | None) -> str:
    """The token of an Authorization header; empty without one."""
    kind, _, token = (header or "").strip().partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def trigger_token() -> str | None:
    """The token that starts jobs."""
    return variable("SIGNALROOM_TRIGGER_TOKEN")


@dataclass(frozen=True)
class Access:
    """Access to the page and the metrics, as the address to listen on and the token decide it."""

    beyond_loopback: bool

    @property
    def token(self) -> str | None:
        """The token of the page."""
        return variable("SIGNALROOM_WEB_TOKEN")

    @property
    def is_closed(self) -> bool:
        """Whether nobody may look: others reach the port, and no token is set."""
        return self.beyond_loopback and not self.token

    def cookie(self) -> str:
        """What the browser keeps: no token, but what only its owner can have been given."""
        digest = hmac.new(str(self.token).encode(), b"signalroom page", hashlib.sha256)
        return digest.hexdigest()

    def allows(self, authorization: str | None, cookies: str | None) -> bool:
        """Whether a request may see the page."""
        if not self.token:
            return not self.beyond_loopback
        if matches(bearer(authorization), self.token):
            return True
        try:
            kept = SimpleCookie(cookies or "").get(COOKIE)
        except CookieError:
            return False
        return kept is not None and matches(kept.value, self.cookie())

    def is_meant(self, host: str | None) -> bool:
        """Whether the Host header names this machine, where nothing else guards the page.

        A stranger's page that has its own name point at 127.0.0.1 is none of ours.
        """
        if self.beyond_loopback or self.token:
            return True
        name = (host or "").rsplit(":", 1)[0] if not (host or "").endswith("]") else host
        return name in LOCAL_NAMES


@dataclass
class Pace:
    """At most one start of a job in so many seconds."""

    every_s: float
    _last: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, name: str) -> float:
        """Seconds to wait before the next start; 0 takes this one."""
        with self._lock:
            now = time.monotonic()
            left = self._last.get(name, now - self.every_s) + self.every_s - now
            if left <= 0:
                self._last[name] = now
            return max(0.0, left)
