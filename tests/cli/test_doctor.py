"""`signalroom doctor` checks every source and channel, changes nothing, and reports problems."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from cli.main import signalroom
from signalroom import settings, source_states, variables
from signalroom.errors import ConfigurationError
from signalroom.warehouse import duckdb_path, postgres_connection
from tests.support.warehouse import ON_POSTGRES, Warehouse

if TYPE_CHECKING:
    from sandbox import Agency

StartAgency = Callable[..., "Agency"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(signalroom, ["doctor", *arguments])


def checks(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("--json", *arguments).stdout)["checks"]
    return found


def of(found: list[dict[str, Any]], name: str, client: str = "713") -> dict[str, Any]:
    [one] = [one for one in found if one["name"] == name and one["client"] == client]
    return one


def point_at(agency: Agency) -> None:
    os.environ.update(agency.environment())


def test_every_source_and_channel_is_asked_and_nothing_changes(start_agency: StartAgency) -> None:
    agency = start_agency()
    point_at(agency)
    done = run()
    assert done.exit_code == 0, done.output
    assert "Ready: 6 of 6 sources, 3 of 3 channels. Next: `signalroom run`." in done.stdout
    assert {request.vendor for request in agency.requests} >= set(agency.vendors) - {"control"}
    assert agency.messages == []
    assert not duckdb_path().exists()


def test_a_refused_key_is_a_fault_of_its_source_or_channel(start_agency: StartAgency) -> None:
    agency = start_agency()
    point_at(agency)
    wrong = ["EVERFLOW_API_KEY", "REDTRACK_API_KEY", "POSTHOG_API_KEY", "MAUTIC_CLIENT_SECRET"]
    wrong += ["AWS_ACCESS_KEY_ID", "SLACK_BOT_TOKEN", "RESEND_API_KEY", "TWILIO_AUTH_TOKEN"]
    os.environ.update(dict.fromkeys(wrong, "refused-0123456789"))
    done = run("--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["ready"]) == (1, False)
    faults = {one["name"] for one in found["checks"] if one["state"] == "fault"}
    assert faults == {"everflow", "redtrack", "posthog", "mautic", "s3_exports"} | {
        "slack",
        "email",
        "sms",
    }
    assert of(found["checks"], "everflow", "cti")["state"] == "ok"
    assert "refused-0123456789" not in done.output
    assert agency.messages == []


def test_a_vendor_that_is_away_is_not_said_to_refuse(start_agency: StartAgency) -> None:
    agency = start_agency()
    point_at(agency)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nothing = f"http://127.0.0.1:{taken.getsockname()[1]}"
    away = ["REDTRACK_BASE_URL", "AWS_ENDPOINT_URL", "SLACK_BASE_URL", "RESEND_API_URL"]
    os.environ.update(dict.fromkeys(away, nothing))
    done = run()
    assert done.exit_code == 1
    words = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    for name in ("redtrack", "s3_exports", "slack", "email"):
        assert "no answer" in words[name], words[name]
        said = [line for line in done.output.splitlines() if f"{name} for client 713" in line]
        assert said, done.output
        assert all("cannot be reached" in line for line in said), said
    assert "refused" not in "".join(words[name] for name in words if name in ("redtrack", "sms"))
    assert "Ready: 4 of 6 sources, 1 of 3 channels." in done.stdout


def test_what_is_limited_is_a_warning_that_names_it(start_agency: StartAgency) -> None:
    agency = start_agency()
    point_at(agency)
    agency.quirks.everflow_forbidden = {"offers"}
    agency.quirks.everflow_currencies = {"713": "EUR"}
    agency.quirks.slack_scopes -= {"files:write"}
    agency.quirks.twilio_trial = True
    os.environ["S3_PREFIXES"] = "orders-create,orders-updates"
    found = checks()
    assert {one["state"] for one in found} <= {"ok", "off", "warning"}
    for name, said in {
        "everflow": ("offers", "EUR"),
        "slack": ("files:write",),
        "sms": ("trial",),
        "s3_exports": ("orders-updates holds nothing",),
    }.items():
        assert of(found, name)["state"] == "warning"
        assert all(part in of(found, name)["message"] for part in said)


def test_a_good_key_at_the_wrong_place_is_told_where_it_belongs(start_agency: StartAgency) -> None:
    agency = start_agency()
    point_at(agency)
    agency.quirks.everflow_elsewhere = {"713"}
    agency.quirks.everflow_bound_keys = {"cti"}
    agency.quirks.posthog_is_old = True
    found = checks()
    for name, client, repair in (
        ("everflow", "713", "EVERFLOW_BASE_URL to https://api-eu.eflow.team"),
        ("everflow", "cti", "this machine's is not among them"),
        ("posthog", "713", "update it to a version of 2025 or later"),
    ):
        one = of(found, name, client)
        assert one["state"] == "fault"
        assert repair in one["repair"]


def test_a_channel_where_the_bot_cannot_look_is_a_fault(start_agency: StartAgency) -> None:
    agency = start_agency()
    point_at(agency)
    agency.quirks.slack_scopes -= {"channels:history", "groups:history"}
    agency.quirks.sheets_api_disabled = True
    found = checks()
    assert of(found, "slack")["state"] == "fault"
    assert "channels:history" in of(found, "slack")["message"]
    assert of(found, "google_sheets")["state"] == "fault"
    assert "switch it on" in of(found, "google_sheets")["message"]


def test_alerts_that_nobody_hears_are_no_notice(
    start_agency: StartAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recipients of reports get no alerts: a channel without alert recipients is silent."""
    point_at(start_agency())
    assert not [one for one in checks("--offline") if "alerts for client" in one["message"]]
    for name in ("ALERT_EMAILS", "SLACK_ALERT_CHANNEL_ID", "SLACK_CHANNEL_ID", "ALERT_NUMBERS"):
        monkeypatch.setenv(f"{name}__CTI", "")
    monkeypatch.setenv("ALERT_NUMBERS", "")
    said = {one["message"]: one for one in checks("--offline") if "alerts for" in one["message"]}
    silent = said["no one gets alerts for client cti"]
    assert (silent["state"], silent["client"]) == ("warning", "cti")
    assert "ALERT_EMAILS__CTI" in silent["repair"]
    sms = said["alerts for client 713 are not sent by sms: ALERT_NUMBERS not set"]
    assert (sms["state"], sms["repair"]) == ("off", "Set ALERT_NUMBERS.")


