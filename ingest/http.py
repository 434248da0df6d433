"""The HTTP client for every vendor.

Time limits, retries with backoff and jitter on 429, 5xx and lost connections, `Retry-After`
honored, requests throttled to the rate limits, responses bounded in size, redirects refused (they
would send the key to another host), secrets masked in every error.
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import tenacity

from ingest import exact_json, meter
from ingest.columns import count
from ingest.model import Pull
from signalroom import clock, errors, logs, machine, tracing
from signalroom.http_client import http_client, requested_wait_s
from signalroom.settings import number, user_agent
from signalroom.times import moment

MAX_ATTEMPTS = 8
READ_S, CONNECT_S = 60.0, 15.0
SHORTEST_LIMIT_S = 15.0  # for one response, even when the allowed wait is shorter
# Estimated memory of a parsed response, in bytes: a list, an object, a value besides its text.
LIST_BYTES, OBJECT_BYTES, VALUE_BYTES = 80, 240, 60
MEMORY_FACTOR = 6  # a parsed response may take this many times the size limit
TOKEN_SHARE = 0.9  # of its lifetime; a token must not expire in transit
SHOWN = 4_000  # characters of an answer in an error

Params = Mapping[str, str | int | Sequence[str]]
Token = Callable[[bool], str]  # a bearer token; given True, a new one
_REFUSALS = (401, 403)
_ABSENT = (404, 405, 410, 501)  # retrying cannot help
# how Django REST framework, which PostHog uses, states the wait in case a proxy drops the header
_WAIT_IN_TEXT = re.compile(r"available in (\d+) seconds?")


_patience: ContextVar[float] = ContextVar("patience")


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """Clients created inside wait no longer than that for a request and its retries."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


class _RetryableError(Exception):
    """A response worth retrying; `wait_s` is the vendor's Retry-After, if any."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class RateLimit:
    """At most `calls` in any `seconds`."""

    calls: int
    seconds: float


class _Pace:
    """Makes a caller wait until its call fits the vendor's limit; shared by threads."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._calls: deque[float] = deque()
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            while self._calls and self._calls[0] <= time.monotonic() - self._limit.seconds:
                self._calls.popleft()
            if len(self._calls) >= self._limit.calls:
                time.sleep(max(0.0, self._calls[0] + self._limit.seconds - time.monotonic()))
                self._calls.popleft()
            self._calls.append(time.monotonic())


_paces: dict[tuple[str, str, str], _Pace] = {}  # by address, client and path, if only for one


