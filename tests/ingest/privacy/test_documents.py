"""Personal data inside JSON: nested deeper, in lists, in web addresses."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from ingest.privacy.policy import Hasher, Policy, Rule
from ingest.privacy.texts import Payload
from signalroom.errors import AnswerError

ANA = "ana@mail.example"


@pytest.fixture
def payload(monkeypatch: pytest.MonkeyPatch) -> Payload:
    monkeypatch.setenv("SIGNALROOM_HASH_SALT", "salt-of-the-tests")
    return Payload("posthog", "events", "713")


def hashed(value: str) -> str:
    return Hasher(b"salt-of-the-tests").hash(value)


def read(payload: Payload, value: object) -> Any:
    text = payload.json(value)
    assert text is not None
    return json.loads(text)


@pytest.mark.parametrize(
    "personal",
    [
        {"$ip": "203.0.113.9"},
        {"name": "Ana"},
        {"$set": {"firstName": "Ana"}},
        {"$set_once": {"Phone Number": "+15550100"}},
        {"billing": {"name": "Ana"}},
        {"people": [[{"last-name": "O'Neil"}]]},
        {"card_number": "4111111111111111"},
        {"customer": {"address": {"line": "1 Elm Street", "zip": "01234"}}},
        {"$geoip_latitude": 40.7},
    ],
)
def test_a_personal_key_is_dropped_at_any_depth(payload: Payload, personal: dict[str, Any]) -> None:
    text = payload.json({**personal, "value": 1}) or ""
    for told in ("203.0", "Ana", "5550100", "Elm", "O'Neil", "4111", "01234", "40.7"):
        assert told not in text
    assert '"value":1' in text


def test_json_within_a_text_is_cleaned_by_key_and_else_as_it_was(payload: Payload) -> None:
    """Form builders send their answers as a single text, some as JSON text within JSON text."""
    answers = (
        '{"first_name": "Ana", "token": "t0ps3cret", "score": 1.10, "id": 12345678901234567890}'
    )
    kept = '{"id":12345678901234567890,"score":1.10}'
    assert read(payload, {"form": answers}) == {"form": kept}
    assert read(payload, {"form": json.dumps([{"inner": answers}])}) == {
        "form": json.dumps([{"inner": kept}], separators=(",", ":"))
    }
    assert payload.plain(f" {answers}", "sub1") == kept
    assert payload.plain('{"name": "Ana"}', "billing") == "{}"
    for harmless in ('{"b": 1.0, "a": [1]}', "[1, 2]", "{not json", "[" * 5000, "{}", "[x] {y}"):
        assert payload.plain(harmless, "sub1") == harmless
    assert payload.plain(f"{{not json {ANA}", "sub1") == "{not json ***"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "hostile",
    ["a" * 100_000 + "@", "a%40" * 25_000, "https://x.example/=" + "?" * 200_000],
    ids=["an address without an end", "many of them", "a parameter without a value"],
)
def test_a_long_text_without_a_break_holds_up_no_load(payload: Payload, hostile: str) -> None:
    """A visitor chooses it. Read again from each of its characters, it takes minutes."""
    assert payload.plain(hostile) == hostile
    assert payload.plain(f"{hostile} {ANA}") == f"{hostile} ***"


def test_a_second_address_right_after_the_first_is_masked_too(payload: Payload) -> None:
    assert payload.plain(f"to {ANA}%2C{ANA},{ANA}") == "to ******,***"
    assert ANA not in payload.plain(f"to {'x' * 300}{ANA}")
    said = "https://x.example/?a?&email=ana&b&first_name=Ana?c=1"
    assert payload.plain(said) == "https://x.example/?a?&email=***&b&first_name=***"


def test_an_address_is_hashed_wherever_it_stands(payload: Payload) -> None:
    said = {
        "email": " ANA@mail.example ",
        "list": [ANA, {"emails": [ANA, None]}],
        "note": f"write to {ANA}.",
        "$current_url": "https://x.example/?utm_source=fb&email=ana%40mail.example#e=ana@mail.example",
        ANA: 1,
    }
    assert read(payload, said) == {
        "email": hashed(ANA),
        "list": [hashed(ANA), {"emails": [hashed(ANA), None]}],
        "note": "write to ***.",
        "$current_url": "https://x.example/?utm_source=fb&email=***#e=***",
        hashed(ANA): 1,
    }


def test_a_client_may_keep_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (
        Rule(columns=("*email",), action="keep"),
        Rule(columns=("*email*", "name"), action="drop"),
    )
    monkeypatch.setattr("ingest.privacy.texts.policy", lambda *_: Policy("713", (), (), rules))
    monkeypatch.setenv("SIGNALROOM_HASH_SALT", "salt-of-the-tests")
    payload = Payload("posthog", "events", "713")
    said = {"email": ANA, "set": {"work_email": [ANA]}, "email_2": ANA, "name": "Ana", "id": ANA}
    assert read(payload, said) == {
        "email": ANA,
        "set": {"work_email": [ANA]},
        "id": hashed(ANA),
    }
    assert payload.plain(ANA, "email") == ANA
    assert payload.plain(ANA, "distinct_id") == hashed(ANA)


def test_the_parameters_of_a_web_address_are_keys_too(payload: Payload) -> None:
    said = payload.plain("https://x.example/p?first_name=Ana&step=2&Phone=5550100")
    assert said == "https://x.example/p?first_name=***&step=2&Phone=***"


def test_the_text_is_one_whatever_the_order_of_the_keys(payload: Payload) -> None:
    one = payload.json('{"b": [1, 2.5, true, null], "a": {"y": "é", "x": 412.37000000000006}}')
    two = payload.json({"a": {"x": 412.37000000000006, "y": "é"}, "b": [1, 2.5, True, None]})
    assert one == two == '{"a":{"x":412.37000000000006,"y":"é"},"b":[1,2.5,true,null]}'
    assert payload.json('{"b": 2.50}') == '{"b":2.50}', "digits stay as the vendor gave them"


def test_what_an_engine_cannot_store_does_not_reach_it(payload: Payload) -> None:
    text = payload.json('{"a": "x\\u0000y", "b": "\\ud800", "c": NaN}') or ""
    assert json.loads(text) == {"a": "xy", "b": "?", "c": None}
    assert text.encode()


def test_nothing_is_nothing(payload: Payload) -> None:
    assert payload.json(None) is None
    assert payload.json("  ") is None
    assert payload.json("{}") == "{}"
    assert payload.plain("") == ""


def test_what_is_no_json_is_an_error_that_does_not_repeat_it(payload: Payload) -> None:
    with pytest.raises(AnswerError, match="posthog for client 713, events") as caught:
        payload.json('{"email": "ana@mail.example"')
    assert "ana" not in str(caught.value)


def test_no_start_of_a_quoted_address_stays(payload: Payload) -> None:
    assert payload.plain('to "ana maria@home "@mail.example now') == "to *** now"


@pytest.mark.parametrize("at", ["@", "%40", "%2540", "&#64;", "\\u0040"])
def test_no_start_of_a_long_address_stays(payload: Payload, at: str) -> None:
    """An address may have more characters before its @ than any mail server takes."""
    long = "ana.maria" * 40 + at + "mail.example"
    assert payload.plain(f"write to {long}, please") == "write to ***, please"
    assert payload.plain(f"{long}") == hashed(long)


@pytest.mark.parametrize("part", ["a", "%40", "%2540", "a@", "%25", '"', "a.%40", "2540"])
def test_a_long_text_without_a_break_is_read_in_passing(payload: Payload, part: str) -> None:
    text = part * (300_000 // len(part)) + " @"
    started = time.monotonic()
    assert payload.plain(text) == text
    assert time.monotonic() - started < 5
