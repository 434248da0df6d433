"""The daily report's context, which its templates render for each channel."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reports.charts import Picture, Point, trend_picture
from reports.messages.table import Column, Table, texts
from reports.model import Figure, figure
from reports.shared.change import Movement
from reports.shared.completeness import Completeness
from reports.shared.figures import Figures, Goal, count, money
from reports.shared.text import day_name, short_day
from signalroom.plural import counted

COLUMNS = (
    Column("", 13, is_name=True),
    Column("Conv.", 6),
    Column("Cost", 8, is_amount=True),
    Column("CPA", 9),
)


@dataclass(frozen=True)
class Line:
    """One affiliate, all the others together (no `label`), or one source of unmapped spend.

    `label` is the mart's, `name` the same for display.
    """

    client_id: str
    name: str
    is_internal: bool
    figures: Figures
    label: str = ""
    cpas: tuple[Decimal | None, ...] = ()  # conversions of the trend's days, the report's day last


@dataclass(frozen=True)
class TrendDay:
    """One day of the trend; its figures are unknown if it was never loaded."""

    day: date
    figures: Figures
    is_complete: bool = True


@dataclass(frozen=True)
class Deltas:
    """Change of the three numbers; None if there is nothing to compare with."""

    cpa: Movement | None = None
    conversions: Movement | None = None
    cost: Movement | None = None


@dataclass(frozen=True)
class Comparison:
    """The three numbers compared with another day, or with an average of days.

    `name` is used in sentences, `heading` above a column.
    """

    heading: str
    name: str
    cpa: Movement | None
    conversions: Movement | None
    cost: Movement | None

    @property
    def words(self) -> str:
        """All three in one line."""
        named = (("CPA", self.cpa), ("conversions", self.conversions), ("cost", self.cost))
        return ", ".join(f"{name} {moved.from_text}" for name, moved in named if moved)


def is_final(whole: Completeness, unpaid: int) -> bool:
    """Whether the day has all of its costs, so that its CPA can be compared with a target."""
    return whole.state == "complete" and not unpaid


@dataclass(frozen=True)
class Daily:
    """The full content of a daily report.

    `reported` is kept for the next report to compare with.
    """

    client_id: str
    title: str
    brand: str
    advertiser_id: int | None
    day: date
    completeness: Completeness
    total: Figures
    paid_media: Figures
    affiliates: Figures
    top: tuple[Line, ...]
    others: Line | None
    unmapped: Figures
    unmapped_sources: tuple[Line, ...]
    unpaid: int
    moved: tuple[str, ...]
    deltas: Deltas
    comparisons: tuple[Comparison, ...]
    goals: tuple[Goal, ...]
    notes: tuple[str, ...]
    changes: tuple[str, ...]
    changed_days: tuple[date, ...]
    trend: tuple[TrendDay, ...]
    reported: Mapping[str, Mapping[str, str]]

    @property
    def figures(self) -> list[Figure]:
        """Every number of the message; `shown` is where another day is shown."""
        brand = {"advertiser_id": self.advertiser_id, "brand": self.brand}
        own = {"date": self.day, **brand}
        found = _measures(self.total, **own)
        found += _measures(self.paid_media, **own, group="internal")
        found += _measures(self.affiliates, **own, group="external")
        for line in self.top:
            found += _measures(line.figures, **own, affiliate=line.label)
        if self.others:
            found += _measures(self.others.figures, **own, others=self.others.name)
        found += figure("unmapped_cost", self.unmapped.cost, **own)
        for line in self.unmapped_sources:
            of = {"affiliate": line.label} if line.label else {"others": line.name}
            found += figure("unmapped_cost", line.figures.cost, **own, group="unmapped", **of)
        found += [one for goal in self.goals for one in goal.figures]
        for one in self.trend:
            if one.day in self.changed_days and one.day != self.day:
                found += _measures(one.figures, date=one.day, **brand, shown="changed")
            elif one.day != self.day:
                found += figure(
                    "conversions", one.figures.conversions, date=one.day, **brand, shown="trend"
                )
                found += figure("cpa", one.figures.cpa, date=one.day, **brand, shown="trend")
        return found

    @property
    def caution(self) -> str:
        """Why the CPA cannot be trusted although the day is complete; empty if it can."""
        return f"Spend missing for {counted(self.unpaid, 'affiliate')}" if self.unpaid else ""

    @property
    def cpa_goal(self) -> Decimal | None:
        """The CPA goal of this month."""
        return next((one.goal for one in self.goals if one.measure == "cpa"), None)

    def against(self, figures: Figures) -> Movement | None:
        """A CPA compared with the goal; None without either, or if the day's cost is incomplete."""
        if not is_final(self.completeness, self.unpaid):
            return None
        moved = Movement(figures.cpa, self.cpa_goal, less_is_good=True)
        return moved if moved.over_text and figures.cents else None

    @property
    def explain(self) -> str:
        """The command that explains the CPA."""
        brand = self.brand if self.brand.isalnum() else shlex.quote(self.brand)
        return f"signalroom explain {self.client_id} {self.day} cpa --brand {brand}"

    @property
    def cpa_phrase(self) -> str:
        """The headline number, or why there is none."""
        if self.total.cpa is not None:
            return f"CPA {money(self.total.cpa)}" if self.total.cpa else "No cost"
        return "No CPA" if self.total.conversions == 0 else "CPA unknown"

    @property
    def headline(self) -> str:
        """The three numbers, or that there are none."""
        if self.completeness.state == "absent":
            return f"No data for {day_name(self.day)} yet: no source was loaded for that day."
        return f"{self.cpa_phrase}, {self.conversions_text}, cost {money(self.total.cents)}"

    @property
    def conversions_text(self) -> str:
        """The conversions with their noun; a dash where they are unknown."""
        if self.total.conversions is None:
            return f"{count(None)} conversions"
        return counted(self.total.conversions, "conversion")

    @property
    def trend_cpa(self) -> list[Decimal | None]:
        """CPA of each day of the trend."""
        return [day.figures.cpa for day in self.trend]

    @property
    def trend_conversions(self) -> list[int | None]:
        """Conversions of each day of the trend."""
        return [day.figures.conversions for day in self.trend]

    @property
    def picture(self) -> Picture:
        """The trend as a picture, with a text version."""
        words = "; ".join(f"{short_day(one.day)}: {one.figures.words}" for one in self.trend)
        points = [
            Point(short_day(one.day), one.figures.cpa, one.figures.conversions, not one.is_complete)
            for one in self.trend
        ]
        title = f"Conversions and CPA of the last {len(points)} days"
        return trend_picture("trend", points, f"{title}. {words}.", self.cpa_goal)

    @property
    def table(self) -> Table:
        """Channels and affiliates, line by line."""
        rows: list[tuple[str, ...]] = [
            ("Paid media", *texts(self.paid_media)),
            ("Affiliates", *texts(self.affiliates)),
            ("Overall", *texts(self.total)),
        ]
        if self.top:
            rows += [("",), ("Top affiliates (+ paid media)",)]
            rows += [
                (f"{'+' if line.is_internal else ' '} {line.name}", *texts(line.figures))
                for line in self.top
            ]
        if self.others:
            rows.append((f"  {self.others.name}", *texts(self.others.figures)))
        return Table(COLUMNS, tuple(rows), "CPA by channel and affiliate")


def _measures(of: Figures, **keys: object) -> list[Figure]:
    return [
        *figure("conversions", of.conversions, **keys),
        *figure("cost", of.cost, **keys),
        *figure("cpa", of.cpa, **keys),
    ]
