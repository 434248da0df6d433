"""A client's page as HTML: charts, a table behind each, definitions; and the rows of each day."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from reports.model import Row
from reports.pages.content import PERIODS, Brand, Content, Day, Part, Sum
from reports.shared import figures, text
from reports.state_performance.map import COLUMNS, TILES, state_name
from signalroom import templates, times
from signalroom.plural import counted
from signalroom.simulated import is_simulated

TEMPLATES = Path(__file__).parent / "templates"
PAID, AFFILIATES, UNMAPPED = "Paid media", "Affiliates", "Unmapped"
# Each cell of the map, row by row; empty ones have no code.
TILES_IN_ORDER = [
    (row, column, next((code for code, place in TILES.items() if place == (row, column)), ""))
    for row in range(8)
    for column in range(COLUMNS)
]
TENTH = Decimal("0.1")
MEASURES = {
    "conversions": "conversions",
    "everflow_payout": "payout",
    "everflow_revenue": "revenue",
    "redtrack_cost": "RedTrack spend",
    "cost": "cost",
}
DEFINITIONS = (
    ("Conversions", "What Everflow counts as approved, by the day of the conversion."),
    ("Cost", "Paid media: what RedTrack says was spent. Affiliates: what Everflow pays out."),
    ("CPA", "Cost per conversion: cost divided by conversions over the days shown, without "
     "unmapped spend. A day without conversions has no CPA."),
    ("Paid media", "Affiliates that internal-affiliates.csv maps to a RedTrack source."),
    ("Unmapped spend", "RedTrack spend that is not mapped to an affiliate: listed separately, "
     "excluded from CPA."),
    ("Revenue, profit", "What Everflow says the advertiser pays; profit is revenue less cost."),
    ("Goal", "From the client's goals.csv, by month. The line of a chart is one day's share of the "
     "month."),
    ("Attempts, approved", "Orders of the export, declined ones included; those that went "
     "through. Test orders are left out."),
    ("Refunds, chargebacks", "Of approved orders, by the day of the order; they keep arriving for "
     "months."),
    ("Not complete", "A source was not loaded after that day ended: the day is hatched, and its "
     "numbers may still change."),
    ("Changed since reported", "Figures that differ from those of a delivered report, by "
     "cause."),
)  # fmt: skip


def page(content: Content) -> str:
    """The page; without scripts, with its charts embedded."""
    return _environment().get_template("client.html.j2").render(
        page=content,
        periods=PERIODS,
        definitions=DEFINITIONS,
        measures=MEASURES,
        style=_style(),
        tiles=TILES_IN_ORDER,
        charts=[
            (brand, period, _charts(brand, period))
            for brand in content.brands
            for period in PERIODS
        ],
    )  # fmt: skip


def day_page(content: Content, rows: Sequence[Row]) -> str:
    """The raw rows that a day's figures are made of."""
    return _environment().get_template("day.html.j2").render(
        client=content.client, day=rows[0]["date"], rows=rows, style=_style()
    )  # fmt: skip


def digest(rows: Sequence[Row]) -> str:
    """A fingerprint of a day's exact rows, which shows whether it changed."""
    content = "\n".join(repr(sorted(row.items())) for row in rows)
    return hashlib.sha256(f"{_style()}\n{content}".encode()).hexdigest()


@dataclass(frozen=True)
class Chart:
    """A chart with its legend (name and color of each series), and the same as a table by day."""

    title: str
    key: tuple[tuple[str, str], ...]
    goal: str  # the goal line's value, empty without a line
    drawing: str
    words: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Day, list[str]]]

    @property
    def svg(self) -> Markup:
        """The picture, drawn by us from numbers and days, so safe as markup."""
        return Markup(self.drawing)  # noqa: S704 - no text of a client is in it


