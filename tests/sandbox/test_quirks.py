"""Behavior that is off until requested: each quirk does what the vendor would, and no more."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from slack_sdk.errors import SlackApiError

from sandbox import Agency
from sandbox.quirks import Quirks
from sandbox.sheets import SPREADSHEETS
from sandbox.vendors.everflow_codes import KINDS, code
from tests.sandbox import calls
from tests.sandbox.calls import HTTP, LAST, RECENT, TABLE
from tests.sandbox.test_mautic import mautic
from tests.sandbox.test_posthog import posthog
from tests.sandbox.test_resend import mail, send
from tests.sandbox.test_slack import channel_of, client_of
from tests.sandbox.test_twilio import client_of as twilio_of
from tests.sandbox.test_twilio import send as send_text

CONVERSIONS = "/v1/networks/reporting/conversions"


def conversion_pages(agency: Agency, size: int) -> tuple[list[str], int]:
    """Ids of all pages of one window, including repeated ones, and the vendor's count."""
    body = {"from": f"{RECENT} 00:00:00", "to": f"{LAST} 23:59:59", "timezone_id": 80,
            "show_conversions": True}  # fmt: skip
    found: list[str] = []
    for page in range(1, 99):
        answer = calls.everflow(agency, f"{CONVERSIONS}?page={page}&page_size={size}", json=body)
        rows = answer.json()["conversions"]
        if not rows:
            return found, answer.json()["paging"]["total_count"]
        found += [row["conversion_id"] for row in rows]
    raise AssertionError("the pages never ended")


def test_a_default_agency_has_quirks(agency: Agency) -> None:
    assert agency.quirks == Quirks()


def test_a_boundary_row_hides_nothing_or_hides_at_every_size(own_agency: Agency) -> None:
    own_agency.quirks.everflow_boundary_row = True
    ids, total = conversion_pages(own_agency, 700)
    assert len(ids) == total == len(set(ids)) + 1
    other, same = conversion_pages(own_agency, 900)
    assert len(other) == len(set(other)) == same == total
    assert set(ids) < set(other)


def test_a_repeated_row_spoils_the_count(own_agency: Agency) -> None:
    """Without the quirk one row is on two pages, and the count is of distinct rows."""
    ids, total = conversion_pages(own_agency, 700)
    assert len(ids) == total + 1
    assert len(set(ids)) == total


def test_a_cut_table_says_how_much_there_is(own_agency: Agency) -> None:
    whole = calls.everflow(own_agency, TABLE, json=calls.table_body()).json()
    assert whole["paging"]["total_count"] == len(whole["table"])
    own_agency.caps.everflow_rows = 50
    own_agency.quirks.everflow_silent_cut = True
    cut = calls.everflow(own_agency, TABLE, json=calls.table_body()).json()
    assert (len(cut["table"]), cut["incomplete_results"]) == (50, False)
    assert cut["paging"]["total_count"] == len(whole["table"])


def test_a_forbidden_resource_takes_others_with_it(own_agency: Agency) -> None:
    own_agency.quirks.everflow_forbidden |= {"offers", "timezones"}
    statuses = {
        kind: calls.everflow(own_agency, f"/v1/networks/{kind}").status_code
        for kind in ("affiliates", "advertisers", "offers")
    }
    assert statuses == {"affiliates": 200, "advertisers": 200, "offers": 403}
    assert calls.everflow(own_agency, "/v1/meta/timezones").status_code == 403
    assert calls.everflow(own_agency, TABLE, json=calls.table_body()).status_code == 200


def test_a_key_is_known_on_the_other_host_and_from_any_address(own_agency: Agency) -> None:
    own_agency.quirks.everflow_elsewhere = {"713"}
    own_agency.quirks.everflow_bound_keys = {"cti"}
    statuses = [calls.everflow(own_agency, TABLE, client, json=calls.table_body()).status_code
                for client in ("713", "cti")]  # fmt: skip
    assert statuses == [401, 403]


def test_time_zones_need_a_key(agency: Agency) -> None:
    answer = HTTP.get(agency.base_url("everflow") + "/v1/meta/timezones")
    assert answer.json()["timezones"]


