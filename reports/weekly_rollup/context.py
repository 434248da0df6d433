"""The weekly rollup's context, which its templates render for each channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from reports.charts import Picture, Point, trend_picture
from reports.messages.attachments import Sheet
from reports.messages.table import Column, Table
from reports.model import Figure, figure
from reports.shared.change import Movement
from reports.shared.completeness import Completeness
from reports.shared.figures import Figures, Goal
from reports.shared.text import short_day
from reports.shared.weeks import DAYS, Week
from signalroom.plural import counted

LABEL = 12
TOTAL = "Total"


@dataclass(frozen=True)
class BrandWeek:
    """A week of a brand, of spend of no brand, or of all together.

    The CPA is that of mapped cost; cost and profit count unmapped spend.
    """

    client_id: str
    name: str
    is_brand: bool
    conversions: Movement
    cost: Movement
    unmapped: Movement
    cpa: Movement
    revenue: Movement
    profit: Movement

    @property
    def measures(self) -> list[tuple[str, Movement]]:
        """The lines of the brand; spend of no brand has only a cost."""
        if not self.is_brand:
            return [("Unmapped", self.cost)]
        lines = [
            ("Conversions", self.conversions),
            ("CPA", self.cpa),
            ("Cost", self.cost),
            ("Revenue", self.revenue),
            ("Profit", self.profit),
        ]
        if self.unmapped.now or self.unmapped.before:
            lines.insert(3, ("Unmapped", self.unmapped))
        return lines

    def figures(self, week: Week, **keys: object) -> list[Figure]:
        """Its numbers, and those of the week before."""
        of = {"brand": None if self.name == TOTAL else self.name, **keys}
        found = []
        for metric, moved in (
            ("conversions", self.conversions),
            ("mapped_cpa", self.cpa),
            ("cost", self.cost),
            ("unmapped_cost", self.unmapped),
            ("everflow_revenue", self.revenue),
            ("profit", self.profit),
        ):
            found += figure(metric, moved.now, week=week.first_day, **of)
            found += figure(metric, moved.before, week=week.before.first_day, **of)
        return found


@dataclass(frozen=True)
class RunningWeek:
    """The current week, compared with the same days of the week before."""

    words: str
    brands: tuple[BrandWeek, ...]
    total: BrandWeek


@dataclass(frozen=True)
class TrendWeek:
    """One week of the trend; its figures are unknown if no day of it is complete."""

    week: Week
    figures: Figures
    is_whole: bool


@dataclass(frozen=True)
class Rollup:
    """The full content of a weekly rollup.

    `reported` is kept for the next report to compare with.
    """

    client_id: str
    title: str
    client_name: str
    week: Week
    completeness: Completeness
    total: BrandWeek | None
    brands: tuple[BrandWeek, ...]
    unpaid: int
    moved: tuple[str, ...]
    running: RunningWeek | None
    goals: tuple[Goal, ...]
    notes: tuple[str, ...]
    changes: tuple[str, ...]
    trend: tuple[TrendWeek, ...]
    reported: Mapping[str, Mapping[str, str]]
    sheet: Sheet

    @property
    def figures(self) -> list[Figure]:
        """Every number of the message; `shown` is where another week is shown."""
        found = [
            one
            for part in (*self.brands, *([self.total] if self.total else []))
            for one in part.figures(self.week)
        ]
        if self.running:
            running = Week(self.week.last_day + timedelta(days=DAYS))
            for part in (*self.running.brands, self.running.total):
                found += part.figures(running, shown="running")
        found += [one for goal in self.goals for one in goal.figures]
        for trend in self.trend:
            if trend.week != self.week:
                of = {"week": trend.week.first_day, "shown": "trend"}
                found += figure("conversions", trend.figures.conversions, **of)
                found += figure("mapped_cpa", trend.figures.cpa, **of)
        return found

    @property
    def caution(self) -> str:
        """Why the CPA cannot be trusted although the week is complete; empty if it can."""
        return f"Spend missing for {counted(self.unpaid, 'affiliate')}" if self.unpaid else ""

    def cpa_goal(self, brand: str) -> Goal | None:
        """The CPA goal of a brand for this month."""
        return next(
            (one for one in self.goals if one.measure == "cpa" and one.brand == brand), None
        )

    @property
    def is_absent(self) -> bool:
        """Whether there is nothing to show."""
        return self.total is None

    @property
    def headline(self) -> str:
        """The numbers that matter most, or that there are none."""
        if self.total is None:
            return f"No data for the week {self.week.short} yet: no day of it is complete."
        cpa = f"CPA {self.total.cpa.text}"
        if self.total.cpa.now is None:
            cpa = "CPA unknown" if self.total.conversions.now else "no CPA"
        moved = self.total.cpa.percent_text
        if self.total.cpa.change is not None:
            cpa += f" ({moved})"
        noun = "conversion" if self.total.conversions.now == 1 else "conversions"
        sold = self.total.conversions
        more = f" ({sold.percent_text})" if sold.change is not None else ""
        return f"{cpa}, {sold.text} {noun}{more}, profit {self.total.profit.text}"

    @property
    def brief(self) -> str:
        """The headline number, for a subject line; or that there is none."""
        if self.total is None:
            return self.headline
        if self.total.cpa.now is None:
            return "CPA unknown" if self.total.conversions.now else "No CPA"
        moved = self.total.cpa.arrow_text if self.total.cpa.change is not None else ""
        if self.caution:
            moved = "(spend missing)"
        return f"CPA {self.total.cpa.text} {moved}".strip()

    @property
    def tables(self) -> list[Table]:
        """Each brand and the total, measure by measure."""
        shown = [*self.brands, *([self.total] if self.total else [])]
        return [
            Table(
                (
                    Column(one.name, LABEL, is_name=True),
                    Column("This week", 12, is_amount=True),
                    Column("Change", 12, shown="wide", is_amount=True),
                    Column("", 8),
                ),
                tuple(_row(name, moved) for name, moved in one.measures),
            )
            for one in shown
        ]

    @property
    def table(self) -> Table:
        """All of them in one table, because a Slack message allows only one."""
        tables = self.tables
        rows = [row for one in tables for row in ([c.title for c in one.columns], *one.rows)]
        for brand in (*self.running.brands, self.running.total) if self.running else ():
            measures = [
                ("Conversions", brand.conversions),
                ("CPA", brand.cpa),
                ("Cost", brand.cost),
            ]
            rows.append((f"{brand.name}, so far", "This week", "Change", ""))
            rows += [
                _row(name, moved) for name, moved in measures if brand.is_brand or name == "Cost"
            ]
        return Table(tables[0].columns, tuple(map(tuple, rows[1:])), "The week by brand")

    @property
    def running_lines(self) -> Table:
        """The current week, one line per brand."""
        rows: list[tuple[str, ...]] = []
        if self.running:
            for brand in (*self.running.brands, self.running.total):
                sold = brand.conversions
                rows.append(
                    (brand.name, sold.text, sold.percent_text, brand.cpa.text, brand.cost.text)
                )
        columns = (
            Column("", LABEL, is_name=True),
            Column("Conv.", 6),
            Column("", 7, shown="wide"),
            Column("CPA", 9),
            Column("Cost", 9, is_amount=True),
        )
        return Table(columns, tuple(rows))

    @property
    def trend_cpa(self) -> list[Decimal | None]:
        """Mapped CPA of each week of the trend."""
        return [one.figures.cpa for one in self.trend]

    @property
    def trend_conversions(self) -> list[int | None]:
        """Conversions of each week of the trend."""
        return [one.figures.conversions for one in self.trend]

    @property
    def picture(self) -> Picture:
        """The trend as a picture, with a text version."""
        words = "; ".join(f"{one.week.short}: {one.figures.words}" for one in self.trend)
        points = [
            Point(
                short_day(one.week.first_day),
                one.figures.cpa,
                one.figures.conversions,
                not one.is_whole and one.figures.conversions is not None,
            )
            for one in self.trend
        ]
        alone = [one for one in self.brands if one.is_brand]
        goal = self.cpa_goal(alone[0].name) if len(alone) == 1 else None
        return trend_picture(
            "trend",
            points,
            f"Conversions and CPA of {len(points)} weeks. {words}.",
            goal.goal if goal else None,
        )


def _row(name: str, moved: Movement) -> tuple[str, ...]:
    return name, moved.text, moved.change_text, moved.percent_text
