"""Failures between us and a vendor, over real HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import tenacity

from ingest import http
from ingest.columns import money
from ingest.http import RateLimit, VendorClient
from signalroom import clock
from signalroom.errors import (
    AnswerError,
    ConfigurationError,
    CredentialsError,
    DeferredError,
    SourceError,
    TooLargeError,
)
from signalroom.http_client import requested_wait_s
from tests.support.vendor import Answer, Request, Vendor, in_turn, scripted_vendor

KEY = "canary-key-713"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "3")
    monkeypatch.setenv("REDTRACK_API_KEY", KEY)


def ask(answer: Callable[[Request], Answer], **options: Any) -> tuple[Any, Vendor]:
    with (
        scripted_vendor(answer) as vendor,
        VendorClient("redtrack", "713", vendor.url, params={"api_key": KEY}, **options) as client,
    ):
        return client.get("/report", {"page": 1}), vendor


def test_numbers_stay_exact() -> None:
    found, vendor = ask(in_turn(Answer('{"cost": 412.37000000000006, "big": 9007199254740993}')))
    assert found == {"cost": Decimal("412.37000000000006"), "big": 9007199254740993}
    assert vendor.requests[0].query == {"api_key": KEY, "page": "1"}


def test_what_is_no_number_in_json_is_none_that_adds_up() -> None:
    found, _ = ask(in_turn(Answer('{"cost": NaN, "payout": -Infinity}')))
    assert found == {"cost": "NaN", "payout": "-Infinity"}
    for value in found.values():
        with pytest.raises(AnswerError, match="is not a number"):
            money(value)


def test_control_characters_inside_text_are_read() -> None:
    found, _ = ask(in_turn(Answer('{"error": "code=8 \x01 \t"}')))
    assert found == {"error": "code=8 \x01 \t"}


@pytest.mark.fault(19, 21)
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(Answer({"error": "x"}, 500), id="server error"),
        pytest.param(Answer({"error": "slow down"}, 429), id="429 without Retry-After"),
        pytest.param(Answer({}, 429, {"Retry-After": "1"}), id="429 with Retry-After"),
        pytest.param(Answer([{"a": 1}], cut=3), id="connection lost inside the answer"),
        pytest.param(Answer(cut=0), id="connection lost before the answer"),
        pytest.param(Answer('[{"a": 1}, {"a"'), id="truncated JSON"),
        pytest.param(Answer("<html>gateway</html>"), id="200 with a page of HTML"),
    ],
)
def test_a_passing_fault_is_tried_again(bad: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_backoff", tenacity.wait_fixed(0.01))
    found, vendor = ask(in_turn(bad, Answer([{"a": 1}])))
    assert found == [{"a": 1}]
    assert len(vendor.requests) == 2


@pytest.mark.fault(18)
def test_retry_after_is_honoured() -> None:
    started = time.monotonic()
    ask(in_turn(Answer({}, 429, {"Retry-After": "2"}), Answer([])))
    assert time.monotonic() - started >= 2


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(Answer({"error": "down"}, 503), id="always 503"),
        pytest.param(Answer(cut=0), id="always cut off"),
        pytest.param(Answer("[1, 2"), id="always half an answer"),
    ],
)
def test_a_lasting_fault_ends_within_the_longest_wait(bad: Answer) -> None:
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"redtrack for client 713: GET /report failed") as caught:
        ask(in_turn(bad))
    assert time.monotonic() - started < 20
    assert KEY not in str(caught.value)
    assert "nothing of this pull was loaded" in str(caught.value)


@pytest.mark.fault(18)
def test_a_wait_that_is_too_long_defers_at_once() -> None:
    with pytest.raises(DeferredError) as caught:
        ask(in_turn(Answer({}, 429, {"Retry-After": "2202"})))
    wait = (caught.value.until - clock.instant()).total_seconds()
    assert 2190 < wait <= 2202


@pytest.mark.parametrize("status", [401, 403])
def test_bad_credentials_are_not_tried_again(status: int) -> None:
    with scripted_vendor(in_turn(Answer({"error": "Out Of Realm"}, status))) as vendor:
        client = VendorClient("everflow", "cti", vendor.url)
        with pytest.raises(CredentialsError, match=r"everflow for client cti.*Out Of Realm"):
            client.post("/x", {})
        assert len(vendor.requests) == 1


def test_a_refused_request_is_not_tried_again() -> None:
    with scripted_vendor(in_turn(Answer({"error": f"bad {KEY}"}, 400))) as vendor:
        client = VendorClient("redtrack", "713", vendor.url)
        with pytest.raises(AnswerError, match="refuses the request") as caught:
            client.get("/report")
        assert len(vendor.requests) == 1
    assert KEY not in str(caught.value)


@pytest.mark.fault(24)
def test_a_redirect_never_carries_the_key_to_another_host() -> None:
    with (
        scripted_vendor(in_turn(Answer({}))) as stranger,
        scripted_vendor(in_turn(Answer({}, 302, {"Location": stranger.url + "/steal"}))) as vendor,
    ):
        client = VendorClient("everflow", "713", vendor.url, headers={"X-Eflow-API-Key": KEY})
        with pytest.raises(AnswerError, match="redirects elsewhere"):
            client.get("/networks/affiliates")
        assert stranger.requests == []


def test_an_unreachable_vendor_is_one_readable_line() -> None:
    with scripted_vendor(in_turn(Answer({}))) as vendor:
        gone = vendor.url
    with pytest.raises(SourceError) as caught:
        VendorClient("redtrack", "713", gone, params={"api_key": KEY}).get("/report")
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_an_endless_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_ANSWER_MB", "0.001")
    with pytest.raises(TooLargeError, match="nothing was loaded"):
        ask(in_turn(Answer("[" + "1," * 5000 + "1]")))


@pytest.mark.fault(27)
def test_an_answer_that_is_small_and_takes_gigabytes_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nested lists take twenty times the size of their text once they are parsed."""
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_ANSWER_MB", "0.1")
    with pytest.raises(TooLargeError, match="redtrack for client 713: /report answers more than"):
        ask(in_turn(Answer("[" + "[]," * 20_000 + "[]]")))


