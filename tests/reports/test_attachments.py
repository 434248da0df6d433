"""Attached pictures and tables, in emails and Slack; they must never block a message."""

from __future__ import annotations

import io
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from reports import Rendered, compose, deliver
from reports.delivery.channels import http, slack
from reports.delivery.channels.slack import Unsure
from reports.messages.attachments import cell, sheet, with_data_uris
from sandbox import Agency
from sandbox.faults import Kind
from tests.reports.post import Post, statuses
from tests.reports.test_leaderboard import SELLERS
from tests.reports.weeks_world import SUNDAY, WeekMarts

CHANNEL = "C0REPORTS713"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("  =1+1", "'=1+1"),
        ("\t=1", "'=1"),
        ("\r\n@SUM(A1)", "'@SUM(A1)"),
        ("\tplain", "'plain"),
        ("\u200b-2+3", "'-2+3"),
        ("\u00a0+cmd", "'+cmd"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff0b1", "'\uff0b1"),
        ("+15.50", "+15.50"),
        ("-3", "-3"),
        ("-", "'-"),
        ("a=b", "a=b"),
        ("", ""),
        (None, ""),
        (True, "true"),
        (-7, "-7"),
        (date(2026, 11, 22), "2026-11-22"),
        (Decimal("-1239.779500000000000000"), "-1239.7795"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0E-18"), "0"),
    ],
)
def test_no_cell_is_a_formula_and_no_number_is_changed(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_table_is_read_by_excel_as_it_is_written() -> None:
    body = sheet(["name", "cost"], [['Caf\u00e9 \u201cA\u201d, "B"', Decimal("1.10")]]).csv()
    assert (
        body == b'\xef\xbb\xbfname,cost\r\n"Caf\xc3\xa9 \xe2\x80\x9cA\xe2\x80\x9d, ""B""",1.1\r\n'
    )


def test_only_an_address_becomes_a_picture_in_the_copy_for_browsers() -> None:
    file = {"content_id": "trend", "content_type": "image/png", "content": "QUJD"}
    html = '<p>src=&#34;cid:trend&#34; cid:trend</p><img src="cid:trend"/>'
    shown = with_data_uris(html, [file])
    assert shown == html.replace('src="cid:trend"', 'src="data:image/png;base64,QUJD"')


@pytest.fixture
def monday(
    weeks: WeekMarts, start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> tuple[Agency, Rendered]:
    """The vendors, and a leaderboard, which has a table block and an attached table."""
    agency = start_agency()
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    weeks.days(SUNDAY - timedelta(days=13), SUNDAY + timedelta(days=1))
    weeks.board(SUNDAY, *SELLERS)
    return agency, compose("affiliate_leaderboard", "713", SUNDAY)


def slack_messages(agency: Agency) -> tuple[list[Any], list[Any]]:
    """The posted messages, and the files that were added to threads."""
    found = [one for one in agency.messages if one.channel == "slack"]
    return [one for one in found if one.key], [one for one in found if not one.key]


def kinds(message: Any) -> Counter[str]:
    return Counter(block["type"] for block in message.payload["blocks"])


def test_monday_report_arrives_with_its_table_in_mail_and_thread(
    monday: tuple[Agency, Rendered],
) -> None:
    agency, rendered = monday
    assert set(statuses(deliver(rendered)).values()) == {"sent"}
    (posted,), (threaded,) = slack_messages(agency)
    assert (kinds(posted)["data_table"], kinds(posted)["table"]) == (1, 0)
    assert threaded.payload["thread_ts"] == posted.message_id
    name = "affiliate_leaderboard-713-2026-11-22.csv"
    mails = [one for one in agency.messages if one.channel == "resend"]
    assert len(mails) == 2
    for message in (*mails, threaded):
        assert [file for file, _ in message.attachments] == [name]
        assert message.attachments[0][1].startswith(b"\xef\xbb\xbfperiod_start,")
    assert set(statuses(deliver(rendered)).values()) == {"already"}
    assert len(agency.messages) == 4


@pytest.mark.parametrize("refusal", ["invalid_blocks", "invalid_attachments", "internal_error"])
def test_refused_new_table_is_posted_as_a_plain_one(
    monday: tuple[Agency, Rendered], refusal: str
) -> None:
    agency, rendered = monday
    agency.quirks.slack_refused_blocks = {"data_table"}
    agency.quirks.slack_refusal = refusal
    assert statuses(deliver(rendered))["slack", CHANNEL] == "sent"
    (posted,), _ = slack_messages(agency)
    assert kinds(posted)["table"] == 1


def test_refused_table_is_posted_as_text_once(monday: tuple[Agency, Rendered]) -> None:
    agency, rendered = monday
    agency.quirks.slack_refused_blocks = {"data_table", "table"}
    assert statuses(deliver(rendered))["slack", CHANNEL] == "sent"
    (posted,), _ = slack_messages(agency)
    assert kinds(posted)["table"] == 0
    assert "G2 - Meta" in str(posted.payload["blocks"])
    assert "$14,993" in str(posted.payload["blocks"]), "whole dollars, for a phone"


def test_other_refusals_are_not_tried_as_text(monday: tuple[Agency, Rendered]) -> None:
    agency, rendered = monday
    agency.faults.plan("slack", "ok_false", match="chat.postMessage", error="not_in_channel")
    assert statuses(deliver(rendered))["slack", CHANNEL] == "dead"
    assert slack_messages(agency) == ([], [])


def test_lost_file_in_the_thread_leaves_the_message_delivered(
    monday: tuple[Agency, Rendered],
) -> None:
    agency, rendered = monday
    agency.faults.plan("slack", "accept_then_close", match="completeUploadExternal")
    assert statuses(deliver(rendered))["slack", CHANNEL] == "sent"
    posted, threaded = slack_messages(agency)
    assert (len(posted), len(threaded)) == (1, 1)


@pytest.fixture
def older_slack(post: Post) -> Post:
    """A workspace that refuses the blocks of 2026."""
    post.agency.quirks.slack_refused_blocks = {"data_table", "data_visualization"}
    return post


def test_trend_is_drawn_by_slack_itself_without_a_file(post: Post) -> None:
    assert set(statuses(deliver(post.only("slack"))).values()) == {"sent"}
    (posted,), threaded = slack_messages(post.agency)
    charts = [one for one in posted.payload["blocks"] if one["type"] == "data_visualization"]
    assert [one["title"] for one in charts] == ["Cost per conversion", "Conversions"]
    assert charts[0]["chart"]["series"][0]["data"][-1] == {"label": "Nov 18", "value": 26.81}
    assert (kinds(posted)["image"], kinds(posted)["data_table"], threaded) == (0, 1, [])


def test_trouble_of_slacks_own_with_a_new_form_is_looked_up_before_a_plainer_one(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.delivery.channels.slack.LOOK_UP_PAUSE_S", 0.0)
    post.agency.faults.plan("slack", "ok_false", match="chat.postMessage", error="internal_error")
    assert set(statuses(deliver(post.only("slack"))).values()) == {"sent"}
    (posted,), _ = slack_messages(post.agency)
    assert (kinds(posted)["data_table"], kinds(posted)["table"]) == (0, 1)


def test_message_that_was_posted_in_spite_of_an_error_is_not_posted_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.delivery.channels.slack.LOOK_UP_PAUSE_S", 0.0)
    real = slack.call

    def answers_badly(client_id: str, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = real(client_id, method, arguments)
        if method == "chat.postMessage":
            raise Unsure("failed (internal_error)")
        return answer

    monkeypatch.setattr(slack, "call", answers_badly)
    assert set(statuses(deliver(post.only("slack"))).values()) == {"sent"}
    assert len(slack_messages(post.agency)[0]) == 1


def test_trend_is_a_picture_in_older_slack_and_inside_the_mail(
    post: Post, older_slack: Post
) -> None:
    assert set(statuses(deliver(post.rendered)).values()) == {"sent"}
    (posted,), threaded = slack_messages(post.agency)
    assert threaded == []
    (image,) = [block for block in posted.payload["blocks"] if block["type"] == "image"]
    assert image["slack_file"]["id"].startswith("F0")
    assert "Nov 18: 47 conversions, CPA $26.81" in image["alt_text"]
    mail = next(one for one in post.agency.messages if one.channel == "resend")
    file, dark = mail.payload["attachments"]
    assert (file["content_id"], file["content_type"]) == ("trend", "image/png")
    assert dark["content_id"] == "trend-dark"
    assert 'src="cid:trend"' in mail.payload["html"]
    assert "data:" not in mail.payload["html"]
    with Image.open(io.BytesIO(b64decode(file["content"]))) as picture:
        assert picture.width == 1104


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("files.getUploadURLExternal", "ok_false"),
        ("files.getUploadURLExternal", "status_429"),
        ("files.getUploadURLExternal", "bad_json"),
        ("/upload/", "status_500"),
        ("/upload/", "close_connection"),
        ("/upload/", "redirect_foreign"),
        ("files.completeUploadExternal", "accept_then_close"),
        ("files.completeUploadExternal", "accept_then_hang"),
    ],
)
def test_message_goes_out_once_with_text_whatever_befalls_the_picture(
    older_slack: Post, monkeypatch: pytest.MonkeyPatch, step: str, kind: Kind
) -> None:
    post = older_slack
    monkeypatch.setattr(http, "TIMEOUT_S", 1.0)
    post.agency.faults.plan("slack", kind, match=step, error="missing_scope", seconds=3)
    assert set(statuses(deliver(post.only("slack"))).values()) == {"sent"}
    (posted,), threaded = slack_messages(post.agency)
    assert threaded == []
    assert kinds(posted)["image"] == 0
    assert posted.payload["blocks"] == post.rendered.messages["slack"]["blocks"]
    assert post.agency.faults.pending == []


def test_picture_that_slack_does_not_show_is_replaced_by_its_text(post: Post) -> None:
    invalid = {"match": "chat.postMessage", "error": "invalid_blocks"}
    post.agency.faults.plan("slack", "ok_false", times=2, **invalid)  # type: ignore[arg-type]
    assert set(statuses(deliver(post.only("slack"))).values()) == {"sent"}
    (posted,), _ = slack_messages(post.agency)
    assert posted.payload["blocks"] == post.rendered.messages["slack"]["blocks"]


def test_lost_answer_to_a_message_with_a_picture_doubles_nothing(post: Post) -> None:
    post.rendered.messages["slack"]["extras"].pop("native")
    post.agency.faults.plan("slack", "accept_then_close", match="chat.postMessage")
    assert set(statuses(deliver(post.only("slack"))).values()) == {"sent"}
    (posted,), threaded = slack_messages(post.agency)
    assert kinds(posted)["image"] == 1
    assert threaded == []
