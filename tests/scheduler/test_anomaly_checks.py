"""Anomaly rules on marts: read by SQL, reported as incidents, back-tested by the command."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import pytest
from click.testing import CliRunner, Result

from cli.main import signalroom
from reports.alerts.incidents import Incidents, open_incidents
from scheduler.status import checks
from scheduler.status.rule_rates import record_rates, recorded_rates
from scheduler.web.actions import Actions, UnknownActionError
from scheduler.web.page import overview
from signalroom import clock
from tests.support.warehouse import POSTGRES_FIRST, Warehouse


def run(*arguments: str) -> Result:
    return CliRunner().invoke(signalroom, arguments)


NOW = "2026-11-19T09:30:00-05:00"
YESTERDAY = date(2026, 11, 18)
TABLES = """
create schema marts;
create table marts.daily_performance_versions (
    _client_id text, date date, advertiser_id bigint, affiliate_label text, is_internal boolean,
    is_unmapped boolean, conversions bigint, cost decimal(38, 18), known_from timestamptz,
    known_to timestamptz, clicks bigint default 0, redtrack_clicks bigint default 0);
create table marts.campaign_performance (
    _client_id text, date date, source_id text, source_name text, advertiser_id bigint,
    affiliate_label text, is_unmapped boolean, conversions bigint, cost decimal(38, 18));
