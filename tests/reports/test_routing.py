"""Routing: no one gets another client's messages, and no message mixes two clients."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from reports import deliver, render_report
from reports.compose import read_rows
from reports.model import refuse_foreign_parts
from reports.registry import reports
from signalroom import warehouse
from signalroom.clients import client
from signalroom.errors import ReportError
from tests.reports.alarm import Alarm
from tests.reports.post import Post
from tests.reports.world import DAY

OWN = (
    *("SLACK_CHANNEL_ID", "SLACK_ALERT_CHANNEL_ID", "RESEND_TO_EMAILS", "TWILIO_TO_NUMBERS"),
    *("ALERT_EMAILS", "ALERT_NUMBERS"),
)
VALUES: dict[Any, Any] = {
    str: "text",
    int: 1,
    float: 1.0,
    bool: True,
    bytes: b"",
    date: DAY,
    datetime: datetime(2026, 11, 18, 12, tzinfo=UTC),
    Decimal: Decimal(1),
    object: "text",
    Any: "text",
}


def made(kind: Any) -> Any:
    """A value of the type with every field set and every client 713."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        values = {
            one.name: "713" if one.name == "client_id" else made(hints[one.name])
            for one in fields(kind)
            if one.init
        }
        return kind(**values)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return made(next(part for part in inner if part is not type(None)))
    if origin in (tuple, list):
        parts = inner[:1] if origin is list or inner[-1:] == (...,) else inner
        return origin(made(part) for part in parts)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {made(inner[0]): made(inner[1])}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return (made(inner[0]),)
    return inner[0] if inner else VALUES[kind]


def strangers(part: Any) -> Iterator[Any]:
    """Copies of the context, each with one part that belongs to another client."""
    if is_dataclass(part) and not isinstance(part, type):
        for one in fields(part):
            value = getattr(part, one.name)
            if one.name == "client_id":
                yield replace(part, client_id="cti")
            elif one.init:
                yield from (replace(part, **{one.name: other}) for other in strangers(value))
    elif isinstance(part, (tuple, list)):
        for at, inner in enumerate(part):
            yield from ((*part[:at], other, *part[at + 1 :]) for other in strangers(inner))
    elif isinstance(part, Mapping):
        for key, inner in part.items():
            yield from ({**part, key: other} for other in strangers(inner))


@pytest.mark.parametrize("name", sorted(reports()))
def test_part_of_another_client_is_refused_wherever_it_stands(name: str) -> None:
    context = made(get_type_hints(reports()[name].build)["return"])
    refuse_foreign_parts(context, "713")
    mixed = list(strangers(context))
    assert len(mixed) >= 2, "the report itself, and at least one kind of line in it"
    for one in mixed:
        with pytest.raises(ReportError, match="nothing was rendered"):
            refuse_foreign_parts(one, "713")


@pytest.mark.parametrize("name", sorted(reports()))
def test_row_of_another_client_stops_every_report(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = reports()[name]
    own, other = ("cti", "713") if report.brand == "CTI" else ("713", "cti")
    foreign = [{"_client_id": other}]
    monkeypatch.setattr(warehouse, "read_together", lambda *_, **__: {"query": foreign})
    if report.read is not None:
        report = replace(report, read=lambda *_: foreign)
    with pytest.raises(ReportError, match="nothing was rendered"):
        read_rows(report, client(own), DAY)


def test_alert_of_one_client_never_reaches_another(alarm: Alarm) -> None:
    alarm.report(client_id="cti").deliver()
    assert set(alarm.received()) == {
        ("slack", "C0ALERTSCTI"),
        ("resend", "coach@example.org"),
        ("twilio", "+12025550131"),
    }
    assert {message.client for message in alarm.agency.messages} == {"cti"}
    alarm.at(minutes=40).settle("step_failed", "cti", "ingest:everflow").deliver()
    assert {message.client for message in alarm.agency.messages} == {"cti"}


def test_alert_about_all_clients_goes_to_the_default_client_alone(alarm: Alarm) -> None:
    alarm.report("notice", client_id="*").deliver()
    assert set(alarm.received()) == {("slack", "C0ALERTS713")}


def test_client_without_recipients_of_its_own_is_told_nothing_through_anothers(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OWN:
        monkeypatch.delenv(f"{name}__CTI")
    found = alarm.report(client_id="cti").deliver()
    assert set(found.values()) == {"off"}
    assert not alarm.received()


@pytest.mark.parametrize(("client_id", "suffix"), [("713", ""), ("cti", "__CTI")])
def test_alerts_without_a_channel_of_their_own_go_where_the_reports_go(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch, client_id: str, suffix: str
) -> None:
    monkeypatch.delenv(f"SLACK_ALERT_CHANNEL_ID{suffix}")
    alarm.report("notice", client_id=client_id).deliver()
    assert set(alarm.received()) == {("slack", f"C0REPORTS{client_id.upper()}")}


def test_files_of_a_clients_alerts_have_only_its_own(alarm: Alarm, tmp_path: Path) -> None:
    for name, whose in (("Everything", "*"), ("Mine", "713"), ("Theirs", "cti")):
        alarm.report(client_id=whose, title=f"{name} failed")
    today = date(2026, 11, 19)
    for client_id, own in (("713", {"Everything", "Mine"}), ("cti", {"Theirs"})):
        rendered = render_report("alert", client_id, today, out=tmp_path)
        for path in rendered.paths:
            if ".sms." not in path.name:  # has room only for the first one
                text = path.read_text()
                assert {one for one in ("Everything", "Mine", "Theirs") if one in text} == own


def test_recipients_of_one_client_never_get_anothers_report(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLACK_CHANNEL_ID", "RESEND_TO_EMAILS", "TWILIO_TO_NUMBERS"):
        monkeypatch.delenv(f"{name}__CTI")
    other = replace(post.rendered, client_id="cti")
    assert {one.status for one in deliver(other)} == {"off"}
    assert not post.received()


def test_channel_that_is_not_set_up_is_off_and_no_failure(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    off = next(one for one in deliver(post.rendered) if one.channel == "slack")
    assert (off.status, off.is_failure) == ("off", False)
    assert off.summary() == "Slack: off (SLACK_BOT_TOKEN is not set)"