def test_a_network_of_another_currency_is_told_by_nothing(own_agency: Agency) -> None:
    dollars = calls.stats(own_agency, "cti", **{"from": str(RECENT)})
    own_agency.quirks.everflow_currencies["cti"] = "CAD"
    network = calls.everflow(own_agency, "/v1/networks", "cti").json()
    assert network["default_currency_id"] == "CAD"
    assert calls.everflow(own_agency, "/v1/networks").json()["default_currency_id"] == "USD"
    # if dollars are requested, the table converts; single conversions keep the offers' currency
    assert calls.stats(own_agency, "cti", **{"from": str(RECENT)}) == dollars
    own = calls.stats(own_agency, "cti", **{"from": str(RECENT), "currency_id": "CAD"})
    revenue = sum((row["revenue"] for row in dollars), Decimal(0))
    assert sum((row["revenue"] for row in own), Decimal(0)) == revenue * Decimal("1.25")
    rows = calls.conversions(own_agency, "cti")
    assert {row["currency_id"] for row in rows} == {"CAD"}
    truth = {row["conversion_id"]: row for row in own_agency.truth("cti").conversions}
    assert all(truth[row["conversion_id"]]["payout"] == Decimal(str(row["payout"])) for row in rows)


def test_an_advertiser_has_no_secret(agency: Agency) -> None:
    rows = calls.everflow(agency, "/v1/networks/advertisers").json()["advertisers"]
    assert all(row["verification_token"].startswith("sandbox-verification") for row in rows)


def test_an_empty_list_is_never_null(own_agency: Agency) -> None:
    long_ago = {"from": "2020-01-01", "to": "2020-01-01"}
    day = {"date_from": "2027-02-01", "date_to": "2027-02-01"}
    body = calls.table_body(date(2027, 2, 1), date(2027, 2, 1))
    adjustments = "/v1/networks/reportingadjustments"
    assert calls.everflow(own_agency, adjustments, params=long_ago).json() == {"adjustments": []}
    assert calls.report(own_agency, **day).json() == []
    own_agency.quirks.everflow_null_for_empty = True
    own_agency.quirks.redtrack_null_for_empty = True
    assert calls.everflow(own_agency, adjustments, params=long_ago).json() == {"adjustments": None}
    assert calls.everflow(own_agency, TABLE, json=body).json()["table"] is None
    assert calls.report(own_agency, **day).json() is None
    assert calls.stats(own_agency)


def test_two_ids_share_a_code() -> None:
    assert code("tracking_link_affiliate", 1) == "28KL6"
    assert code("tracking_link_offer", 1) == "2CTPL"
    for kind in KINDS:
        assert len({code(kind, number) for number in range(5_000)}) == 5_000


def test_a_code_leads_to_another_id(agency: Agency) -> None:
    asked = {"type": "tracking_link_offer", "ids": [1, 101, 702]}
    values = calls.everflow(agency, "/v1/networks/encode", json=asked).json()["values"]
    assert [row["decoded"] for row in values] == [1, 101, 702]
    back = {"type": "tracking_link_offer", "ids": [row["encoded"] for row in values]}
    assert calls.everflow(agency, "/v1/networks/decode", json=back).json()["values"] == values
    assert calls.everflow(agency, "/v1/networks/encode", json={"type": "x"}).status_code == 400


# RedTrack


def test_moving_rows_move_in_a_stable_order_too(own_agency: Agency) -> None:
    whole = calls.spend(own_agency)
    own_agency.quirks.redtrack_rows_move = True

    def keys(**asked: str) -> list[tuple[str, str]]:
        return [(row["date"], row["source_id"]) for row in calls.spend(own_agency, **asked)]

    moved = keys(per="100")
    assert set(moved) != {(row["date"], row["source_id"]) for row in whole}
    assert len(keys(per="100", sortby="date")) == len(set(keys(per="100", sortby="date")))
    assert set(keys()) == {(row["date"], row["source_id"]) for row in whole}  # one page


