"""The leaderboard's context, which its templates render for each channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from reports.messages.attachments import Sheet
from reports.messages.table import Column, Table
from reports.model import Figure, figure
from reports.shared.change import Movement
from reports.shared.completeness import Completeness
from reports.shared.figures import ABSENT, EXACT, cost_each, count, money, rounded
from reports.shared.text import listed
from reports.shared.weeks import Week
from signalroom.plural import counted


@dataclass(frozen=True)
class Place:
    """An affiliate's rank in its brand, or all others together (no ranks).

    `climbed` is how many places by profit it rose since the week before, None if it had none.
    """

    client_id: str
    name: str
    is_internal: bool
    is_low_volume: bool
    is_new: bool
    missing_spend_days: int
    profit_rank: int | None
    cpa_rank: int | None
    climbed: int | None
    share: Decimal | None
    conversions: Movement
    cost: Movement
    cpa: Movement
    profit: Movement

    @property
    def rank_text(self) -> str:
        """Its rank by profit."""
        return "" if self.profit_rank is None else str(self.profit_rank)

    @property
    def climbed_text(self) -> str:
        """How its rank changed."""
        if self.is_new:
            return "new"
        if not self.climbed:
            return "" if self.climbed is None else "="
        return f"{'▲' if self.climbed > 0 else '▼'}{abs(self.climbed)}"

    @property
    def climbed_look(self) -> str:
        """Whether that change is good or bad."""
        return "good" if (self.climbed or 0) > 0 else "bad" if (self.climbed or 0) < 0 else "quiet"

    @property
    def is_free(self) -> bool:
        """Whether it had conversions at no cost: it has no rank by CPA."""
        return bool(self.conversions.now) and self.cost.now == 0

    @property
    def share_text(self) -> str:
        """Its share of the brand's conversions, in percent."""
        if self.share is None:
            return ABSENT
        return f"{rounded(EXACT.multiply(self.share, Decimal(100)), Decimal('0.1'))}%"

    @property
    def marks(self) -> list[str]:
        """Notes on its numbers."""
        found = []
        if self.is_low_volume:
            found.append("low volume")
        if self.missing_spend_days:
            found.append("spend missing")
        return found

    @property
    def signs(self) -> str:
        """The notes as marks: an asterisk for low volume, an exclamation mark for missing spend."""
        return ("*" if self.is_low_volume else "") + ("!" if self.missing_spend_days else "")

    @property
    def moved(self) -> str:
        """Its change in a few words."""
        before, now = self.conversions.before_text, self.conversions.text
        return f"{self.name}: profit {self.profit.change_text}, conversions {before} → {now}"


@dataclass(frozen=True)
class Board:
    """The leaderboard of one brand; its totals are those of all its affiliates."""

    client_id: str
    brand: str
    places: tuple[Place, ...]
    others: Place | None
    conversions: int
    cost: Decimal
    cpa: Decimal | None
    profit: Decimal
    rising: tuple[Place, ...]
    falling: tuple[Place, ...]
    gone: tuple[str, ...]

    @property
    def all_lines(self) -> list[Place]:
        """Those shown by name, then the others."""
        return [*self.places, *([self.others] if self.others else [])]

    @property
    def gone_words(self) -> str:
        """Affiliates with conversions the week before that are not listed now."""
        return listed(list(self.gone), most=3)

    @property
    def best_cpa(self) -> Place | None:
        """The lowest CPA among those with volume; without affiliates that cost nothing."""
        paid = [one for one in self.places if one.cpa_rank and one.cpa.now]
        return min(paid, key=lambda one: one.cpa_rank or 0, default=None)

    @property
    def lines(self) -> Table:
        """The board as a separate table."""
        rows = [_row(place) for place in self.all_lines]
        sums = (count(self.conversions), "", cost_each(self.cpa), money(self.profit))
        return Table(COLUMNS, (*rows, ("", "Total", *sums, "")))


COLUMNS = (
    Column("#", 2),
    Column("Affiliate", 11, is_name=True),
    Column("Conv.", 6),
    Column("Share", 6, shown="table"),
    Column("CPA", 7),
    Column("Profit", 8, is_amount=True),
    Column("Change", 10, shown="table", is_amount=True),
)


def _row(place: Place) -> tuple[str, ...]:
    return (
        place.rank_text,
        f"{place.signs}{place.name}",
        place.conversions.text,
        place.share_text,
        place.cpa.text,
        place.profit.text,
        place.profit.change_text if place.profit_rank is not None else "",
    )


@dataclass(frozen=True)
class Leaderboard:
    """The full content of a leaderboard. `reported` is kept for the next report to compare with."""

    client_id: str
    title: str
    client_name: str
    week: Week
    completeness: Completeness
    boards: tuple[Board, ...]
    is_comparable: bool
    notes: tuple[str, ...]
    changes: tuple[str, ...]
    reported: Mapping[str, Mapping[str, str]]
    sheet: Sheet

    @property
    def figures(self) -> list[Figure]:
        """Every number of the message, for its week."""
        found: list[Figure] = []
        for board in self.boards:
            of = {"week": self.week.first_day, "brand": board.brand}
            for metric, total in (
                ("conversions", board.conversions),
                ("cost", board.cost),
                ("cpa", board.cpa),
                ("profit", board.profit),
            ):
                found += figure(metric, total, **of)
            for place in board.all_lines:
                who = "others" if place.profit_rank is None else "affiliate"
                for metric, moved in (
                    ("conversions", place.conversions),
                    ("cost", place.cost),
                    ("cpa", place.cpa),
                    ("profit", place.profit),
                ):
                    found += figure(metric, moved.now, **of, **{who: place.name})
        return found

    @property
    def caution(self) -> str:
        """Why one of its CPAs cannot be trusted; empty if all can."""
        unpaid = {
            one.name for board in self.boards for one in board.places if one.missing_spend_days
        }
        return f"Spend missing for {counted(len(unpaid), 'affiliate')}" if unpaid else ""

    @property
    def is_absent(self) -> bool:
        """Whether there is nothing to show."""
        return not self.boards

    @property
    def headline(self) -> str:
        """The first of each brand, or that there is none."""
        if not self.boards:
            if self.completeness.state == "absent":
                return f"No data for the week {self.week.short} yet: no source was loaded for it."
            return f"No affiliate had anything in the week {self.week.short}."
        leads = [
            f"{board.brand}: {board.places[0].name}, {board.places[0].profit.text}"
            for board in self.boards[:3]
        ]
        return f"Top by profit: {'; '.join(leads)}"

    @property
    def brief(self) -> str:
        """The affiliate with the most profit, for a subject line; or that there is none."""
        if not self.boards:
            return self.headline
        board = self.boards[0]
        first = board.places[0]
        return f"Top profit {first.profit.text}: {first.name} ({board.brand})"

    @property
    def table(self) -> Table:
        """All brands in one table, because Slack allows only one."""
        rows: list[tuple[str, ...]] = []
        for board in self.boards:
            rows += [("", board.brand, "", "", "", "", "")] if len(self.boards) > 1 else []
            rows += board.lines.rows
        return Table(COLUMNS, tuple(rows), "Affiliates by profit")
