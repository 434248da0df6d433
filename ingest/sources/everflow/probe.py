"""Checks Everflow, one call per permission: one day of the table, and the first of each list."""

from __future__ import annotations

from ingest.http import Params
from ingest.model import Pull
from ingest.sources.everflow.client import Network
from ingest.sources.everflow.columns import LISTS
from ingest.sources.everflow.daily_stats import ask_table
from ingest.sources.everflow.settings import CURRENCY
from signalroom.errors import AnswerError, ForbiddenError


def probe(pull: Pull) -> list[str]:
    """Warnings, one line each; raises SourceError where the key or the table is refused."""
    network = Network(pull)
    ask_table(network.http, pull, pull.window, network.business_zone_id, ("date",))
    found = []
    day = pull.window.start.isoformat()
    tables: dict[str, Params] = {table: {"page": 1, "page_size": 1} for table in LISTS}
    tables["reportingadjustments"] = {"from": day, "to": day}
    for table, params in tables.items():
        try:
            network.http.get(f"/networks/{table}", params)
        except ForbiddenError:
            found.append(f"the key lacks the permission to read {table}")
            continue
        except AnswerError as error:
            found.append(f"{table} cannot be read: {error}")
            continue
    if (currency := network.other_currency()) is not None:
        found.append(f"the network is kept in {currency}; its amounts come converted to {CURRENCY}")
    return found
