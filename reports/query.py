"""Queries: the rows of a report, from the marts or from where its definition says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from reports.model import Report
from reports.subject import Row, own_rows
from signalroom import warehouse
from signalroom.clients import Client

QUERIES = Path(__file__).parent / "queries"


def rows(report: Report, client: Client, day: date) -> list[Row]:
    """The rows of a report, read as one snapshot; ReportError when one is not the client's own."""
    parameters = report.parameters(client, day)
    found: list[Row] = []
    if report.read is not None:
        found += report.read(client, day)
    if report.query is not None:
        sql = (QUERIES / f"{report.query}.sql").read_text(encoding="utf-8")
        found += warehouse.read(sql, parameters, client_id=client.id)
    return own_rows(found, client.id)
