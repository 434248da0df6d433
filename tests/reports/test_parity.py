"""The HTML part and the plain-text part of an email must say the same."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from reports.charts import Picture
from reports.messages import render
from reports.messages.parity import differences, refuse_other_amounts
from reports.model import FOLDER
from signalroom.errors import ReportError
from tests.reports.conftest import Compose
from tests.reports.reading import email_text
from tests.reports.world import PAID_EXAMPLE, Affiliate, Marts, trend

HERO = "report.total.cpa|cost_each|capitalize if report.total.cpa is not none"
FACT = "{{ report.total.cents|money }}"


@pytest.fixture
def mail(marts: Marts, report: Compose) -> tuple[str, str]:
    """HTML and plain-text part of a usual day."""
    marts.load(*trend())
    content = report(*PAID_EXAMPLE).messages["email"]
    return content["html"], content["text"]


def test_a_usual_mail_says_the_same_twice(mail: tuple[str, str]) -> None:
    assert differences(*mail) == []


@pytest.mark.parametrize(
    ("pattern", "instead", "said"),
    [
        pytest.param(r"(font-weight:700[^>]*>)\$28\.00", r"\1$28.01", "$28.00", id="the headline"),
        pytest.param(r">12</td>", ">21</td>", "Blue Bench", id="conversions of a row"),
        pytest.param(r"Blue Bench", "AC Email", "", id="nothing: names may be cut"),
        pytest.param(r"\$300\.00", "$360.00", "$300.00", id="a row with another's cost"),
        pytest.param(r"▲ ", "▼ ", "", id="nothing: an arrow beside a percentage of no table"),
    ],
)
def test_a_figure_that_the_html_says_otherwise_is_named(
    mail: tuple[str, str], pattern: str, instead: str, said: str
) -> None:
    html, plain = mail
    changed = re.sub(pattern, instead, html, count=1)
    assert changed != html
    found = differences(changed, plain)
    assert (said in "; ".join(found)) if said else found == []


def test_a_change_in_the_wrong_direction_is_named() -> None:
    row = "<table><tr class='line'><td>Cost</td><td>$5.00</td><td>+$1.00 {} 25.0%</td></tr></table>"
    plain = "Cost  $5.00  +$1.00  +25.0%\n"
    assert differences(row.format("▲"), plain) == []
    assert differences(row.format("▼"), plain) == [plain.strip()]


@pytest.mark.parametrize(
    ("printed", "instead"),
    [(HERO, "report.paid_media.cpa|money if True"), (FACT, "{{ report.paid_media.cents|money }}")],
)
def test_a_template_that_shows_another_figure_fails_before_anything_is_sent(
    marts: Marts,
    report: Compose,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    printed: str,
    instead: str,
) -> None:
    marts.load(*trend())
    context = report(*PAID_EXAMPLE).context
    copytree(FOLDER / "daily" / "templates", tmp_path / "daily" / "templates")
    template = tmp_path / "daily" / "templates" / "email.mjml.j2"
    source = template.read_text()
    assert printed in source
    template.write_text(source.replace(printed, instead))
    monkeypatch.setattr(render, "FOLDER", tmp_path)
    render._environment.cache_clear()
    try:
        with pytest.raises(ReportError, match=r"daily/templates/email.mjml.j2 and its plain part"):
            render.render("email", "daily", context, "713")
    finally:
        render._environment.cache_clear()


@pytest.mark.parametrize(
    "name",
    [
        "Save $1,000.00 of $99,999.99 " * 40,
        "$28.00",
        "28% more, $1.005, $2e3 and $3…",
        "+ $600.00   $30.00",
        "\u202e$12.50\u200b0 \u2068$7.77",
    ],
)
def test_no_name_stops_a_mail(report: Compose, name: str) -> None:
    """The name is a label that looks like an amount, truncated in only one part."""
    for kind in ("external", "internal", "unmapped"):
        label = f"Unmapped: {name}" if kind == "unmapped" else name
        state = {"unmapped": "unmapped_spend", "internal": "missing_spend"}.get(kind, "ok")
        content = report(Affiliate(label, 3, "90.00", kind, state=state)).messages["email"]
        assert content["html"]


def test_a_picture_that_cannot_be_drawn_is_said_in_words(marts: Marts, report: Compose) -> None:
    """Otherwise only the plain-text part would have the range of the 14 days."""
    marts.load(*trend())
    context = report(*PAID_EXAMPLE).context

    def broken() -> bytes:
        raise OSError("no fonts")

    words = context.picture.alt

    class Undrawn(type(context)):  # type: ignore[misc]
        @property
        def picture(self) -> Picture:
            return Picture("trend", words, broken)

    undrawn = Undrawn(**vars(replace(context)))
    content: dict[str, Any] = render.render("email", "daily", undrawn, "713")
    assert words in email_text(content["html"])
    assert differences(content["html"], content["text"]) == []


def test_a_day_without_data_needs_no_figures(marts: Marts, report: Compose) -> None:
    marts.load(*trend())
    content = report(everflow=None, redtrack=None).messages["email"]
    assert differences(content["html"], content["text"]) == []
    refuse_other_amounts("", content["text"], (), "x")
