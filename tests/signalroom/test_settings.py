"""Settings: one client's account is never used for another, and messages contain no secrets."""

import logging
from pathlib import Path

import pytest

from signalroom import clients, settings, sources
from signalroom.errors import ConfigurationError
from signalroom.http_client import http_client
from signalroom.logs import MaskingFilter, mask


def test_a_client_never_falls_back_to_the_default_clients_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    identities = (
        "EVERFLOW_API_KEY",
        "REDTRACK_API_KEY",
        "S3_BUCKET_NAME",
        "POSTHOG_PROJECT_ID",
        "MAUTIC_BASE_URL",
        "MAUTIC_CLIENT_SECRET",
        "GOOGLE_SHEETS_RANGES",
        "SLACK_CHANNEL_ID",
        "RESEND_TO_EMAILS",
        "TWILIO_TO_NUMBERS",
        "KEY_OF_A_SOURCE_TO_COME",
    )
    for name in identities:
        monkeypatch.setenv(name, "of-713")
        assert settings.variable(name, "713") == "of-713"
        assert settings.variable(name, "cti") is None


def test_a_clients_own_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERFLOW_API_KEY", "plain")
    monkeypatch.setenv("EVERFLOW_API_KEY__CTI", "own")
    monkeypatch.setenv("EVERFLOW_API_KEY__713", "own-713")
    assert settings.variable("EVERFLOW_API_KEY", "cti") == "own"
    assert settings.variable("EVERFLOW_API_KEY", "713") == "own-713"


def test_addresses_are_shared_by_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.variable("EVERFLOW_BASE_URL", "cti") == "https://api.eflow.team"
    monkeypatch.setenv("EVERFLOW_BASE_URL", "http://127.0.0.1:1")
    assert settings.variable("EVERFLOW_BASE_URL", "cti") == "http://127.0.0.1:1"


def test_a_blank_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDTRACK_API_KEY", "  ")
    assert settings.variable("REDTRACK_API_KEY", "713") is None
    with pytest.raises(ConfigurationError, match="REDTRACK_API_KEY is not set for client 713"):
        settings.require("REDTRACK_API_KEY", "713")


@pytest.mark.parametrize("target", ["Postgres", "snowflake"])
def test_an_unknown_target_is_refused(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setenv("SIGNALROOM_TARGET", target)
    with pytest.raises(ConfigurationError, match="duckdb or postgres"):
        settings.target()


@pytest.mark.parametrize("prefix", ["ana-", "a; drop schema marts", "ANA_", "1_"])
def test_a_schema_prefix_that_is_no_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv("SIGNALROOM_SCHEMA_PREFIX", prefix)
    with pytest.raises(ConfigurationError, match="SIGNALROOM_SCHEMA_PREFIX"):
        settings.schema_prefix()


@pytest.mark.fault(60)
@pytest.mark.parametrize(
    "client_id", ["../../x", "a'; drop table x", "", "713 ", "\uff17\uff11\uff13"]
)
def test_a_malformed_client_id_is_refused(client_id: str) -> None:
    with pytest.raises(ConfigurationError):
        clients.client(client_id)


def test_an_unknown_client_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="713, cti"):
        clients.client("nobody")


def test_clients_of_the_environment_are_used_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_CLIENTS", "cti, 713,cti")
    assert [client.id for client in clients.active_clients()] == ["cti", "713"]
    assert [client.id for client in clients.active_clients(("713",))] == ["713"]
    monkeypatch.setenv("SIGNALROOM_CLIENTS", "713,ghost")
    with pytest.raises(ConfigurationError, match="ghost"):
        clients.active_clients()


def test_secrets_are_masked_in_text_and_logs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REDTRACK_API_KEY", "k/secret+1")
    monkeypatch.setenv("EVERFLOW_API_KEY__CTI", "other-secret")
    text = "GET /report?api_key=k%2Fsecret%2B1 and k/secret+1 and other-secret"
    assert mask(text) == "GET /report?api_key=*** and *** and ***"
    record = logging.LogRecord("x", logging.ERROR, "", 1, "key %s", ("other-secret",), None)
    MaskingFilter().filter(record)
    assert record.getMessage() == "key ***"


