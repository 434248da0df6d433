"""RedTrack as VENDOR_APIS.md describes it, including its traps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox import Agency
from sandbox.vendors.everflow_codes import decoded
from tests.sandbox import calls
from tests.sandbox.calls import HTTP, LAST

ENOUGH = 100_000


@pytest.fixture(scope="module")
def agency() -> Iterator[Agency]:
    """An agency for this module, so that the limit affects only its own tests."""
    with Agency() as patient:
        patient.caps.redtrack_reports_per_minute = ENOUGH
        yield patient


def test_a_key_in_the_header_opens(agency: Agency) -> None:
    url = agency.base_url("redtrack") + "/report"
    key = calls.variable(agency, "REDTRACK_API_KEY")
    answer = HTTP.get(url, headers={"X-API-Key": key, "Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert answer.json()["error"]
    assert calls.report(agency, api_key="wrong").status_code == 401
    assert calls.report(agency).status_code == 200


def test_a_report_can_be_posted(agency: Agency) -> None:
    key = calls.variable(agency, "REDTRACK_API_KEY")
    answer = HTTP.post(agency.base_url("redtrack") + f"/report?api_key={key}")
    assert answer.status_code == 404


def test_a_misspelt_zone_is_honoured(agency: Agency) -> None:
    day = {"date_from": "2026-11-12", "date_to": "2026-11-12"}
    eastern = calls.report(agency, **day).json()
    misspelt = calls.report(agency, **day, timezone="", tz="America/New_York").json()
    account = calls.report(agency, **day, timezone="UTC").json()
    assert misspelt == account
    assert eastern != account


def test_zones_lose_or_double_spend(agency: Agency) -> None:
    """Spend that the zones assign to different days is within the three days around it."""
    inner = {"date_from": "2026-11-05", "date_to": "2026-11-05"}
    outer = {"date_from": "2026-11-04", "date_to": "2026-11-06", "timezone": "UTC"}

    def cost(**asked: str) -> Decimal:
        return sum((Decimal(str(row["cost"])) for row in calls.spend(agency, **asked)), Decimal(0))

    assert 0 < cost(**inner) < cost(**outer)


def test_an_unknown_parameter_is_refused(agency: Agency) -> None:
    assert calls.report(agency, colour="blue").json() == calls.report(agency).json()


@pytest.mark.parametrize("name", ["group", "date_from", "date_to"])
def test_a_missing_parameter_is_forgiven(agency: Agency, name: str) -> None:
    answer = calls.report(agency, **{name: ""})
    assert answer.status_code == 400
    assert name in answer.json()["error"]


def test_a_report_comes_in_an_envelope(agency: Agency) -> None:
    assert isinstance(calls.report(agency).json(), list)


def test_pages_overlap_or_end_early(agency: Agency) -> None:
    """Exactly `per` rows, then an empty page; 100 by default and never more than 1,000."""
    whole = calls.spend(agency)
    per = next(size for size in range(7, 400) if len(whole) % size == 0)
    paged = calls.spend(agency, per=str(per))
    assert paged == whole
    last = str(len(whole) // per + 1)
    assert calls.report(agency, per=str(per), page=last).json() == []
    key = {"api_key": calls.variable(agency, "REDTRACK_API_KEY")}
    asked = key | {"group": "date,source", "date_from": "2026-01-01", "date_to": str(LAST)}
    url = agency.base_url("redtrack") + "/report"
    assert len(HTTP.get(url, params=asked).json()) == 100
    assert len(HTTP.get(url, params=asked | {"per": "5000"}).json()) == 1000


def test_no_conversions_means_no_others(agency: Agency) -> None:
    rows = calls.spend(agency)
    assert any(row["conversions"] == 0 and row["total_conversions"] > 0 for row in rows)


def test_every_row_has_every_metric(agency: Agency) -> None:
    rows = calls.spend(agency)
    full = {name for row in rows for name in row}
    assert any(full - set(row) for row in rows)
    assert all({"cost", "clicks", "conversions", "source_id"} <= set(row) for row in rows)
    assert all(value is not None for row in rows for value in row.values())


def test_without_the_date_days_are_not_summed(agency: Agency) -> None:
    asked = {"date_from": "2026-11-12", "date_to": "2026-11-13"}
    by_day = calls.spend(agency, **asked)
    whole = {row["source_id"]: row for row in calls.spend(agency, **asked, group="source")}
    assert "date" not in next(iter(whole.values()))
    for source in {row["source_id"] for row in by_day}:
        parts = [Decimal(str(row["cost"])) for row in by_day if row["source_id"] == source]
        assert sum(parts) == Decimal(str(whole[source]["cost"]))


def test_costs_of_the_past_never_change(own_agency: Agency) -> None:
    asked = {"date_to": "2026-11-15"}
    first = {
        (row["date"], row["source_id"]): row["cost"] for row in calls.spend(own_agency, **asked)
    }
    own_agency.set_now(own_agency.now() + timedelta(days=6))
    second = {
        (row["date"], row["source_id"]): row["cost"] for row in calls.spend(own_agency, **asked)
    }
    changed = {key for key in first.keys() & second.keys() if first[key] != second[key]}
    assert any(key[0] < "2026-11-10" for key in changed)


def test_a_vanished_row_stays(own_agency: Agency) -> None:
    day, row = next(
        (day, row)
        for day in (LAST - timedelta(days=age) for age in range(10, 35))
        for row in own_agency.stage.world.day("713", day).spend
        if row.hidden is not None
    )
    assert row.hidden is not None
    seen = []
    for moment in (row.hidden.start - 1, row.hidden.start + 1):
        own_agency.set_now(datetime.fromtimestamp(moment, UTC))
        told = calls.spend(own_agency, date_from=str(day), date_to=str(day))
        seen.append(row.source_id in {found["source_id"] for found in told})
    assert seen == [True, False]


def test_the_twenty_first_call_of_a_minute_is_answered(own_agency: Agency) -> None:
    own_agency.caps.redtrack_reports_per_minute = 20
    own_agency.stage.limit_clock.ticker = lambda: 1000.0  # no simulated minute passes
    asked = {"date_from": str(LAST), "date_to": str(LAST)}
    statuses = [calls.report(own_agency, **asked).status_code for _ in range(22)]
    assert statuses == [200] * 20 + [429] * 2
    assert calls.report(own_agency, "cti", **asked).status_code == 200
    key = {"api_key": calls.variable(own_agency, "REDTRACK_API_KEY")}
    sources = HTTP.get(own_agency.base_url("redtrack") + "/sources", params=key)
    assert sources.status_code == 200


def test_a_simulated_minute_takes_a_real_one(own_agency: Agency) -> None:
    own_agency.caps.redtrack_reports_per_minute = 1
    own_agency.stage.limit_clock.ticker = lambda: 1000.0
    asked = {"date_from": str(LAST), "date_to": str(LAST)}
    assert calls.report(own_agency, **asked).status_code == 200
    refused = calls.report(own_agency, **asked)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    own_agency.stage.limit_clock.ticker = lambda: 1001.0  # one real second at 60 times its speed
    assert calls.report(own_agency, **asked).status_code == 200


@pytest.mark.parametrize("kind", ["campaigns", "sources"])
def test_a_list_keeps_its_form(agency: Agency, kind: str) -> None:
    url = agency.base_url("redtrack") + f"/{kind}"
    key = {"api_key": calls.variable(agency, "REDTRACK_API_KEY")}
    plain = HTTP.get(url, params=key).json()
    wrapped = HTTP.get(url, params=key | {"total_stat": "true"}).json()
    assert isinstance(plain, list)
    assert plain == wrapped["items"]
    assert "total" in wrapped
    assert type(plain[0]["status"]) is (int if kind == "campaigns" else str)


# campaigns, offers, single conversions


def by_campaign(agency: Agency, client: str = "713", **asked: str) -> list[dict[str, Any]]:
    return calls.spend(agency, client, group="date,source,campaign,offer", **asked)


@pytest.mark.parametrize("client", ["713", "cti"])
def test_campaigns_are_told_differently(agency: Agency, client: str) -> None:
    told = {
        (row["date"], row["source_id"], row["campaign_id"], row["offer_id"]): row
        for row in by_campaign(agency, client)
    }
    truth = {
        (str(row["date"]), row["source_id"], row["campaign_id"], row["offer_id"]): row
        for row in agency.truth(client, calls.FIRST, LAST).campaign_spend
    }
    assert told.keys() == truth.keys()
    for key, row in truth.items():
        assert row["cost"] == Decimal(str(told[key]["cost"]))
        assert row["campaign_name"] == told[key]["campaign"]
        assert row["offer_name"] == told[key]["offer"]
        for name in ("clicks", "conversions", "total_conversions"):
            assert row[name] == told[key][name], name


def test_campaigns_always_add_up_to_the_source(agency: Agency) -> None:
    """Costs set only on a source are in no campaign; no campaign costs more than its source."""
    truth = agency.truth("713", calls.FIRST, LAST)
    parts: dict[tuple[object, object], Decimal] = {}
    for row in truth.campaign_spend:
        key = (row["date"], row["source_id"])
        parts[key] = parts.get(key, Decimal(0)) + Decimal(str(row["cost"]))
    rests = [
        Decimal(str(row["cost"])) - parts.get((row["date"], row["source_id"]), Decimal(0))
        for row in truth.daily_spend
    ]
    assert all(rest >= 0 for rest in rests)
    assert 0 < sum(rest > 0 for rest in rests) < len(rests) / 2
    clicks = [
        sum(int(str(row["clicks"])) for row in rows)
        for rows in (truth.campaign_spend, truth.daily_spend)
    ]
    assert clicks[0] == clicks[1]


def test_every_source_has_one_campaign_of_one_offer(agency: Agency) -> None:
    rows = by_campaign(agency)
    campaigns: dict[str, set[str]] = {}
    offers: dict[str, set[str]] = {}
    for row in rows:
        campaigns.setdefault(row["source_id"], set()).add(row["campaign_id"])
        offers.setdefault(row["campaign_id"], set()).add(row["offer_id"])
    assert max(len(found) for found in campaigns.values()) > 1
    assert max(len(found) for found in offers.values()) > 1


def get(agency: Agency, path: str, client: str = "713", **asked: str) -> Any:
    key = {"api_key": calls.variable(agency, "REDTRACK_API_KEY", client)}
    answer = HTTP.get(agency.base_url("redtrack") + path, params=key | asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("client", ["713", "cti"])
def test_a_link_names_no_ids_in_one_of_the_known_forms(agency: Agency, client: str) -> None:
    """Encoded in the path, as parameters, encrypted, or not Everflow's at all."""
    truth = {row["id"]: row for row in agency.truth(client).redtrack_offers}
    rows = get(agency, "/offers", client, per="1000")
    assert {row["id"] for row in rows} == truth.keys()
    forms = {"encoded": 0, "parameters": 0, "encrypted": 0, "none": 0}
    for row in rows:
        known = truth[row["id"]]
        address = urlsplit(row["url"])
        forms[str(known["form"])] += 1
        if known["form"] == "encoded":
            parts = address.path.strip("/").split("/")
            assert decoded("tracking_link_affiliate", parts[0]) == known["affiliate_id"]
            assert decoded("tracking_link_offer", parts[1]) == known["everflow_offer_id"]
        elif known["form"] == "parameters":
            asked = parse_qs(address.query)
            assert asked["affid"] == [str(known["affiliate_id"])]
            assert asked["oid"] == [str(known["everflow_offer_id"])]
        else:
            assert known["affiliate_id"] is None
            assert not {"affid", "oid"} & parse_qs(address.query).keys()
    if client == "713":
        assert all(forms.values()), forms


