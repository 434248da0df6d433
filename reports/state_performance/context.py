"""The context of the report on states, which its templates render for each channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.charts import Picture
from reports.messages.attachments import Sheet
from reports.messages.table import Column, Table
from reports.model import Figure, figure
from reports.shared.change import Movement
from reports.shared.completeness import Completeness
from reports.shared.figures import ABSENT, count, money, percent
from reports.shared.weeks import Week
from reports.state_performance.map import map_in_letters, map_picture, state_name
from reports.state_performance.orders import Orders, together
from signalroom.plural import counted

MOST = 20


@dataclass(frozen=True)
class States:
    """The full content of a report on states.

    `reported` is kept for the next report to compare with.
    """

    client_id: str
    title: str
    client_name: str
    week: Week
    completeness: Completeness
    total: Orders | None
    before: Orders | None
    brands: tuple[Orders, ...]
    states: tuple[Orders, ...]
    notes: tuple[str, ...]
    changes: tuple[str, ...]
    reported: Mapping[str, Mapping[str, str]]
    sheet: Sheet

    @property
    def caution(self) -> str:
        """Empty: orders have no spend that could be missing."""
        return ""

    @property
    def figures(self) -> list[Figure]:
        """Every number of the message, for its week."""
        found: list[Figure] = []
        parts = [("brand", one) for one in self.brands] + [("state", one) for one in self.states]
        parts += [("", self.total)] if self.total else []
        for kind, one in parts:
            of = {"week": self.week.first_day, **({kind: one.name} if kind else {})}
            for metric in ("attempts", "approved", "declined", "revenue", "refunds", "chargebacks"):
                found += figure(metric, getattr(one, metric), **of)
        return found

    @property
    def is_absent(self) -> bool:
        """Whether there is nothing to show."""
        return self.total is None

    @property
    def headline(self) -> str:
        """How many attempts were declined and approved, and where the decline rate is highest."""
        if self.total is None:
            if self.completeness.state == "absent":
                return f"No data for the week {self.week.short} yet: no file of orders reaches it."
            return f"No orders in the week {self.week.short}."
        words = f"{counted(self.total.attempts, 'attempt')} → {count(self.total.approved)} approved"
        if self.total.decline is not None:
            words = f"{percent(self.total.decline)} declined, {words}"
        worst = self.worst
        if worst is not None:
            words += f", most in {state_name(worst.name)} ({percent(worst.decline)})"
        return words

    @property
    def brief(self) -> str:
        """The decline rate, for a subject line; or that there is none."""
        if self.total is None:
            return self.headline
        words = f"{counted(self.total.attempts, 'attempt')}"
        if self.total.decline is None:
            return words
        return f"{percent(self.total.decline)} declined of {words}"

    def state_name(self, code: str) -> str:
        """A state's display name."""
        return state_name(code)

    @property
    def worst(self) -> Orders | None:
        """The state with the highest decline rate, among those with enough attempts."""
        rated = [state for state in self.states if state.decline]
        return max(rated, key=lambda one: (one.decline or 0, one.attempts), default=None)

    @property
    def attempts(self) -> Movement:
        """Attempts compared with the week before."""
        return Movement(
            self.total.attempts if self.total else None,
            self.before.attempts if self.before else None,
        )

    @property
    def revenue(self) -> Movement:
        """Revenue compared with the week before."""
        return Movement(
            self.total.revenue if self.total else None,
            self.before.revenue if self.before else None,
        )

    @property
    def decline_before(self) -> str:
        """The decline rate of the week before."""
        return percent(self.before.decline) if self.before else ABSENT

    @property
    def top(self) -> tuple[Orders, ...]:
        """The states that are listed."""
        return self.states[:MOST]

    @property
    def rest(self) -> Orders | None:
        """All other states together, so that the parts add up."""
        rest = self.states[MOST:]
        if not rest:
            return None
        return together(self.client_id, rest)

    @property
    def lines(self) -> Table:
        """Brands, then states."""
        rows: list[tuple[str, ...]] = [_row(one.name, one) for one in self.brands]
        rows += [_row("Total", self.total)] if self.total else []
        rows += [("By state",)]
        rows += [_row(state_name(one.name), one) for one in self.top]
        rows += [_row(self.rest.name, self.rest)] if self.rest else []
        return Table(TITLES, tuple(rows), "Orders by brand and state")

    @property
    def picture(self) -> Picture:
        """The map: where orders come from, and where cards decline."""
        return map_picture(self.states, self.week.short)

    @property
    def grid(self) -> str:
        """The map in letters."""
        return map_in_letters(self.states)


TITLES = (
    Column("", 11, is_name=True),
    Column("Attempts", 9),
    Column("Approved", 9, shown="wide"),
    Column("Decl.", 6),
    Column("Revenue", 9, is_amount=True),
    Column("Refunds", 8, shown="table"),
    Column("Chargeb.", 8, shown="table"),
)


def _row(name: str, orders: Orders) -> tuple[str, ...]:
    return (
        name,
        count(orders.attempts),
        percent(orders.approval),
        percent(orders.decline),
        money(orders.cents),
        percent(orders.refund),
        percent(orders.chargeback),
    )
