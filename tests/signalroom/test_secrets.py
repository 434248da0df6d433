"""Secrets must be masked in every spelling, and in every line of a value."""

from __future__ import annotations

import base64
import html
import json
import re
import sys
import textwrap
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest

from scheduler.execution.child import Child, Order
from signalroom import settings
from signalroom.errors import ConfigurationError
from signalroom.logs import learn, mask

SECRETS = (
    pytest.param("plainCANARY0123456789", id="plain"),
    pytest.param("quote\"CANARY'0123<&>/45", id="marks"),
    pytest.param("ünïcodeCANARY0123ß€", id="beyond ascii"),
    pytest.param("back\\slashCANARY0123", id="backslash"),
)
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "repr": repr,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "URL": lambda secret: quote(secret, safe=""),
    "URL with slashes": quote,
    "URL in small letters": lambda secret: re.sub(
        "%..", lambda code: code[0].lower(), quote(secret, safe="")
    ),
    "form": lambda secret: urlencode({"key": secret}),
    "form with blanks": lambda secret: quote_plus(f"{secret} x"),
    "JSON": json.dumps,
    "SQL": lambda secret: secret.replace("'", "''"),
    "CSV": lambda secret: secret.replace('"', '""'),
    "an address inside an address": lambda secret: quote(quote(secret, safe=""), safe=""),
    "JSON in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON in JSON": lambda secret: json.dumps(json.dumps({"key": secret})),
    "JSON with slashes": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "HTML": html.escape,
    "HTML with numbers": lambda secret: html.escape(secret).replace("&quot;", "&#34;"),
    "wrapped": lambda secret: "\n    ".join(textwrap.wrap(secret, 5)),
    "wrapped in JSON": lambda secret: json.dumps("\r\n".join(textwrap.wrap(secret, 5))),
}


def pieces(secret: str) -> list[str]:
    return [secret[start : start + 8] for start in range(len(secret) - 8)]