def test_offline_asks_nobody(start_agency: StartAgency) -> None:
    agency = start_agency()
    point_at(agency)
    done = run("--offline")
    assert done.exit_code == 0, done.output
    assert "set up" in done.stdout
    assert agency.requests == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("EVERFLOW_APIKEY", "key-0123456789", "Rename it to EVERFLOW_API_KEY."),
        ("EVERFLOW_API_KEY_CTI", "key-0123456789", "Rename it to EVERFLOW_API_KEY__CTI."),
        ("redtrack_api_key", "key-0123456789", "Rename it to REDTRACK_API_KEY."),
        ("REDTRACK_BASE_URL", "api.redtrack.io", "Begin it with https://."),
        ("HEARTBEAT_URL", "hc-ping.example.org/secret", "HEARTBEAT_URL is not a valid address."),
        ("RESEND_TO_EMAILS", "ann@example.org; bob@example.org", "Separate recipients by commas."),
        ("RESEND_FROM_EMAIL", "reports", "RESEND_FROM_EMAIL is not a valid email address"),
        ("TWILIO_TO_NUMBERS", "(555) 010-0199", "TWILIO_TO_NUMBERS is not a phone number"),
        ("TWILIO_FROM_NUMBER", "555-0100", "TWILIO_FROM_NUMBER is not a sender"),
        ("SLACK_CHANNEL_ID", "#reports", "SLACK_CHANNEL_ID is not the id"),
        ("SIGNALROOM_HTTP_MAX_WAIT_S", "5m", "SIGNALROOM_HTTP_MAX_WAIT_S is not a valid number"),
        ("POSTHOG_API_KEY", "“phx_0123456789”", "left double quotation mark"),
        ("POSTHOG_API_KEY", "'phx_0123456789'", "POSTHOG_API_KEY has quotes around its value"),
        ("NO_PROXY", "fe80::/10", "NO_PROXY"),
        ("NO_PROXY", "localhost,[::1]", "without brackets"),
        ("HTTPS_PROXY", "socks5://127.0.0.1:1080", "a SOCKS proxy is not supported"),
        ("ALL_PROXY", "proxy.example.org:99999x", "The proxy settings cannot be used"),
        ("HTTPS_PROXY", "http://bob:key-0123456789/x@proxy:8080", "an address in them cannot be"),
        ("EVERFLOW_API_KEY__cti", "key-0123456789", "Rename it to EVERFLOW_API_KEY__CTI."),
        ("SIGNALROOM_CLIENTS", "713;cti", "separated by commas"),
        ("$env:EVERFLOW_API_KEY", "key-0123456789", "Rename it to EVERFLOW_API_KEY."),
        ("EVERFLOW_API_KEY", "key-0123456789 REDTRACK_API_KEY=x", "has a blank inside"),
        ("SLACK_BOT_TOKEN", "key-0123456789;", "has ';' at its end"),
        ("S3_BUCKET_NAME", "s3://exports/orders", "is not the name of a bucket"),
    ],
)
def test_a_variable_that_cannot_be_right_is_a_fault(name: str, value: str, said: str) -> None:
    os.environ[name] = value
    done = run("--offline")
    assert done.exit_code == 1, done.output
    assert any(line.startswith("✗") and said in line for line in done.stderr.splitlines())
    assert "key-0123456789" not in done.output
    assert "phx_" not in done.output
    assert "secret" not in done.output


def test_names_of_other_programs_are_no_faults() -> None:
    others = "AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "SUPABASE_DB_URL", "DBT_TARGET", "PGHOST"
    os.environ.update(dict.fromkeys(others, "something"))
    os.environ["EVERFLOW_API_KEY"] = "key-0123456789"
    os.environ["EVERFLOW_APIKEY"] = "key-9876543210"  # a leftover: the right one is set
    assert run("--offline").exit_code == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