@pytest.mark.fault(20)
def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SHORTEST_LIMIT_S", 0.5)
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0.5")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with suppress(OSError), connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(100):
                    connection.sendall(b" ")
                    time.sleep(0.1)

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SourceError, match="not complete after"):
            VendorClient("redtrack", "713", url).get("/report")
    assert time.monotonic() - started < 9  # the complete answer would take ten seconds


@pytest.mark.fault(18)
@pytest.mark.parametrize("value", ["31536000", "inf", "999999999999", "1e400"])
def test_a_wait_of_a_year_is_a_day_at_most(value: str) -> None:
    with pytest.raises(DeferredError) as caught:
        ask(in_turn(Answer({}, 429, {"Retry-After": value})))
    assert caught.value.until - clock.instant() <= timedelta(days=1)


@pytest.mark.parametrize(("value", "seconds"), [("30, 120", 120.0), ("5,0", 5.0), ("0, 0", None)])
def test_of_two_waits_in_one_answer_the_longer_one_holds(value: str, seconds: float | None) -> None:
    """A proxy has added its own value next to the vendor's."""
    assert requested_wait_s(value) == seconds


def test_a_wait_of_nothing_is_no_reason_to_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[int] = []

    def backoff(state: tenacity.RetryCallState) -> float:
        pauses.append(state.attempt_number)
        return 0.0

    monkeypatch.setattr(http, "_backoff", backoff)
    assert ask(in_turn(Answer({}, 429, {"Retry-After": "0"}), Answer([1])))[0] == [1]
    assert pauses == [1]


@pytest.mark.parametrize("address", ["api.redtrack.io", "ftp://api.redtrack.io", "http://[::1", ""])
def test_what_is_no_address_is_named_at_once(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"REDTRACK_BASE_URL is .* begin it with https"):
        VendorClient("redtrack", "713", address, address="REDTRACK_BASE_URL")


@pytest.mark.parametrize(
    ("name", "value"), [("HTTPS_PROXY", "socks5://127.0.0.1:1080"), ("NO_PROXY", "[::1]")]
)
def test_a_proxy_that_cannot_be_used_is_named_and_no_mistake_of_ours(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=r"proxy settings cannot be used .*NO_PROXY"):
        VendorClient("redtrack", "713", "https://api.redtrack.io")


@pytest.mark.parametrize(
    "value",
    ["http://u:hun/x@proxy:8080", "http://u:hun#x@proxy:8080", "ftp://u:1234#hun@proxy:8080"],
)
def test_a_proxys_password_with_an_unescaped_mark_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """It stands where the port should, and the library's error quotes it; it may be short."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(ConfigurationError, match="an address in them cannot be read") as caught:
        VendorClient("redtrack", "713", "https://api.redtrack.io")
    assert "hun" not in str(caught.value)
    assert "1234" not in str(caught.value)


def test_a_byte_order_mark_before_json_is_read_over() -> None:
    assert ask(in_turn(Answer("\ufeff[1]")))[0] == [1]


def test_a_number_of_5000_digits_ends_nothing() -> None:
    found, _ = ask(in_turn(Answer("[" + "9" * 5000 + "]")))
    assert str(found[0]) == "9" * 5000


def test_a_short_number_of_a_billion_digits_takes_no_gigabytes() -> None:
    """It would if anything converted it to plain text or to an integer."""
    found, _ = ask(in_turn(Answer("[1e999999999, 1.5e3, 0.000000000000000000001]")))
    assert found == ["1e999999999", Decimal(1500), Decimal("1E-21")]


def test_the_vendors_limit_is_kept_before_it_is_hit() -> None:
    limit = RateLimit(calls=3, seconds=1.0)
    with (
        scripted_vendor(in_turn(Answer([]))) as vendor,
        VendorClient("redtrack", "713", vendor.url, limit=limit) as client,
    ):
        started = time.monotonic()
        for _ in range(7):
            client.get("/report")
        assert 2.0 <= time.monotonic() - started < 15


def test_a_limit_of_one_path_holds_up_no_request_to_another() -> None:
    """RedTrack's 20 reports a minute would make each month of a backfill wait for its lists."""
    limits = {"/report": RateLimit(calls=2, seconds=3.0)}
    with (
        scripted_vendor(in_turn(Answer([]))) as vendor,
        VendorClient("redtrack", "713", vendor.url, limits=limits) as client,
    ):
        started = time.monotonic()
        for path in ("/report", "/sources", "/report", *["/sources"] * 20):
            client.get(path)
        assert time.monotonic() - started < 3
        client.get("/report")
        assert time.monotonic() - started >= 3
