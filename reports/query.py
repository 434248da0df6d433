"""Queries: the rows of a report from the marts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from reports.registry import Report
from reports.subject import Row, own_rows
from signalroom import warehouse
from signalroom.clients import Client

QUERIES = Path(__file__).parent / "queries"


def rows(report: Report, client: Client, day: date) -> list[Row]:
    """The rows of a report, read as one snapshot; ReportError when one is not the client's own."""
    sql = (QUERIES / f"{report.query}.sql").read_text(encoding="utf-8")
    return own_rows(warehouse.read(sql, report.parameters(client, day)), client.id)
