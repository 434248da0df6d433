"""Values in .env that are nearly right are reported with the fix; right values pass."""

from __future__ import annotations

import pytest

from signalroom import variables


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("EVERLOW_API_KEY", "EVERFLOW_API_KEY"),
        ("REDTRAK_API_KEY", "REDTRACK_API_KEY"),
        ("SIGNALROM_TARGET", "SIGNALROOM_TARGET"),
        ("ALERTS_EMAILS", "ALERT_EMAILS"),
        ("S3_BUCKET", "S3_BUCKET_NAME"),
        ("MAUTIC_SECRET", "MAUTIC_CLIENT_SECRET"),
        ("TWILIO_SID", "TWILIO_ACCOUNT_SID"),
        ("RESEND_TO", "RESEND_TO_EMAILS"),
        ("CTI_EVERFLOW_API_KEY", "EVERFLOW_API_KEY__CTI"),
        ("EVERLOW_API_KEY__CTI", "EVERFLOW_API_KEY__CTI"),
    ],
)
def test_a_misspelt_or_shortened_name_is_known(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "something")
    found = {check.name: check.repair for check in variables.check([])}
    assert found.get(name) == f"Rename it to {meant}."


@pytest.mark.parametrize("name", ["PATH", "AWS_PROFILE", "DATABASE_URL", "SLACK_WEBHOOK_URL"])
def test_what_belongs_to_another_program_is_not_named(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "something")
    assert name not in {check.name for check in variables.check([])}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EVERFLOW_BASE_URL", "https://a.example.org,https://b.example.org"),
        ("EVERFLOW_BASE_URL", "https://api.example.org:99999"),
        ("EVERFLOW_BASE_URL", "https://[::1"),
        ("PORT", "80.5"),
        ("SUPABASE_DB_PORT", "54321111"),
        ("RESEND_TO_EMAILS", '["ann@example.org"]'),
        ("RESEND_TO_EMAILS", "mailto:ann@example.org"),
        ("RESEND_TO_EMAILS", "“ann@example.org”"),
        ("RESEND_TO_EMAILS", "ann@example.org\u200b"),
        ("ALERT_EMAILS", "ann@example..org"),
    ],
)
def test_a_value_that_cannot_work_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    found = variables.wrong(name)
    assert found is not None
    assert name in found[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EVERFLOW_BASE_URL", "HTTPS://api.example.org/v1/"),
        ("EVERFLOW_BASE_URL", "http://[::1]:9790"),
        ("PORT", "0"),
        ("RESEND_TO_EMAILS", "o'malley+ads@example.org, Ann <ann@example.org>,"),
        ("TWILIO_FROM_NUMBER", "MG0123456789abcdef0123456789abcdef"),
    ],
)
def test_a_value_that_works_is_not_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert variables.wrong(name) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EVERFLOW_BASE_URL", "http://api.eflow.team"),
        ("MAUTIC_BASE_URL__CTI", "HTTP://mail.example.org/m"),
        ("AWS_ENDPOINT_URL", "http://8.8.8.8:9000"),
        ("AWS_ENDPOINT_URL", "http://s3.example.org.:9000"),
        ("AWS_ENDPOINT_URL", "http://minio.storage:9000"),  # .storage is public, too
    ],
)
def test_an_address_where_keys_would_travel_unencrypted_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    (found,) = [check for check in variables.check([]) if check.name == name]
    assert (found.state, found.repair) == ("warning", "Begin it with https://.")


@pytest.mark.parametrize(
    "value",
    [
        *("http://minio:9000", "http://10.0.0.7", "http://127.0.0.1:1", "http://s3.internal/"),
        *("http://x.svc:9000", "http://x.storage.svc.cluster.local", "http://box.tailnet.ts.net"),
        *("http://localhost.:9", "http://s3.internal.", "http://127.0.0.1.:9"),
    ],
)
def test_a_private_network_is_no_way_for_strangers(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", value)
    assert not [check for check in variables.check([]) if check.name == "AWS_ENDPOINT_URL"]


@pytest.mark.parametrize(("zone", "is_named"), [("EST", True), ("US/Eastern", False)])
def test_a_zone_without_daylight_saving_time_is_named(
    monkeypatch: pytest.MonkeyPatch, zone: str, is_named: bool
) -> None:
    monkeypatch.setenv("SIGNALROOM_TIMEZONE", zone)
    found = [check.state for check in variables.check([]) if check.name == "SIGNALROOM_TIMEZONE"]
    assert found == ["warning"] * is_named