def test_a_ceiling_below_per_gives_full_pages(own_agency: Agency) -> None:
    own_agency.caps.redtrack_list_page = 5
    key = {"api_key": calls.variable(own_agency, "REDTRACK_API_KEY"), "per": "1000"}
    url = own_agency.base_url("redtrack") + "/sources"
    pages = [HTTP.get(url, params=key | {"page": str(page)}).json() for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [5, 5, 3, 0]


# S3


def test_a_denied_folder_denies_others(own_agency: Agency) -> None:
    own_agency.quirks.s3_denied_prefixes.add("orders-update/")
    bucket = calls.bucket(own_agency)
    key = next(iter(bucket.objects.filter(Prefix="orders-create/"))).key
    assert bucket.Object(key).get()["Body"].read()
    with pytest.raises(ClientError, match="AccessDenied"):
        list(bucket.objects.filter(Prefix="orders-update/"))
    denied = next(one for one in own_agency.s3.files("713") if one.startswith("orders-update/"))
    with pytest.raises(ClientError, match="AccessDenied"):
        bucket.Object(denied).get()


# PostHog


def test_throttled_queries_stop_the_lists(own_agency: Agency) -> None:
    own_agency.caps.posthog_queries_per_hour = 1
    own_agency.stage.limit_clock.ticker = lambda: 1000.0
    body = {"query": {"kind": "HogQLQuery", "query": "SELECT count() FROM events"}}
    assert posthog(own_agency, "query/", json=body).status_code == 200
    refused = posthog(own_agency, "query/", json=body)
    assert refused.status_code == 429
    # an hour is a minute on a limit clock of sixty times real time
    assert "available in 60 seconds" in refused.json()["detail"]
    for path in ("feature_flags/", "experiments/"):
        assert posthog(own_agency, path).status_code == 200


def test_an_archived_experiment_is_in_the_usual_list(own_agency: Agency) -> None:
    every = {row["id"] for row in posthog(own_agency, "experiments/").json()["results"]}
    gone = min(every)
    own_agency.quirks.posthog_archived.add(gone)
    usual = posthog(own_agency, "experiments/").json()
    archived = posthog(own_agency, "experiments/?archived=true&limit=1").json()
    assert (usual["count"], archived["count"]) == (len(every) - 1, 1)
    assert [(row["id"], row["archived"]) for row in archived["results"]] == [(gone, True)]
    truth = {row["id"]: row["archived"] for row in own_agency.truth("713").posthog_experiments}
    assert truth == {number: number == gone for number in every}


def test_an_old_instance_takes_a_zone_or_refuses_an_instant_without(own_agency: Agency) -> None:
    own_agency.quirks.posthog_is_old = True
    for given, status in (("'2026-11-16'", 200), ("'2026-11-16', 'UTC'", 400)):
        asked = f"SELECT uuid FROM events WHERE timestamp >= toDateTime({given}) LIMIT 1"
        body = {"query": {"kind": "HogQLQuery", "query": asked}}
        answer = posthog(own_agency, "query/", json=body)
        assert answer.status_code == status
    assert "expects 1 argument" in answer.json()["detail"]


# Slack


def test_a_scope_is_missing_for_every_method(own_agency: Agency) -> None:
    slack, channel = client_of(own_agency), channel_of(own_agency)
    assert "channels:history" in slack.auth_test().headers["x-oauth-scopes"]
    own_agency.quirks.slack_scopes = {"chat:write"}
    assert slack.auth_test().headers["x-oauth-scopes"] == "chat:write"
    slack.chat_postMessage(channel=channel, text="CPA 26.81")
    refusals: list[Any] = [
        lambda: slack.conversations_history(channel=channel),
        lambda: slack.files_getUploadURLExternal(filename="a.png", length=3),
    ]
    needed = []
    for call in refusals:
        with pytest.raises(SlackApiError, match="missing_scope") as caught:
            call()
        assert caught.value.response["provided"] == "chat:write"
        needed.append(caught.value.response["needed"])
    assert needed == ["channels:history", "files:write"]


def test_a_form_is_refused_where_json_is(own_agency: Agency) -> None:
    own_agency.quirks.slack_form_only_reads = True
    slack, channel = client_of(own_agency), channel_of(own_agency)
    slack.chat_postMessage(channel=channel, text="CPA 26.81")
    with pytest.raises(SlackApiError, match="invalid_arguments") as caught:
        slack.api_call("conversations.history", json={"channel": channel})
    assert "missing required field: channel" in str(caught.value.response)
    assert len(slack.conversations_history(channel=channel)["messages"]) == 1
    with pytest.raises(SlackApiError, match="invalid_cursor"):
        slack.conversations_history(channel=channel, cursor="")
    assert slack.conversations_info(channel=channel)["channel"]["is_member"]


def test_a_picture_is_shown_before_it_is_ready(own_agency: Agency) -> None:
    own_agency.quirks.slack_file_delay_s = 0.4
    slack, channel = client_of(own_agency), channel_of(own_agency)
    asked = slack.files_getUploadURLExternal(filename="a.png", length=3)
    HTTP.post(str(asked["upload_url"]), content=b"png")
    slack.files_completeUploadExternal(files=[{"id": asked["file_id"], "title": "a"}])
    picture = {"type": "image", "alt_text": "CPA", "slack_file": {"id": asked["file_id"]}}
    with pytest.raises(SlackApiError, match="invalid_blocks") as caught:
        slack.chat_postMessage(channel=channel, text="x", blocks=[picture])
    assert "invalid slack file" in str(caught.value.response)
    assert slack.files_info(file=asked["file_id"])["file"]["mimetype"] == ""
    own_agency.quirks.slack_file_delay_s = 0.0
    assert slack.files_info(file=asked["file_id"])["file"]["mimetype"] == "image/png"
    slack.chat_postMessage(channel=channel, text="x", blocks=[picture])
    nowhere = picture | {"slack_file": {"id": "F0NOWHERE"}}
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        slack.chat_postMessage(channel=channel, text="x", blocks=[nowhere])


def _bearer(agency: Agency) -> dict[str, str]:
    """A Google token, without signing an assertion."""
    agency.google_sheets._tokens["quirky"] = "713"
    return {"Authorization": "Bearer quirky"}


def sheet(agency: Agency) -> httpx.Response:
    url = agency.base_url("google_sheets") + f"/v4/spreadsheets/{SPREADSHEETS['713']}/values"
    return HTTP.get(f"{url}/Targets!A1:G", headers=_bearer(agency))


def test_a_deleted_spreadsheet_or_a_switched_off_api_answers(own_agency: Agency) -> None:
    assert sheet(own_agency).status_code == 200
    own_agency.quirks.sheets_deleted.add("713")
    assert (sheet(own_agency).status_code, sheet(own_agency).json()["error"]["status"]) == (
        404, "NOT_FOUND",
    )  # fmt: skip
    own_agency.quirks.sheets_api_disabled = True
    answer = sheet(own_agency)
    assert answer.status_code == 403
    assert answer.json()["error"]["details"][0]["reason"] == "SERVICE_DISABLED"


def test_a_cell_that_is_loading_is_a_value(own_agency: Agency) -> None:
    own_agency.quirks.sheets_loading = True
    values = sheet(own_agency).json()["values"]
    assert {row[2] for row in values[1:] if len(row) > 2} == {"Loading..."}
    assert {row["target"] for row in own_agency.truth("713").targets} == {None}


def test_a_narrow_role_says_so(own_agency: Agency) -> None:
    whole = mautic(own_agency, "/api/contacts", limit="0").json()
    own_agency.quirks.mautic_own_contacts_only = True
    own = mautic(own_agency, "/api/contacts", limit="0").json()
    assert 0 < int(own["total"]) < int(whole["total"]) / 5
    truth = own_agency.truth("713").mautic_contacts
    assert {str(row["id"]) for row in truth} == set(own["contacts"])


def test_a_zero_date_is_a_date(own_agency: Agency) -> None:
    own_agency.quirks.mautic_zero_dates = True
    rows = mautic(own_agency, "/api/contacts", limit="0").json()["contacts"].values()
    zero = {row["id"] for row in rows if str(row["dateModified"]).startswith("-0001")}
    assert zero == {row["id"] for row in rows if str(row["lastActive"]).startswith("0000")}
    assert 0 < len(zero) < len(rows) / 10
    truth = {row["id"]: row for row in own_agency.truth("713").mautic_contacts}
    assert all(truth[number]["date_modified"] is None for number in zero)


def test_a_sending_key_may_look_around(own_agency: Agency) -> None:
    url = calls.variable(own_agency, "RESEND_API_URL")
    full = {"Authorization": f"Bearer {calls.variable(own_agency, 'RESEND_API_KEY')}"}
    domains = HTTP.get(f"{url}/domains", headers=full).json()["data"]
    assert {row["name"]: row["status"] for row in domains} == {
        "mail.example.org": "verified",
        "new.example.org": "pending",
    }
    narrow = {"Authorization": "Bearer re_sandbox_sending_only_713"}
    refused = HTTP.get(f"{url}/domains", headers=narrow)
    assert (refused.status_code, refused.json()["name"]) == (401, "restricted_api_key")
    assert send(own_agency, mail(own_agency), **narrow).status_code == 200
    assert own_agency.messages[0].client == "713"


def test_an_account_hides_what_it_is(own_agency: Agency) -> None:
    sid = calls.variable(own_agency, "TWILIO_ACCOUNT_SID")
    key = (sid, calls.variable(own_agency, "TWILIO_AUTH_TOKEN"))
    url = calls.variable(own_agency, "TWILIO_BASE_URL") + f"/2010-04-01/Accounts/{sid}.json"
    found = HTTP.get(url, auth=key).json()
    assert (found["type"], found["status"]) == ("Full", "active")
    assert HTTP.get(url, auth=(sid, "wrong")).status_code == 401
    own_agency.quirks.twilio_trial = True
    assert HTTP.get(url, auth=key).json()["type"] == "Trial"
    send_text(own_agency, "CCW 26.81")
    assert own_agency.messages[0].text == "Sent from your Twilio trial account - CCW 26.81"


def test_an_unregistered_sender_is_refused_at_once(own_agency: Agency) -> None:
    own_agency.quirks.twilio_unregistered = True
    sent = send_text(own_agency)
    assert (sent.status, sent.error_code) == ("queued", None)
    own_agency.set_now(own_agency.now() + timedelta(minutes=1))
    later = twilio_of(own_agency).messages(sent.sid).fetch()
    assert (later.status, later.error_code) == ("undelivered", 30034)