DAY = {"date_from": "2026-11-12", "date_to": "2026-11-12", "timezone": "America/New_York"}


@pytest.mark.parametrize("client", ["713", "cti"])
def test_single_conversions_differ_from_the_truth(agency: Agency, client: str) -> None:
    answer = get(agency, "/conversions", client, **DAY, per="10000")
    day = LAST - timedelta(days=7)
    truth = {row["id"]: row for row in agency.truth(client, day, day).redtrack_conversions}
    assert answer["total"] == len(answer["items"]) == len(truth) > 20
    for row in answer["items"]:
        known = truth[row["id"]]
        assert known["conv_time"] == datetime.fromisoformat(row["conv_time"])
        assert (known["source_id"], known["campaign_id"]) == (row["source_id"], row["campaign_id"])
        assert (known["type"], known["is_default_type"]) == (row["type"], row["default_type"] == 1)
        assert known["payout"] == Decimal(str(row["payout"]))


def test_single_conversions_do_not_add_up_to_the_days(agency: Agency) -> None:
    day = LAST - timedelta(days=7)
    truth = agency.truth("713", day, day)
    rows = truth.redtrack_conversions
    assert len(rows) == sum(int(str(row["total_conversions"])) for row in truth.daily_spend)
    assert sum(bool(row["is_default_type"]) for row in rows) == sum(
        int(str(row["conversions"])) for row in truth.daily_spend
    )


def test_pages_of_conversions_overlap(agency: Agency) -> None:
    found: list[str] = []
    for page in range(1, 99):
        answer = get(agency, "/conversions", **DAY, per="10", page=str(page))
        found += [row["id"] for row in answer["items"]]
        if not answer["items"]:
            break
    assert len(found) == len(set(found)) == answer["total"]


def test_conversions_are_cut_in_the_accounts_zone(own_agency: Agency) -> None:
    eastern = get(own_agency, "/conversions", **DAY, per="1000")["items"]
    own_agency.quirks.redtrack_conversions_in_account_zone = True
    ignored = get(own_agency, "/conversions", **DAY, per="1000")["items"]
    assert {row["id"] for row in eastern} != {row["id"] for row in ignored}
