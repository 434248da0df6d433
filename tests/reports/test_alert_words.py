"""The text of an alert: each sentence appears exactly when it is true, and data is escaped."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup

from reports.alerts.incidents import Incident, Incidents, report_trouble
from reports.alerts.message import Alerts, alerts_of
from reports.messages.render import render
from reports.shared.text import GSM_BASIC, GSM_EXTENDED, septets
from signalroom.errors import ReportError
from signalroom.times import span
from tests.reports.alarm import Alarm, trouble
from tests.reports.reading import email_text, slack_text
from tests.reports.test_hostile_data import HOSTILE
from tests.reports.test_slack_limits import assert_within_limits

DAY = date(2026, 11, 19)
OPENED = datetime.fromisoformat("2026-11-19T14:30:00+00:00")
OPEN = Incident(
    incident_id="0123456789",
    kind="step_failed",
    client_id="713",
    subject="ingest:everflow",
    severity="critical",
    title="Everflow could not be loaded",
    detail="It answered 500 five times. The tables keep their rows.",
    repair="Look at `signalroom status`.",
    channels=None,
    opened_at=OPENED,
    last_at=OPENED + timedelta(minutes=10),
    count=1,
    rounds=1,
    settled_at=None,
    told_at=None,
    due_at=None,
    version=1,
)
SETTLED = replace(OPEN, settled_at=OPENED + timedelta(minutes=40))
NOTICE = replace(SETTLED, kind="notice", severity="notice", channels=("slack",), repair="")
# sentence, an incident that makes it appear, one that makes it disappear
SENTENCES = [
    ("Critical: Everflow could not be loaded", OPEN, replace(OPEN, severity="warning")),
    ("Warning: Everflow could not be loaded", replace(OPEN, severity="warning"), OPEN),
    ("Notice: Everflow could not be loaded", replace(OPEN, severity="notice"), NOTICE),
    (
        "It answered 500 five times. The tables keep their rows.",
        OPEN,
        replace(OPEN, detail=""),
    ),
    ("What to do now", OPEN, SETTLED),
    (
        "Critical Ads 713, rule spend_spike.",
        replace(OPEN, kind="anomaly", subject="spend_spike:SB - Meta (1):2026-11-15"),
        OPEN,
    ),
    ("What to do now", OPEN, replace(OPEN, repair="")),
    ("Look at 'signalroom status'.", OPEN, SETTLED),
    ("Critical Ads 713, ingest:everflow.", OPEN, NOTICE),
    ("All clients, ingest:everflow.", replace(OPEN, client_id="*"), OPEN),
    ("Since Nov 19, 9:30 AM EST.", OPEN, SETTLED),
    ("From Nov 19, 9:30 AM EST to Nov 19, 10:10 AM EST.", SETTLED, OPEN),
    ("Occurred 1,205 times, latest Nov 19, 9:40 AM EST.", replace(OPEN, count=1205), OPEN),
    ("Recurred once.", replace(OPEN, rounds=2), OPEN),
    ("Recurred 3 times.", replace(OPEN, rounds=4), replace(OPEN, rounds=2)),
    ("Resolved, lasted 40 min", SETTLED, OPEN),
    (", on and off", replace(SETTLED, rounds=2), SETTLED),
]


def context(*incidents: Incident, client_id: str = "713") -> Alerts:
    return alerts_of(client_id, incidents, DAY)


def words(found: Alerts) -> dict[str, str]:
    """The visible text in each of the long channels."""
    mail = render("email", "alerts", found, found.client_id)
    return {
        "slack": slack_text(render("slack", "alerts", found, found.client_id)).replace("*", ""),
        "html": email_text(mail["html"]),
        "text": mail["text"],
    }


def said_in(sentence: str, channel: str, said: str) -> bool:
    # The severity is a separate label in the HTML of the email.
    label = re.compile(r"^(Critical|Warning|Notice):")
    return (label.sub(r"\1", sentence) if channel == "html" else sentence) in said


@pytest.mark.parametrize(("sentence", "true", "false"), SENTENCES)
def test_sentence_is_said_when_it_is_true_and_only_then(
    sentence: str, true: Incident, false: Incident
) -> None:
    for channel, said in words(context(true)).items():
        assert said_in(sentence, channel, said), channel
    for channel, said in words(context(false)).items():
        assert not said_in(sentence, channel, said), channel


@pytest.mark.parametrize(
    ("incident", "said"),
    [
        (
            OPEN,
            "CRITICAL: Everflow could not be loaded (713). Look at 'signalroom status'. "
            "Since Nov 19, 9:30 AM EST.",
        ),
        (replace(OPEN, client_id="*", repair=""), "(all clients). Since Nov 19, 9:30 AM EST."),
        (SETTLED, "Resolved, lasted 40 min: Everflow could not be loaded (713). From Nov 19"),
        (NOTICE, "Everflow could not be loaded (713). Nov 19, 9:30 AM EST."),
        (replace(OPEN, title="T" * 200), "T\u2026 (713). Look at 'signalroom status'."),
    ],
)
def test_sms_says_the_whole_of_it_in_one_segment(incident: Incident, said: str) -> None:
    body = render("sms", "alerts", context(incident), "713")["body"]
    assert said.replace("\u2026", "...") in body
    assert septets(body) <= 160


def test_subject_is_the_headline_with_the_client() -> None:
    subject = render("email", "alerts", context(OPEN), "713")["subject"]
    assert subject == "Critical: Everflow could not be loaded (713)"


def test_nothing_open_is_said_so() -> None:
    for said in words(context()).values():
        assert "No open incidents." in said
    assert "No open incidents." not in words(context(OPEN))["text"]
    assert render("sms", "alerts", context(), "713")["body"] == "No open incidents."


def test_many_incidents_are_listed_and_the_rest_counted() -> None:
    bulk = {"detail": "&" * 2000, "repair": "&" * 2000, "subject": "&" * 200}
    many = [replace(OPEN, title=f"Trouble {at} {'&' * 150}", **bulk) for at in range(30)]  # type: ignore[arg-type]
    found = context(*many)
    assert_within_limits(render("slack", "alerts", found, "713"))
    for said in (words(found)["html"], words(found)["text"]):
        assert "Trouble 7" in said
        assert "Trouble 8" not in said
        assert "And 22 more" in said
    assert "And 29 more." in render("sms", "alerts", found, "713")["body"]
    assert "more" not in words(context(OPEN))["text"]


@pytest.mark.parametrize(
    ("lasted", "said"),
    [
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=40, seconds=59), "40 min"),
        (timedelta(minutes=60), "1 h"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=3, hours=4, minutes=9), "3 days 4 h"),
    ],
)
def test_time_is_told_in_its_two_largest_units(lasted: timedelta, said: str) -> None:
    assert span(lasted, with_seconds=False) == said


@pytest.fixture(scope="module", params=["open", "resolved", "said"])
def hostile(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """Alerts in which every text is hostile, in every channel."""
    base = {"open": OPEN, "resolved": SETTLED, "said": NOTICE}[request.param]
    messages: dict[str, dict[str, Any]] = {}
    for at, text in enumerate(HOSTILE):
        found = context(replace(base, subject=text, title=text, detail=text, repair=text))
        for channel in ("slack", "email", "sms"):
            messages[f"{channel} {at}"] = render(channel, "alerts", found, "713")
    return messages


def test_hostile_error_text_makes_no_element_mention_link_or_formatting(
    hostile: dict[str, dict[str, Any]],
) -> None:
    for name, content in hostile.items():
        if name.startswith("email"):
            page = BeautifulSoup(content["html"], "html.parser")
            assert not page.find_all(["script", "a", "iframe", "img", "b"])
            assert not [tag for tag in page.find_all() if tag.name.startswith("mj-")]
            assert len(content["html"].encode()) < 90_000
        if name.startswith("slack"):
            assert_within_limits(content)
            raw = json.dumps(content, ensure_ascii=False)
            assert not re.search(r"<[!@#h]", raw)
            shown = slack_text(content)
            assert "*bold*" not in shown
            assert "~gone~" not in shown
            assert "`" not in shown


def test_hostile_error_text_stays_plain_in_mail_text_and_sms(
    hostile: dict[str, dict[str, Any]],
) -> None:
    for name, content in hostile.items():
        texts = [content["body"]] if name.startswith("sms") else []
        texts += [content["text"], content["subject"]] if name.startswith("email") else []
        for text in texts:
            assert not re.search(r"&(lt|gt|#\d+|quot);", text)
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u200b\ufeff]", text)
        if name.startswith("sms"):
            assert set(content["body"]) <= GSM_BASIC | GSM_EXTENDED
            assert septets(content["body"]) <= 160
            assert "\n" not in content["body"]


def test_error_text_reads_as_it_was_written() -> None:
    text = "AT&T <3 'Q' \"R\""
    for said in words(context(replace(OPEN, detail=text))).values():
        assert text in said


def test_secret_in_an_error_text_is_in_no_message(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERFLOW_API_KEY", "ef-secret-canary")
    text = "GET /?key=ef-secret-canary ef-\u200bsecret-canary failed"
    report_trouble(trouble(subject=text, title=text, detail=text, repair=text))
    alarm.deliver()
    with Incidents() as incidents:
        kept = repr(incidents.open())
    sent = repr([message.payload for message in alarm.agency.messages])
    for everything in (kept, sent, repr(alarm.rows())):
        assert "canary" not in everything
        assert "***" in everything


def test_incident_of_another_client_stops_the_rendering() -> None:
    with pytest.raises(ReportError, match="nothing was rendered"):
        context(OPEN, replace(OPEN, client_id="cti"))
    with pytest.raises(ReportError, match="nothing was rendered"):
        context(replace(OPEN, client_id="*"), client_id="cti")