def test_an_env_file_in_another_encoding_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PYTHON_DOTENV_DISABLED", raising=False)
    monkeypatch.setattr("signalroom.settings.root", lambda: tmp_path)
    (tmp_path / ".env").write_bytes("SIGNALROOM_TARGET=duckdb\n".encode("utf-16"))
    with pytest.raises(ConfigurationError, match=r"\.env is not UTF-8 text"):
        settings.load_env_file()


@pytest.mark.parametrize(
    "line", ["KEY abc", 'KEY="s3cret', "KEY: s3cret", "KEY", "=s3cret", "KEY='s3cret' y", "a b c"]
)
def test_a_line_of_the_env_file_that_is_none_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    line: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Such a line was once skipped silently: a key was lost, and its source was off."""
    monkeypatch.delenv("PYTHON_DOTENV_DISABLED", raising=False)
    monkeypatch.setattr("signalroom.settings.root", lambda: tmp_path)
    path = tmp_path / ".env"
    path.write_text(f"# keys\nA=b\n{line}\nEVERFLOW_API_KEY=k\n")
    with pytest.raises(ConfigurationError, match=r"\.env, line 3: write it as NAME=v") as caught:
        settings.load_env_file()
    assert "s3cret" not in str(caught.value)
    assert caplog.messages == [], "the library says it a second time"
    path.write_text('# keys\n\nexport A\nexport B=c # d\nC=\nD="e\nf"\n')
    settings.load_env_file()


CONFIG = """
[signalroom.defaults]
{default}
[signalroom.windows]
{window}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[signalroom\n", r"config\.toml cannot be read: .*line 1"),
        ("[runtime]\n", "lacks"),
        ("[signalroom]\n", "lacks"),
        (CONFIG.format(default="PORT = 80", window=""), "PORT is 80: write its value in quotes"),
        (CONFIG.format(default="", window="recent = 4"), "windows lacks initial"),
        (CONFIG.format(default="", window='recent = "4"\ninitial = 9'), "recent is '4'"),
        (CONFIG.format(default="", window="recent = 0\ninitial = 9"), "recent is 0"),
        (
            CONFIG.format(default="", window="recent = 4\ninitial = 9\nrecentt = 4"),
            "recentt is unk",
        ),
        (
            CONFIG.format(default="", window="recent = 4\ninitial = 9")
            + "[signalroom.windows.everflo]\nrecent = 4\n",
            "everflo: there is no such source",
        ),
        (
            CONFIG.format(default="", window="recent = 4\ninitial = 9")
            + "[signalroom.windows.everflow]\nrecent = -4\n",
            "recent is -4",
        ),
    ],
)
def test_a_broken_config_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, said: str
) -> None:
    sources.names()  # found below the real root
    monkeypatch.setattr("signalroom.settings.root", lambda: tmp_path)
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(text)
    settings._config.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=said):
            settings.require("SIGNALROOM_TARGET")
    finally:
        settings._config.cache_clear()


def test_a_vendor_knows_whom_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.user_agent() == "SignalRoom"
    monkeypatch.setenv("SIGNALROOM_CONTACT", "ops@example.org")
    assert settings.user_agent() == "SignalRoom (ops@example.org)"


def test_a_contact_in_any_script_ends_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_CONTACT", "J\u00fcrgen <ops@example.org>")
    with http_client(headers={"User-Agent": settings.user_agent()}) as client:
        assert client.headers["user-agent"] == "SignalRoom (J?rgen <ops@example.org>)"
    with pytest.raises(UnicodeError):  # not an error that a proxy causes
        http_client(headers={"X-Key": "J\u00fcrgen"})


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "-inf", "5m", "1e999"])
def test_a_wait_or_a_limit_that_is_no_amount_is_named_and_used_nowhere(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_ANSWER_MB", value)
    with pytest.raises(ConfigurationError, match=f"SIGNALROOM_HTTP_MAX_ANSWER_MB is '{value}'"):
        settings.number("SIGNALROOM_HTTP_MAX_ANSWER_MB")
