"""Tokens, and waiting times that a vendor writes as text, over real HTTP."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from ingest.http import VendorClient
from signalroom import clock, logs
from signalroom.errors import CredentialsError, DeferredError
from signalroom.http_client import trusted
from tests.support.vendor import Answer, Request, in_turn, scripted_vendor

THROTTLED = {
    "type": "throttled_error",
    "code": "throttled",
    "detail": "Request was throttled. Expected available in 2202 seconds.",
    "attr": None,
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "3")


def tokens() -> tuple[Callable[[bool], str], list[bool]]:
    """Tokens numbered by how often a new one was requested, and the requests."""
    asked: list[bool] = []

    def give(renewed: bool) -> str:
        asked.append(renewed)
        return f"token-{asked.count(True)}"

    return give, asked


def accepting(good: str) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        if request.headers.get("authorization") == f"Bearer {good}":
            return Answer({"fine": True})
        return Answer({"errors": [{"message": "The access token provided has expired."}]}, 401)

    return answer


def test_an_expired_token_is_renewed_once() -> None:
    token, asked = tokens()
    with scripted_vendor(accepting("token-1")) as vendor:
        client = VendorClient("mautic", "713", vendor.url, token=token)
        assert client.get("/api/contacts") == {"fine": True}
    assert asked == [False, True]
    assert len(vendor.requests) == 2


def test_a_token_that_stays_bad_is_not_renewed_for_ever() -> None:
    token, asked = tokens()
    with scripted_vendor(accepting("another")) as vendor:
        client = VendorClient("mautic", "713", vendor.url, token=token)
        with pytest.raises(CredentialsError, match=r"mautic for client 713.*has expired"):
            client.get("/api/contacts")
    assert asked == [False, True]
    assert len(vendor.requests) == 2


def test_a_missing_permission_asks_for_no_other_token() -> None:
    token, asked = tokens()
    with scripted_vendor(in_turn(Answer({"errors": []}, 403))) as vendor:
        client = VendorClient("mautic", "713", vendor.url, token=token)
        with pytest.raises(CredentialsError):
            client.get("/api/contacts")
    assert asked == [False]


def test_credentials_travel_in_the_form_and_a_400_refuses_them() -> None:
    bad = Answer({"errors": [{"message": "The client credentials are invalid"}]}, 400)
    with scripted_vendor(in_turn(Answer({"access_token": "t"}), bad)) as vendor:
        client = VendorClient("mautic", "713", vendor.url)
        assert client.post_form("/oauth/v2/token", {"client_secret": "a&b=c"}) == {
            "access_token": "t"
        }
        with pytest.raises(CredentialsError, match="credentials are invalid"):
            client.post_form("/oauth/v2/token", {})
    assert vendor.requests[0].body == {"client_secret": "a&b=c"}
    assert vendor.requests[0].query == {}


def test_a_token_that_the_vendor_repeats_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalroom.secrets._learned", deque())
    logs.learn("handed-out-token")
    with scripted_vendor(in_turn(Answer({"error": "bad handed-out-token"}, 401))) as vendor:
        client = VendorClient("mautic", "713", vendor.url, token=lambda _: "handed-out-token")
        with pytest.raises(CredentialsError) as caught:
            client.get("/api/contacts")
    assert "handed-out-token" not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_long_wait_told_in_words_defers_at_once() -> None:
    with scripted_vendor(in_turn(Answer(THROTTLED, 429))) as vendor:
        client = VendorClient("posthog", "713", vendor.url)
        with pytest.raises(DeferredError, match="in 2202 s") as caught:
            client.get("/api/projects/1/feature_flags/")
        assert len(vendor.requests) == 1
    wait = (caught.value.until - clock.instant()).total_seconds()
    assert 2190 < wait <= 2202


def test_whom_to_trust_is_read_once_and_no_stranger_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []
    real = ssl.create_default_context

    def reading(*given: Any, **named: Any) -> ssl.SSLContext:
        made.append(real(*given, **named))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", reading)
    trusted.cache_clear()
    with scripted_vendor(in_turn(Answer({}), Answer({}))) as vendor:
        for client_id in ("713", "cti"):
            with VendorClient("mautic", client_id, vendor.url) as client:
                client.get("/api/contacts")
    assert [(one.verify_mode, one.check_hostname) for one in made] == [(ssl.CERT_REQUIRED, True)]
