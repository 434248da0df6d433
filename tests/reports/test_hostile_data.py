"""Whatever a vendor or a client writes into a name is shown as plain text, in every channel."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from bs4 import BeautifulSoup

from reports import Rendered, compose
from reports.messages import render
from reports.messages.slack_blocks import cut
from reports.shared.text import clean, columns, gsm, mrkdwn, pad_left, pad_right, septets
from signalroom import warehouse
from signalroom.errors import ReportError
from tests.reports.conftest import Compose
from tests.reports.reading import slack_text
from tests.reports.world import DAY, Affiliate, Day, Marts

HOSTILE = (
    "<script>alert(1)</script>",
    "</mj-text></mj-column><mj-include path='/etc/hostname' />",
    "<!channel> <@U123> <https://evil.example|click>",
    "*bold* _sly_ ~gone~ `tick` ```fence```",
    '=HYPERLINK("http://evil.example")',
    "AT&T & Sons <b>",
    "{{ 7*7 }}{% raw %}",
    "Line\r\nBcc: everyone@example.org",
    "\u202egnirts\u202c \u2066x\u2069 \u200b\ufeffz",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u4e2d\u6587",
    "'; drop table marts.daily_summary; --",
    '"}]}, {"type": "divider',
    "N" * 5000,
    "   ",
    "\x00\x07\x1b[31mred",
)


def affiliates(kind: str, state: str = "ok") -> list[Affiliate]:
    prefix = "Unmapped: " if kind == "unmapped" else ""
    return [
        Affiliate(prefix + label.replace("\x00", ""), 100 - at, "10.00", kind, state=state)
        for at, label in enumerate(HOSTILE)
    ]


@pytest.fixture(params=["external", "unmapped", "internal"])
def hostile(request: pytest.FixtureRequest, report: Compose) -> Rendered:
    # internal without spend, so that the names also appear in a sentence
    state = "missing_spend" if request.param == "internal" else "ok"
    return report(*affiliates(request.param, state))


@pytest.mark.fault(59)
def test_html_has_no_element_from_data(hostile: Rendered) -> None:
    source = hostile.messages["email"]["html"]
    page = BeautifulSoup(source, "html.parser")
    assert not page.find_all(["script", "a", "iframe", "b"])
    assert [one["src"] for one in page.find_all("img")] == ["cid:trend", "cid:trend-dark"]
    assert not [tag for tag in page.find_all() if tag.name.startswith("mj-")]
    assert len(source.encode()) < 90_000


def test_plain_text_and_sms_carry_no_entities_and_no_control_characters(
    hostile: Rendered,
) -> None:
    for text in (
        hostile.messages["email"]["text"],
        hostile.messages["email"]["subject"],
        hostile.messages["sms"]["body"],
    ):
        assert not re.search(r"&(lt|gt|#\d+|quot);", text)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u200b\ufeff\u2066]", text)
    assert not re.search(r"[\r\n]", hostile.messages["email"]["subject"])
    assert not re.search(r"[\r\n]", hostile.messages["sms"]["body"])
    assert septets(hostile.messages["sms"]["body"]) <= 160


@pytest.mark.fault(59)
def test_slack_shows_no_mention_link_or_formatting_from_data(hostile: Rendered) -> None:
    payload = hostile.messages["slack"]
    # table cells are raw text: Slack interprets no markup in them
    read = [block for block in payload["blocks"] if block["type"] != "table"]
    text = json.dumps([payload["text"], read], ensure_ascii=False)
    assert not re.search(r"<[!@#h]", text)
    for block in payload["blocks"]:
        for part in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]:
            if part and part["type"] == "mrkdwn":
                assert part["text"].count("```") in (0, 2)
                assert part["verbatim"] is True
    for block in payload["blocks"]:
        assert {cell["type"] for row in block.get("rows", []) for cell in row} <= {"raw_text"}
    shown = slack_text({"blocks": read})
    assert "*bold*" not in shown
    assert "~gone~" not in shown


def test_names_that_are_cut_in_slack_never_leave_half_an_entity() -> None:
    for length in range(1, 12):
        assert re.fullmatch(r"(&amp;)*x*\u2026?", cut("&amp;" * 10, length))


@pytest.mark.parametrize("name", ["AT&T <3 'Q' \"R\"", "AT&amp;T &lt;b&gt;"])
def test_name_reads_as_the_vendor_wrote_it_in_every_channel(report: Compose, name: str) -> None:
    messages = report(Affiliate(name, 5, "1.00")).messages
    assert name in messages["email"]["text"]
    assert name in BeautifulSoup(messages["email"]["html"], "html.parser").get_text()
    assert name in slack_text(messages["slack"])


def test_numbers_stay_in_their_column_beside_any_name() -> None:
    for label in HOSTILE:
        padded = pad_right(clean(label), 20)
        assert (
            columns(padded.strip("\u2068\u2069").replace("\u2069", "").replace("\u2068", "")) == 20
        )
    assert pad_left("123456789", 3) == " 123456789"


@pytest.mark.fault(59)
def test_template_that_includes_a_file_is_refused(
    report: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    context = report().context
    (tmp_path / "daily" / "templates").mkdir(parents=True)
    (tmp_path / "daily" / "templates" / "email.mjml.j2").write_text(
        "<mjml><mj-body>< MJ-Include path='/etc/hostname' /></mj-body></mjml>"
    )
    monkeypatch.setattr(render, "FOLDER", tmp_path)
    render._environment.cache_clear()
    try:
        with pytest.raises(ReportError, match="includes a file"):
            render.render("email", "daily", context, "713")
    finally:
        render._environment.cache_clear()


@pytest.mark.parametrize("channel", ["slack", "email", "sms"])
def test_misspelt_name_in_a_template_fails(
    report: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, channel: str
) -> None:
    context = report().context
    templates = tmp_path / "daily" / "templates"
    templates.mkdir(parents=True)
    for ending in ("slack", "email.mjml", "sms"):
        (templates / f"{ending}.j2").write_text("<mjml>{{ report.conversoins }}</mjml>")
    monkeypatch.setattr(render, "FOLDER", tmp_path)
    render._environment.cache_clear()
    try:
        with pytest.raises(ReportError, match="conversoins"):
            render.render(channel, "daily", context, "713")
    finally:
        render._environment.cache_clear()


@pytest.mark.fault(57)
@pytest.mark.parametrize("foreign", ["cti", None, ""])
def test_row_of_another_client_stops_the_report(
    marts: Marts, monkeypatch: pytest.MonkeyPatch, foreign: str | None
) -> None:
    marts.load(Day())
    read = warehouse.read_together

    def leaking(*arguments: Any, **more: Any) -> dict[str, list[dict[str, Any]]]:
        found = read(*arguments, **more)
        rows = found["query"]
        return {**found, "query": [*rows, {**rows[0], "_client_id": foreign}]}

    monkeypatch.setattr(warehouse, "read_together", leaking)
    with pytest.raises(ReportError, match="nothing was rendered"):
        compose("daily_ccw", "713", DAY)


def test_part_of_another_client_stops_the_rendering(report: Compose) -> None:
    context = report().context
    with pytest.raises(ReportError, match="nothing was rendered"):
        render.render("slack", "daily", context, "cti")
    stranger = type(context.top[0])("cti", "Stranger", False, context.total)
    mixed = type(context)(**{**vars(context), "top": (*context.top, stranger)})
    with pytest.raises(ReportError, match="nothing was rendered"):
        render.render("sms", "daily", mixed, "713")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "caf\u00e9 \u0142\u00f3d\u017a \u20ac5 \u2212 \u2018q\u2019",
            "caf\u00e9 ?\u00f2dz \u20ac5 - 'q'",
        ),
        ("\U0001f600", "?"),
        ("{x}", "{x}"),
    ],
)
def test_sms_text_keeps_to_its_alphabet(text: str, expected: str) -> None:
    assert re.sub("[\u00f2\u00f3o]", "o", gsm(text)) == re.sub("[\u00f2\u00f3o]", "o", expected)


@pytest.mark.parametrize(("text", "length"), [("a" * 160, 160), ("{}", 4), ("\u20ac", 2), ("", 0)])
def test_extended_letters_count_twice(text: str, length: int) -> None:
    assert septets(text) == length


def test_mrkdwn_keeps_ordinary_names_as_they_are() -> None:
    for name in ("G2 - Meta", "AC_Email_2", "50% off!", "a/b (c)"):
        assert mrkdwn(name) == name
