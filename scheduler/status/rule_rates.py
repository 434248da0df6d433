"""How often each rule for anomalies would have fired: back-tested once a business day, and kept
for the page, which never reads the warehouse.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from reports.alerts.rules.judge import TablesOf, backtest, days_needed
from reports.alerts.rules.rules import RULES
from scheduler.status.schemas import read_tables
from signalroom import clock, run_database
from signalroom.errors import WarehouseError
from signalroom.warehouse import first_line
from signalroom.watch_tables import RULE_RATES

DAYS = 90


@dataclass(frozen=True)
class RuleRate:
    """A rule's back-test: fired so often in so many days, of which so many were complete."""

    rule: str
    day: date
    days: int
    judged: int
    fired: int

    @property
    def per_week(self) -> float:
        """Firings a week, all clients together."""
        return self.fired / self.days * 7


def record_rates(clients: Collection[str]) -> None:
    """Back-test every rule, the first time on a business day; WarehouseError without marts."""
    today = clock.today()
    if any(one.day == today for one in recorded_rates()):
        return
    tables: TablesOf = read_tables(days_needed(DAYS), clients)
    rates = [
        RuleRate(rule, today, DAYS, one.judged, len(one.findings))
        for rule, one in backtest(tuple(RULES), DAYS, clients, tables).items()
    ]
    engine = run_database.prepared_engine()
    try:
        with engine.begin() as connection:
            connection.execute(RULE_RATES.delete())
            connection.execute(RULE_RATES.insert(), [asdict(one) for one in rates])
    except SQLAlchemyError as error:
        raise WarehouseError(f"Rates of rules cannot be kept: {first_line(error)}") from error
    finally:
        engine.dispose()


def recorded_rates() -> list[RuleRate]:
    """The newest back-test of each rule; WarehouseError where the run database is away."""
    engine = run_database.prepared_engine()
    try:
        with engine.connect() as connection:
            rows = connection.execute(sa.select(RULE_RATES)).mappings().all()
    except SQLAlchemyError as error:
        raise WarehouseError(f"Rates of rules cannot be read: {first_line(error)}") from error
    finally:
        engine.dispose()
    found = {row["rule"]: RuleRate(**row) for row in rows}
    return [found[rule] for rule in RULES if rule in found]