class VendorClient:
    """Calls one vendor for one client; responses are parsed JSON with every number exact.

    `source` and `client_id` name the caller in errors. Floats come as Decimal. Raises
    CredentialsError (401, 403), DeferredError (a wait beyond SIGNALROOM_HTTP_MAX_WAIT_S),
    AnswerError (any other unusable response), SourceError (not reachable). With `token` each
    request carries a bearer token; a 401 is retried once, with a new token. `limit` holds for all
    requests, `limits` for those to single paths. `address` is the variable that holds the base URL,
    for ConfigurationError where that is not a valid address.
    """

    def __init__(
        self,
        source: str,
        client_id: str,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        limit: RateLimit | None = None,
        limits: Mapping[str, RateLimit] | None = None,
        token: Token | None = None,
        address: str = "",
    ) -> None:
        self.who = f"{source} for client {client_id}"
        self._counted = (source, client_id)
        self._base = _checked(base_url, self.who, address)
        self._params = dict(params or {})
        self._token = token
        self._paces = {
            path: _paces.setdefault((self._base, client_id, path), _Pace(each))
            for path, each in {"": limit, **(limits or {})}.items()
            if each is not None
        }
        self._max_wait = min(number("SIGNALROOM_HTTP_MAX_WAIT_S"), _patience.get(math.inf))
        self._limit_s = max(self._max_wait, SHORTEST_LIMIT_S)
        self._max_bytes = int(number("SIGNALROOM_HTTP_MAX_ANSWER_MB") * 2**20)
        self._http = http_client(
            headers={"User-Agent": user_agent(), **(headers or {})},
            timeout=httpx.Timeout(min(READ_S, self._limit_s), connect=CONNECT_S),
            follow_redirects=False,
        )

    def __enter__(self) -> VendorClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, params: Params | None = None) -> Any:
        """The parsed response to a GET."""
        return self._call("GET", path, params)

    def post(self, path: str, body: object, params: Params | None = None) -> Any:
        """The parsed response to a POST that only reads, so that repeating it is harmless."""
        return self._call("POST", path, params, {"json": body})

    def post_form(self, path: str, form: Mapping[str, str]) -> Any:
        """The parsed response to a token request; there 400 also means refused credentials."""
        return self._call("POST", path, None, {"data": dict(form)}, (400, *_REFUSALS))

    def _call(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: Mapping[str, Any] | None = None,
        refusals: tuple[int, ...] = _REFUSALS,
    ) -> Any:
        started = time.monotonic()
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_RetryableError),
            wait=_wait,
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS)
            | tenacity.stop_before_delay(self._max_wait),
            reraise=True,
        )
        options = {"params": {**self._params, **(params or {})}, **(body or {})}
        try:
            return attempts(self._once, method, path, options, refusals)
        except _RetryableError as error:
            tries = attempts.statistics["attempt_number"]
            raise errors.SourceError(
                f"{self.who}: {method} {path} failed {tries} times in "
                f"{time.monotonic() - started:.0f} s ({error}); nothing of this pull was loaded. "
                "The next run tries again."
            ) from None

    def _once(
        self, method: str, path: str, options: Mapping[str, Any], refusals: tuple[int, ...]
    ) -> Any:
        answer, content = self._send(method, path, options)
        if answer.status_code == 401 and self._token is not None:
            answer, content = self._send(method, path, options, renewed=True)
        text = content.decode("utf-8-sig", errors="replace")
        absent = answer.status_code in _ABSENT
        if answer.status_code == 429 or (answer.status_code >= 500 and not absent):
            raise self._try_again(answer, path, text)
        if answer.status_code == 403 and 403 in refusals:
            raise errors.ForbiddenError(
                f"{self.who}: the key may not read {path} (HTTP 403, {_short(text)}); nothing of "
                "it was loaded. Give the key that permission, or check the key in .env."
            )
        if answer.status_code in refusals:
            raise errors.CredentialsError(
                f"{self.who}: API key rejected (HTTP {answer.status_code}, "
                f"{_short(text)}); nothing was loaded. Check the key in .env."
            )
        if not answer.is_success:
            kind = "redirects elsewhere" if answer.is_redirect else "refuses the request"
            refused = errors.AbsentError if absent else errors.AnswerError
            raise refused(
                f"{self.who}: {method} {path} {kind} (HTTP {answer.status_code}, {_short(text)}); "
                "nothing was loaded.",
                text,
            )
        self._refuse_large(content, path)
        try:
            return exact_json.parsed(text)
        except json.JSONDecodeError as error:
            raise _RetryableError(f"no JSON: {error}") from None
        except RecursionError:
            raise errors.AnswerError(
                f"{self.who}: {path} answers with JSON that is nested too deep; nothing was "
                "loaded.",
                text[:SHOWN],
            ) from None

    def _send(
        self, method: str, path: str, options: Mapping[str, Any], *, renewed: bool = False
    ) -> tuple[httpx.Response, bytes]:
        started = time.monotonic()
        for pace in (self._paces[one] for one in ("", path) if one in self._paces):
            pace.wait()
        meter.waited(*self._counted, int((time.monotonic() - started) * 1000))
        headers = {"Authorization": f"Bearer {self._token(renewed)}"} if self._token else None
        status = None
        try:
            with (
                tracing.span("request", source=self._counted[0], client=self._counted[1]),
                self._http.stream(method, self._base + path, headers=headers, **options) as answer,
            ):
                status = answer.status_code
                machine.hear(self._counted[0], answer.headers.get("date"))
                tracing.annotate(status=status)
                return answer, self._read(answer, path)
        except httpx.TransportError as error:
            raise _RetryableError(logs.mask(f"{type(error).__name__}: {error}")) from None
        finally:
            meter.answered(*self._counted, status)

    def _read(self, answer: httpx.Response, path: str) -> bytes:
        """The whole response, within the limits on its size and time."""
        content = bytearray()
        started = time.monotonic()
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > self._max_bytes:
                raise self._too_large(path)
            if time.monotonic() - started > self._limit_s:
                raise _RetryableError(f"its answer was not complete after {self._limit_s:.0f} s")
        return bytes(content)

    def _refuse_large(self, content: bytes, path: str) -> None:
        """Raise TooLargeError for a response that would take far more memory once it is parsed."""
        lists, objects, values = (content.count(mark) for mark in (b"[", b"{", b","))
        parsed = lists * LIST_BYTES + objects * OBJECT_BYTES + values * VALUE_BYTES
        if parsed > MEMORY_FACTOR * self._max_bytes:
            raise self._too_large(path)

    def _too_large(self, path: str) -> errors.TooLargeError:
        return errors.TooLargeError(
            f"{self.who}: {path} answers more than {self._max_bytes / 2**20:g} MB, or more than "
            "that many bytes can hold once parsed (SIGNALROOM_HTTP_MAX_ANSWER_MB); nothing was "
            "loaded."
        )

    def _try_again(self, answer: httpx.Response, path: str, text: str) -> Exception:
        wait_s = requested_wait_s(answer.headers.get("retry-after", ""))
        if wait_s is None and (stated := _WAIT_IN_TEXT.search(text)):
            wait_s = requested_wait_s(stated[1])
        if wait_s is not None and wait_s > self._max_wait:
            until = clock.instant() + timedelta(seconds=wait_s)
            return errors.DeferredError(
                f"{self.who}: {path} is rate-limited (HTTP {answer.status_code}); nothing was "
                f"loaded. Retry after {moment(until)} (in {wait_s:.0f} s).",
                until,
            )
        return _RetryableError(f"HTTP {answer.status_code}", wait_s)


