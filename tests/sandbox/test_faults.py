"""Planned faults: each reaches the client as the intended fault, and no longer than planned."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from sandbox import Agency, SandboxError
from tests.sandbox import calls
from tests.sandbox.test_resend import mail, send


def table(agency: Agency) -> httpx.Response:
    return calls.everflow(agency, calls.TABLE, json=calls.table_body(calls.LAST, calls.LAST))


def test_a_fault_outlives_its_plan(own_agency: Agency) -> None:
    own_agency.faults.plan("everflow", "status_500", times=2)
    assert [table(own_agency).status_code for _ in range(3)] == [500, 500, 200]
    assert own_agency.faults.pending == []


def test_a_fault_meets_the_wrong_request(own_agency: Agency) -> None:
    own_agency.faults.plan("everflow", "status_500", match="2026-11-18")
    own_agency.faults.plan("everflow", "status", status=403, match=lambda text: "timezones" in text)
    assert table(own_agency).status_code == 200
    assert calls.report(own_agency).status_code == 200
    assert calls.everflow(own_agency, "/v1/meta/timezones").status_code == 403
    asked = calls.table_body(calls.LAST.replace(day=18), calls.LAST.replace(day=18))
    assert calls.everflow(own_agency, calls.TABLE, json=asked).status_code == 500


def test_a_429_says_when_to_come_back_or_does_not(own_agency: Agency) -> None:
    own_agency.faults.plan("everflow", "status_429")
    assert "Retry-After" not in table(own_agency).headers
    own_agency.faults.plan("everflow", "status_429", retry_after=2)
    answer = table(own_agency)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")


def test_a_rehearsed_wait_lasts_ten_hours_of_a_fast_day(own_agency: Agency) -> None:
    since = own_agency.now()
    own_agency.faults.plan("everflow", "status_429", retry_after=600, since=since)
    own_agency.calendar.run(20)
    assert table(own_agency).headers["Retry-After"] == "30"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("truncated_body", httpx.RemoteProtocolError),
        ("close_connection", httpx.RemoteProtocolError),
        ("accept_then_close", httpx.RemoteProtocolError),
    ],
)
def test_a_broken_connection_reads_as_an_answer(
    own_agency: Agency, kind: Any, error: type[Exception]
) -> None:
    own_agency.faults.plan("everflow", kind)
    with pytest.raises(error):
        table(own_agency)
    assert own_agency.requests[-1].fault == kind
    assert table(own_agency).status_code == 200


def test_bad_json_or_html_reads_as_an_answer(own_agency: Agency) -> None:
    own_agency.faults.plan("everflow", "bad_json")
    with pytest.raises(ValueError, match="Extra data"):
        table(own_agency).json()
    own_agency.faults.plan("everflow", "wrong_type")
    answer = table(own_agency)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")


def test_a_hanging_vendor_answers_at_once_or_never(own_agency: Agency) -> None:
    own_agency.faults.plan("everflow", "hang", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        calls.everflow(
            own_agency, calls.TABLE, json=calls.table_body(calls.LAST, calls.LAST), timeout=0.2
        )
    own_agency.faults.plan("everflow", "hang", seconds=0.2)
    began = time.monotonic()
    assert table(own_agency).status_code == 200
    assert time.monotonic() - began > 0.2


def test_a_hanging_request_keeps_the_agency_from_closing() -> None:
    began = time.monotonic()
    with Agency() as agency:
        agency.faults.plan("everflow", "hang", seconds=60)
        waiting = threading.Thread(target=lambda: _quietly(table, agency), daemon=True)
        waiting.start()
        while not any(fault.times == 0 for fault in agency.faults.planned):
            time.sleep(0.01)
    waiting.join(10)
    assert not waiting.is_alive()
    assert time.monotonic() - began < 20


def _quietly(call: Callable[[Agency], object], agency: Agency) -> None:
    try:
        call(agency)
    except httpx.HTTPError:
        return


def test_a_redirect_points_home(own_agency: Agency) -> None:
    own_agency.faults.plan("everflow", "redirect_foreign", location="http://127.0.0.1:9/steal")
    answer = table(own_agency)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "http://127.0.0.1:9/steal"


def test_an_incomplete_answer_is_whole_or_unmarked(own_agency: Agency) -> None:
    whole = len(table(own_agency).json()["table"])
    own_agency.faults.plan("everflow", "incomplete_results")
    answer = table(own_agency).json()
    assert answer["incomplete_results"] is True
    assert len(answer["table"]) < whole


@pytest.mark.parametrize(
    ("kind", "stored"),
    [("accept_then_close", 1), ("accept_then_hang", 1), ("close_connection", 0)],
)
def test_an_answer_that_never_came_says_what_happened(
    own_agency: Agency, kind: Any, stored: int
) -> None:
    own_agency.faults.plan("resend", kind, seconds=0.1)
    with pytest.raises(httpx.HTTPError):
        send(own_agency, mail(own_agency), key="k")
    assert len(own_agency.messages) == stored
    assert send(own_agency, mail(own_agency), key="k").status_code == 200
    assert len(own_agency.messages) == 1


def test_s3_fails_in_another_vendors_words(own_agency: Agency) -> None:
    own_agency.faults.plan("s3", "status", status=503)
    bucket = calls.bucket(own_agency)
    with pytest.raises(ClientError, match="SlowDown"):
        bucket.meta.client.list_objects_v2(Bucket=bucket.name)


@pytest.mark.parametrize(
    ("vendor", "names"),
    [("resend", {"statusCode", "name", "message"}),
     ("twilio", {"code", "message", "status", "more_info"}),
     ("slack", {"ok", "error"}), ("redtrack", {"error"})],
)  # fmt: skip
def test_a_fault_speaks_another_vendors_language(
    own_agency: Agency, vendor: str, names: set[str]
) -> None:
    own_agency.faults.plan(vendor, "status_429")
    answer = calls.HTTP.get(own_agency.base_url(vendor) + "/")
    assert answer.status_code == 429
    assert set(answer.json()) == names


def test_a_misspelt_fault_is_planned(own_agency: Agency) -> None:
    with pytest.raises(SandboxError, match="no vendor 'everflaw'"):
        own_agency.faults.plan("everflaw", "hang")
    wrong: Any = "explode"
    with pytest.raises(SandboxError, match="no fault 'explode'"):
        own_agency.faults.plan("everflow", wrong)


def test_the_log_of_requests_leaves_something_out(own_agency: Agency) -> None:
    table(own_agency)
    calls.report(own_agency)
    everflow, redtrack = own_agency.requests[-2:]
    assert (everflow.vendor, everflow.method, everflow.path) == ("everflow", "POST", calls.TABLE)
    assert (everflow.status, everflow.fault) == (200, None)
    assert b'"timezone_id"' in everflow.body
    assert "X-Eflow-Api-Key" in everflow.headers
    assert (redtrack.vendor, redtrack.path) == ("redtrack", "/report")
    assert "date_from=2026-10-16" in redtrack.query