create table marts.daily_summary (_client_id text, date date, is_complete boolean);
"""


@pytest.fixture
def marts(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """Ten even weeks of two lines; the pixel of one broke yesterday."""
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_NOW", NOW)
    for statement in TABLES.strip().rstrip(";").split(";"):
        warehouse.execute(statement)
    line = "'713', date '2026-11-18' - cast(n as int), 1, 'SB - Meta'"
    conversions = "case when n = 0 then 0 else 20 end"
    warehouse.execute(
        f"insert into marts.daily_performance_versions select {line}, true, false,"
        f" {conversions}, 560, timestamptz '2026-11-19 06:00:00-05:00', null, 0, 0"
        " from generate_series(0, 69) as days(n)"
    )
    warehouse.execute(
        "insert into marts.daily_performance_versions select '713', date '2026-11-18' -"
        " cast(n as int), 1, 'Blue Bench', false, false, 30, 900,"
        " timestamptz '2026-11-19 06:00:00-05:00', null, 0, 0"
        " from generate_series(0, 69) as days(n)"
    )
    warehouse.execute(
        "insert into marts.campaign_performance select '713', date '2026-11-18' -"
        " cast(n as int), 'f1', 'Facebook', 1, 'SB - Meta', false,"
        f" {conversions}, 560 from generate_series(0, 69) as days(n)"
    )
    warehouse.execute(
        "insert into marts.daily_summary select '713', date '2026-11-18' - cast(n as int), true"
        " from generate_series(0, 69) as days(n)"
    )
    return warehouse


def found() -> dict[str, str]:
    checks.check([])
    return {one.subject: one.title for one in open_incidents() if one.kind == "anomaly"}


def test_anomaly_of_yesterday_is_no_incident_or_outlives_its_day(marts: Warehouse) -> None:
    title = "SB - Meta spent $560.00 and brought no conversions; usually 20"
    assert found() == {f"spend_without_conversions:SB - Meta (1):{YESTERDAY}": title}
    marts.execute("update marts.daily_performance_versions set conversions = 20 where is_internal")
    marts.execute("update marts.campaign_performance set conversions = 20")
    assert found() == {}, "the day was restated"
    marts.execute("update marts.daily_summary set is_complete = false where date = '2026-11-18'")
    marts.execute(
        "update marts.daily_performance_versions set conversions = 0 where date = '2026-11-18'"
    )
    assert found() == {}, "a day that is not complete is not judged"


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_line_that_stopped_is_told_again_each_morning(
    marts: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    marts.execute(
        "insert into marts.daily_performance_versions select _client_id, date, advertiser_id,"
        " 'SB - Google', true, false, 20, 560, known_from, null, 0, 0"
        " from marts.daily_performance_versions where is_internal"
    )
    for table in ("daily_performance_versions", "campaign_performance"):
        marts.execute(
            f"update marts.{table} set conversions = 0, cost = 0"
            " where affiliate_label = 'SB - Meta' and date >= date '2026-11-16'"
        )
    stop = "volume:SB - Meta (1):2026-11-16"
    for morning, told in ((17, [stop]), (17, [stop]), (18, []), (19, [])):
        monkeypatch.setenv("SIGNALROOM_NOW", f"2026-11-{morning}T09:30:00-05:00")
        assert list(found()) == told, morning
    with Incidents() as incidents:
        [only] = incidents.of_kind("anomaly", clock.now() - timedelta(days=9))
    assert (only.subject, only.rounds, only.is_open) == (stop, 1, False)


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_backtest_counts_what_was_found_twice_or_misses_it(marts: Warehouse) -> None:
    done = run("alerts", "backtest", "spend_without_conversions", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["fired"], told["days"], told["per_week"]) == (1, 90, round(7 / 90, 3))
    assert told["findings"][0]["date"] == str(YESTERDAY)
    assert told["findings"][0]["amount"] == "560.00"
    plain = run("alerts", "backtest", "spend_without_conversions", "--days", "7")
    assert "would have fired once in 7 days, 1.00 a week" in plain.output
    record_rates({"713"})
    page = overview()
    section = " ".join(page[page.index("back-tested over 90 days") :].split())
    said = '<span class="soft">0.08 a week · fired once</span>'
    assert f"<span>spend without conversions</span> {said}" in section
    (others,) = re.findall(r"Never fired: ([^.]+)\.", section)
    assert len(others.split(", ")) == len(recorded_rates()) - 1
    wrong = run("alerts", "backtest", "volumes")
    assert wrong.exit_code == 2
    assert "volume" in wrong.output


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_hours_of_today_are_forgotten_between_checks(
    marts: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = "'713', date '2026-11-19', 'f1', 'Facebook', 1, 'SB - Meta', false"
    for hour in range(17, 24):
        cost, count = 35 * hour, 2 * min(hour, 20)
        spent = cost + (300 if hour == 23 else 0)
        marts.execute("delete from marts.campaign_performance where date = '2026-11-19'")
        marts.execute(f"insert into marts.campaign_performance values ({today}, {count}, {spent})")
        monkeypatch.setenv("SIGNALROOM_NOW", f"2026-11-19T{hour:02}:05:00-05:00")
        checks.check([])
    [budget] = [one for one in open_incidents() if one.kind == "budget"]
    assert budget.title == "Facebook spent $405.00 since its last conversion"
    assert budget.is_silent, "nobody is named as its buyer"


def test_form_snoozes_what_is_none_or_passes_an_option() -> None:
    errands: list[tuple[str, ...]] = []
    actions = Actions([], lambda name: name, errands.append)
    today = clock.local_date(clock.now())
    chosen = f"{today + timedelta(days=40)}"
    given = {"action": "snooze", "name": "0123456789", "until": chosen, "reason": "known"}
    actions.act(given)
    assert errands[0][:4] == ("snooze", "0123456789", "--until", chosen)
    assert errands[0][-1] == "--reason=known"
    wrong_days = [{"until": day} for day in (f"{today}", "2026-13-01", "--all", "")]
    for wrong in ({"name": "--all"}, {"reason": " "}, {"reason": "--until"}, *wrong_days):
        with pytest.raises(UnknownActionError):
            actions.act({**given, **wrong})
    assert len(errands) == 1


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_snooze_command_takes_a_day_that_is_over_or_an_unknown_alert(marts: Warehouse) -> None:
    checks.check([])
    past = run("snooze", "anomaly:drift", "--until", "2026-11-01", "--reason", "x")
    assert past.exit_code == 2
    unknown = run("snooze", "nothing", "--until", "2026-12-01", "--reason", "x")
    assert "anomaly:spend_without_conversions" in str(unknown.exception)
    cause = "anomaly:spend_without_conversions"
    done = run("snooze", cause, "--until", "2026-12-01", "--reason", "known")
    assert done.exit_code == 0, done.output
    assert "is snoozed until Dec 1, 12:00 AM EST." in done.output