def _charts(brand: Brand, period: int) -> list[Chart]:
    """CPA, conversions and cost of a brand in a period, each with its table."""
    from reports.charts import pages as drawn
    from reports.charts.drawing import Series

    part = brand.periods[period]
    days = [one for one in part.days if part.since is None or one.day >= part.since]
    labels = [text.short_day(one.day) for one in days]
    is_open = [one.is_loaded and not one.is_complete for one in days]
    name = f"{brand.slug}-{period}"
    paid, others = "curve", "bars"

    def series(title: str, color: str, value: Callable[[Day], Decimal | int | None]) -> Series:
        return Series(title, [value(one) if one.is_loaded else None for one in days], color)

    cpa = [
        series(PAID, paid, lambda one: one.paid.cpa),
        series(AFFILIATES, others, lambda one: one.affiliates.cpa),
    ]
    sold = [
        series(PAID, paid, lambda one: one.paid.conversions),
        series(AFFILIATES, others, lambda one: one.affiliates.conversions),
    ]
    spent = [
        series(PAID, paid, lambda one: one.paid.cost),
        series(AFFILIATES, others, lambda one: one.affiliates.cost),
        series(UNMAPPED, "quiet", lambda one: one.unmapped),
    ]
    earned = [series("Profit", "second", lambda one: one.total.profit)]
    sold_goal, spend_goal = _daily(brand, "conversions"), _daily(brand, "spend")
    total = part.total
    return [
        Chart(
            "Cost per conversion",
            tuple((one.name, one.color) for one in cpa),
            figures.money(brand.cpa_goal) if brand.cpa_goal is not None else "",
            drawn.lines(f"{name}-cpa", labels, cpa, is_open, brand.cpa_goal),
            _cpa_words(part),
            ("CPA", PAID, AFFILIATES),
            [(day, _each(day.total, day.paid, day.affiliates)) for day in days],
        ),
        Chart(
            "Conversions",
            tuple((one.name, one.color) for one in sold),
            f"{figures.rounded(sold_goal, TENTH):,} a day" if sold_goal is not None else "",
            drawn.bars(f"{name}-sold", labels, sold, is_open, sold_goal),
            f"{counted(total.conversions or 0, 'conversion')} in {period} days.",
            ("Conversions", PAID, AFFILIATES),
            [(day, _counts(day)) for day in days],
        ),
        Chart(
            "Cost",
            tuple((one.name, one.color) for one in spent),
            f"{figures.money(spend_goal)} a day" if spend_goal is not None else "",
            drawn.bars(f"{name}-cost", labels, spent, is_open, spend_goal, True),
            f"{figures.money(total.cost)} in {period} days, unmapped spend shown separately.",
            ("Cost", PAID, AFFILIATES, UNMAPPED),
            [
                (day, _monies(day.total.cost, day.paid.cost, day.affiliates.cost, day.unmapped))
                for day in days
            ],
        ),
        Chart(
            "Profit",
            (),
            "",
            drawn.bars(f"{name}-profit", labels, earned, is_open, None, True),
            f"{figures.money(total.profit)} in {period} days, without unmapped spend.",
            ("Profit", "Revenue"),
            [(day, _monies(day.total.profit, day.total.revenue)) for day in days],
        ),
    ]


def _daily(brand: Brand, measure: str) -> Decimal | None:
    """One day's share of the month's goal."""
    found = next((one for one in brand.goals if one["measure"] == measure), None)
    return figures.ratio(found["goal"], int(found["days_in_month"])) if found else None


def _cpa_words(part: Part) -> str:
    paid, others = figures.cost_each(part.paid.cpa), figures.cost_each(part.affiliates.cpa)
    return f"Paid media {paid}, affiliates {others}, together {figures.cost_each(part.total.cpa)}."


def _monies(*values: Decimal | None) -> list[str]:
    return [figures.money(value) for value in values]


def _each(*sums: Sum) -> list[str]:
    return [figures.cost_each(one.cpa) for one in sums]


def _counts(day: Day) -> list[str]:
    sold = (day.total.conversions, day.paid.conversions, day.affiliates.conversions)
    return [figures.count(one) for one in sold]


def exact(amount: Decimal) -> str:
    """All digits that the vendor gave."""
    digits = format(Decimal(amount), "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


@cache
def _style() -> str:
    return (TEMPLATES / "client.css").read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = templates.environment(TEMPLATES)
    environment.filters.update(
        money=figures.money, cost_each=figures.cost_each, count=figures.count, counted=counted,
        percent=figures.percent, rate=figures.ratio,
        day_name=text.day_name, short_day=text.short_day, moment=times.moment,
        state=state_name, polyline=templates.polyline, clean=text.clean,
    )  # fmt: skip
    environment.globals.update(zone=text.zone_name, exact=exact, is_simulated=is_simulated)
    return environment