@pytest.mark.fault(58)
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_masked_in_every_spelling(
    monkeypatch: pytest.MonkeyPatch, secret: str, spelling: str
) -> None:
    monkeypatch.setenv("EVERFLOW_API_KEY", secret)
    shown = mask(f"before {SPELLINGS[spelling](secret)} after")
    assert "CANARY" not in shown.replace("\n    ", "").replace("\\r\\n", "")
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize("before", ["", "A", "AC", "AC1:", "AC12:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_inside_base64_is_masked_at_every_alignment(
    monkeypatch: pytest.MonkeyPatch, secret: str, before: str, encode: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", secret)
    text = encode(f"{before}{secret}:after".encode()).decode()
    inside = text[-(-len(before) * 8 // 6) + 1 : (len(before) + len(secret)) * 8 // 6 - 1]
    assert not any(piece in mask(f"Basic {text}") for piece in pieces(inside))
    wrapped = "\n".join(textwrap.wrap(text, 16))
    assert not any(piece in mask(wrapped).replace("\n", "") for piece in pieces(inside))


def test_each_line_of_a_value_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDTRACK_API_KEY", "firstCANARY1\nsecondCANARY2\n")
    assert mask("firstCANARY1 and secondCANARY2 and firstCANARY1%0AsecondCANARY2") == (
        "*** and *** and ***"
    )


@pytest.mark.parametrize("kind", ["JSON", "PATH"])
def test_a_private_key_is_masked_line_by_line_wherever_it_was_pasted(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    lines = [f"lineCANARY{number}abcdefghijklmnop" for number in range(3)]
    key = "\n".join(
        # pragma: allowlist nextline secret
        ["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""]
    )
    pasted = json.dumps({"type": "service_account", "client_email": "a@b.c", "private_key": key})
    monkeypatch.setenv(f"GOOGLE_SHEETS_CREDENTIALS_{kind}", pasted)
    for text in (pasted, key, *lines, repr(key), pasted.replace("\\n", "\\\\n")):
        assert "CANARY" not in mask(text)
    assert mask("a@b.c") == "a@b.c"


@pytest.mark.parametrize(
    "name", ["KEYHOLE_API_KEY", "NEW_TOKEN__CTI", "NEW_CLIENT_SECRET", "NEW_DB_PASSWORD"]
)
def test_a_variable_that_nobody_listed_is_masked_by_its_ending(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "unlistedCANARY1")
    assert mask("key unlistedCANARY1") == "key ***"
    monkeypatch.setenv(name, "main")  # too short to be distinguished from a word
    assert mask("the main job") == "the main job"


def test_a_token_that_a_vendor_handed_out_is_masked_in_every_spelling_too() -> None:
    learn('learned"CANARY1')
    assert "CANARY" not in mask(json.dumps({"token": 'learned"CANARY1'}))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("EVERFLOW_API_KEY", "one\ntwo", "EVERFLOW_API_KEY has a line break inside"),
        ("SLACK_BOT_TOKEN__CTI", "one\x1btwo", r"the control character '\\x1b'"),
        ("REDTRACK_API_KEY", "“key”", "left double quotation mark"),
        ("MAUTIC_BASE_URL", "https://m\u200b.example", "zero width space"),
        ("GOOGLE_SHEETS_CREDENTIALS_PATH", '{"key": "x"}', "GOOGLE_SHEETS_CREDENTIALS_JSON"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_value_is_named_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    plain, _, client = name.partition("__")
    with pytest.raises(ConfigurationError, match=said) as told:
        settings.variable(plain, client.lower() or "713")
    assert value not in str(told.value)


def test_a_password_may_have_any_letters_and_a_key_as_json_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUPABASE_DB_PASSWORD", "pässword")
    monkeypatch.setenv("GOOGLE_SHEETS_CREDENTIALS_JSON", '{\n"a": 1}')
    assert settings.require("SUPABASE_DB_PASSWORD") == "pässword"
    assert settings.require("GOOGLE_SHEETS_CREDENTIALS_JSON") == '{\n"a": 1}'


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        ("ingest:everflow", {"EVERFLOW_API_KEY", "EVERFLOW_API_KEY__CTI", "SIGNALROOM_HASH_SALT"}),
        ("ingest:s3_exports", {"AWS_SECRET_ACCESS_KEY", "SIGNALROOM_HASH_SALT"}),
        ("dbt", set()),
        ("report:daily_ccw", {"SLACK_BOT_TOKEN"}),
        ("deliver", {"SLACK_BOT_TOKEN"}),
    ],
)
def test_a_child_gets_only_the_secrets_that_its_step_needs(
    monkeypatch: pytest.MonkeyPatch, step: str, kept: set[str]
) -> None:
    names = {
        *("EVERFLOW_API_KEY", "EVERFLOW_API_KEY__CTI", "REDTRACK_API_KEY", "AWS_SECRET_ACCESS_KEY"),
        *(
            "SLACK_BOT_TOKEN",
            "SIGNALROOM_HASH_SALT",
            "SIGNALROOM_WEB_TOKEN",
            "SUPABASE_DB_PASSWORD",
        ),
    }
    for name in names:
        monkeypatch.setenv(name, "canary")
    command = [sys.executable, "-c", "import os, json; print(json.dumps(dict(os.environ)))"]
    child = Child(Order("run", (step,), (), 60.0), command)
    while child.poll() is None:
        time.sleep(0.05)
    (environment,) = child.answers()
    child.close()
    assert names & set(environment) == kept | {"SUPABASE_DB_PASSWORD"}


def test_fields_of_a_key_are_masked_at_any_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"web": {"client_secret": "CANARY-nested"}, "keys": [{"private_key": "a\nCANARYline\nb"}]}
    monkeypatch.setenv("GOOGLE_SHEETS_CREDENTIALS_JSON", json.dumps(key))
    assert "CANARY" not in mask("said CANARY-nested and CANARYline")


def test_the_login_of_an_address_is_masked_whoever_names_it() -> None:
    assert mask("proxy http://bob:CANARY@10.0.0.1:3128 failed") == (  # pragma: allowlist secret
        "proxy http://***@10.0.0.1:3128 failed"
    )
    plain = "see https://example.org:8080/a?b=c@d and ann@example.org"
    assert mask(plain) == plain
