"""Mistakes in data/privacy.yml that would leave data unprotected."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import signalroom
from ingest.privacy.policy import check_tables, policy, salt
from signalroom.errors import ConfigurationError
from signalroom.paths import home


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"everywhere": [{"columns": ["a"], "action": "encrypt"}]}, r"everywhere\.0\.action"),
        ({"everywhere": [{"columns": "a", "action": "drop"}]}, r"everywhere\.0\.columns"),
        ({"everywhere": [{"column": ["a"], "action": "drop"}]}, r"everywhere\.0\.column"),
        ({"everywhere": [{"columns": [1], "action": "drop"}]}, r"everywhere\.0\.columns\.0"),
        ({"tables": None}, "tables"),
        ({"clients": {"713": ["drop"]}}, r"clients\.713"),
        ({"evrywhere": []}, "evrywhere: is unknown here"),
    ],
)
def test_a_mistake_in_the_policy_stops_the_load_and_is_named_with_its_key(
    rules: Any, changes: dict[str, Any], key: str
) -> None:
    rules(**changes)
    with pytest.raises(ConfigurationError, match=rf"data/privacy\.yml: {key}") as caught:
        policy("s3_exports", "orders_create", "713")
    assert "\n" not in str(caught.value)


DROP = [{"columns": ["name"], "action": "drop"}]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tables": {"mautic.contact": DROP}}, r"tables\.mautic\.contact matches no table"),
        ({"tables": {"s3_exports.prospects": DROP}}, r"s3_exports\.prospects matches no table"),
        ({"tables": {"mautik.contacts": DROP}}, "there is no such source"),
        ({"tables": {"contacts": DROP}}, "there is no such source"),
        ({"clients": {"917": {"mautic.contacts": DROP}}}, r"clients\.917: there is no such client"),
        ({"clients": {"cti": {"mautic.kontakts": DROP}}}, r"clients\.cti\.mautic\.kontakts"),
    ],
)
def test_a_rule_that_matches_no_table_is_an_error(
    rules: Any, changes: dict[str, Any], reason: str
) -> None:
    rules(**changes)
    with pytest.raises(ConfigurationError, match=reason):
        check_tables()


def test_doctor_names_a_rule_that_matches_no_table_before_any_load(rules: Any) -> None:
    rules(tables={"mautic.contact": DROP})
    said = CliRunner().invoke(signalroom, ["doctor", "--offline", "--json"])
    [check] = [one for one in json.loads(said.stdout)["checks"] if one["name"] == "alert_policy"]
    assert check["state"] == "fault"
    assert "data/privacy.yml: tables.mautic.contact matches no table" in check["message"]


def test_a_load_names_a_rule_that_matches_no_table_of_its_source(rules: Any) -> None:
    rules(tables={"mautic.contact": DROP})
    with pytest.raises(ConfigurationError, match="matches no table"):
        policy("mautic", "contacts", "713")


def test_the_shipped_rules_match_tables_and_those_of_settings_count(
    rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_tables()
    rules(tables={"s3_exports.chargebacks_daily": DROP, "everflow.clicks": DROP})
    monkeypatch.setenv("S3_BUCKET_NAME", "exports")
    with pytest.raises(ConfigurationError, match=r"s3_exports\.chargebacks_daily matches no table"):
        check_tables()
    monkeypatch.setenv("S3_PREFIXES", "orders-create,chargebacks-daily")
    check_tables()
    assert policy("s3_exports", "chargebacks_daily", "713").action("name") == "drop"


def test_the_salt_is_made_once_and_nobody_else_can_read_it() -> None:
    first = salt("713")
    assert len(first) >= 32
    assert salt("713") == first
    path = home() / "hash_salt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in home().iterdir()] == ["hash_salt"]