class BearerTokens:
    """A vendor's bearer tokens: the current one, or a new one when that is old or was refused.

    `client` calls the vendor without a token, `form` is the request for one. CredentialsError when
    the vendor refuses it.
    """

    def __init__(
        self, client: Callable[[], VendorClient], path: str, form: Callable[[], Mapping[str, str]]
    ) -> None:
        self._client, self._path, self._form = client, path, form
        self._token = ""
        self._good_until = 0.0  # on the monotonic clock

    def __call__(self, renewed: bool = False) -> str:
        if renewed or not self._token or time.monotonic() >= self._good_until:
            self._request()
        return self._token

    def _request(self) -> None:
        requested_at = time.monotonic()
        with self._client() as http:
            answer = http.post_form(self._path, self._form())
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise errors.AnswerError(
                f"{http.who}: the answer to {self._path} has no token; nothing was loaded."
            )
        logs.learn(token)
        self._token = token
        self._good_until = requested_at + TOKEN_SHARE * (count(answer.get("expires_in")) or 0)


class Connection(ABC):
    """One pull's connection, opened on first use.

    An error that denies it (a refused key, no token) is raised for every table of the pull, with
    one request.
    """

    def __init__(self, pull: Pull) -> None:
        self.pull = pull
        self._client: VendorClient | None = None
        self._error: errors.SourceError | None = None

    @property
    def http(self) -> VendorClient:
        """The client; raises the error that denied it."""
        if self._error is not None:
            raise self._error
        if self._client is None:
            try:
                self._client = self.open()
            except errors.SourceError as error:
                self._error = error
                raise
            weakref.finalize(self, self._client.__exit__)
        return self._client

    @abstractmethod
    def open(self) -> VendorClient:
        """A client for the pull's account."""


def _checked(base_url: str, who: str, address: str) -> str:
    """The base URL without its last slash; ConfigurationError where it is not an address."""
    try:
        url = httpx.URL(base_url)
        is_address = url.scheme in ("http", "https") and bool(url.host)
    except httpx.InvalidURL:
        is_address = False
    if not is_address:
        raise errors.ConfigurationError(
            f"{who}: {address or 'the address'} is {base_url!r}, which is not a valid address: "
            "begin it with https://."
        )
    return base_url.rstrip("/")


_backoff = tenacity.wait_exponential_jitter(initial=1, max=60, jitter=1)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _RetryableError) and error.wait_s is not None:
        return error.wait_s
    return _backoff(state)


def _short(text: str) -> str:
    return logs.mask(" ".join(text.split()))[:200] or "no text"