def test_an_env_file_in_another_encoding_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(settings, "root", lambda: tmp_path)
    monkeypatch.delenv("PYTHON_DOTENV_DISABLED", raising=False)
    (tmp_path / ".env").write_bytes("EVERFLOW_API_KEY=clé\n".encode(encoding))
    with pytest.raises(ConfigurationError, match=r"\.env is not UTF-8 text"):
        settings.load_env_file()


def test_a_byte_order_mark_hides_no_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "root", lambda: tmp_path)
    monkeypatch.delenv("PYTHON_DOTENV_DISABLED", raising=False)
    (tmp_path / ".env").write_bytes("EVERFLOW_API_KEY=key-1\n".encode("utf-8-sig"))
    settings.load_env_file()
    assert os.environ["EVERFLOW_API_KEY"] == "key-1"


def test_a_variable_that_is_twice_in_the_env_file_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key at the top, and the blank line of the example below: the source would be off."""
    lines = ["EVERFLOW_API_KEY=key-0123456789", "PORT=1", "PORT=1", "EVERFLOW_API_KEY="]
    lines += ["S3_PREFIX=", "S3_PREFIX=filled in"]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.delenv("PYTHON_DOTENV_DISABLED", raising=False)
    monkeypatch.setattr(settings, "root", lambda: tmp_path)
    found = [
        one for one in variables.check(()) if one.name in ("EVERFLOW_API_KEY", "PORT", "S3_PREFIX")
    ]
    assert [one.message for one in found] == [
        "EVERFLOW_API_KEY is in .env twice, in line 1 and with another value in line 4"
    ]
    assert found[0].state == "fault"


def test_a_lost_key_of_a_source_that_is_on_is_a_fault_and_doctor_writes_nothing() -> None:
    source_states.record_on([("713", "everflow")])
    before = source_states.read_states()
    found = of(checks("--offline"), "everflow")
    assert found["state"] == "fault"
    assert "EVERFLOW_API_KEY is not set" in found["message"]
    source_states.pause("everflow", ["713"])
    assert of(checks("--offline"), "everflow")["state"] == "off"
    os.environ["REDTRACK_API_KEY"] = "key-0123456789"
    checks("--offline")
    assert source_states.read_states().keys() == before.keys()


def test_the_demos_warehouse_is_a_notice_where_it_is_moved_aside() -> None:
    duckdb_path().parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(duckdb_path())) as connection:
        connection.execute(
            "create schema ops; create table ops.origin as select 'simulated' origin"
        )
    done = run("--offline")
    assert done.exit_code == 0, done.output
    assert "! the warehouse holds the demo; the first real load moves it aside" in done.stderr


@pytest.mark.parametrize("port", ["5432/tcp", "postgres", "0", "54320000", "٥٤٣٢"])
def test_a_port_that_is_none_is_named_and_not_reported_as_our_mistake(port: str) -> None:
    os.environ.update(
        {"SIGNALROOM_TARGET": "postgres", "SIGNALROOM_HASH_SALT": "salt-0123456789",
         "SUPABASE_DB_HOST": "127.0.0.1", "SUPABASE_DB_NAME": "a", "SUPABASE_DB_USER": "a",
         "SUPABASE_DB_PASSWORD": "a", "SUPABASE_DB_PORT": port}
    )  # fmt: skip
    done = run("--offline")
    assert isinstance(done.exception, SystemExit)
    assert f"✗ SUPABASE_DB_PORT is {port!r}: write a number up to 65535." in done.stderr


@ON_POSTGRES
def test_postgres_that_takes_no_writes_or_holds_the_demo_is_a_fault(warehouse: Warehouse) -> None:
    os.environ.update({**warehouse.environment, "SIGNALROOM_HASH_SALT": "salt-0123456789"})
    with postgres_connection() as connection, connection.cursor() as cursor:
        cursor.execute("create schema if not exists ops")
        cursor.execute("create table if not exists ops.origin (origin text)")
        cursor.execute("insert into ops.origin values ('simulated')")
        connection.commit()
    assert "✗ the warehouse holds the demo" in run("--offline").stderr
    with postgres_connection() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"alter role {settings.require('SUPABASE_DB_USER')} in database "
            f"{settings.require('SUPABASE_DB_NAME')} "
            "set default_transaction_read_only = on"
        )
        connection.commit()
    try:
        assert "is in read-only mode" in run("--offline").stderr
    finally:
        with postgres_connection() as connection, connection.cursor() as cursor:
            cursor.execute("set transaction read write")
            cursor.execute(
                f"alter role {settings.require('SUPABASE_DB_USER')} in database "
                f"{settings.require('SUPABASE_DB_NAME')} "
                "reset default_transaction_read_only"
            )
            connection.commit()


def test_an_address_where_nobody_answers_ends_soon_and_is_a_fault() -> None:
    os.environ["REDTRACK_API_KEY"] = "key-0123456789"
    os.environ["REDTRACK_BASE_URL"] = "http://127.0.0.1:9"
    found = of(checks(), "redtrack")
    assert found["state"] == "fault"
    assert "redtrack for client 713" in found["message"]
