"""How often each anomaly rule would have fired, by a daily backtest for the page."""

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
from signalroom.tables import without_client
from signalroom.warehouse import first_line
from signalroom.watch_tables import RULE_RATES

DAYS = 90


@dataclass(frozen=True)
class RuleRate:
    """A rule's backtest: how often it fired, in how many days, how many of them complete."""

    rule: str
    day: date
    days: int
    judged: int
    fired: int

    @property
    def per_week(self) -> float:
        """Firings per week, over all clients."""
        return self.fired / self.days * 7


def record_rates(clients: Collection[str]) -> None:
    """Backtest every rule, once per business day; WarehouseError without marts."""
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
    """The newest backtest of each rule; WarehouseError without the run database."""
    engine = run_database.prepared_engine()
    try:
        with engine.connect() as connection:
            rows = connection.execute(sa.select(*without_client(RULE_RATES))).mappings().all()
    except SQLAlchemyError as error:
        raise WarehouseError(f"Rates of rules cannot be read: {first_line(error)}") from error
    finally:
        engine.dispose()
    found = {row["rule"]: RuleRate(**row) for row in rows}
    return [found[rule] for rule in RULES if rule in found]
