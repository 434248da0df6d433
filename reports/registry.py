"""The reports that exist: each folder of reports/ whose build.py defines a REPORT, and the alert.

A per-brand report exists once for each brand of the active clients in dbt_project.yml: the folder
`daily` serves `daily_ccw`, `daily_exp` and so on. A new brand or client needs no code here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib import import_module

from reports.model import FOLDER, Report, slug
from signalroom import clients
from signalroom.errors import ConfigurationError, ReportError

PERIODS = ("daily", "weekly", "event")  # the order in which reports are listed


@cache
def definitions() -> dict[str, Report]:
    """The reports as their folders define them, by name; `daily` only once."""
    modules = [f"reports.{path.parent.name}.build" for path in FOLDER.glob("*/build.py")]
    found = [import_module(name).REPORT for name in (*modules, "reports.alerts.message")]
    found.sort(key=lambda report: (PERIODS.index(report.period), report.name))
    return {report.name: report for report in found}


def reports() -> dict[str, Report]:
    """Every report by name, per-brand ones once for each brand of an active client."""
    every = [client for client in clients.registry().values() if client.is_active]
    return {one.name: one for report in definitions().values() for one in _of_brands(report, every)}


def of_inactive() -> set[str]:
    """Names of reports for brands of inactive clients: known, but never made."""
    every = clients.registry().values()
    names = {one.name for report in definitions().values() for one in _of_brands(report, every)}
    return names - reports().keys()


def expand(names: Iterable[str]) -> list[str]:
    """Names of reports, with `daily` replaced by those of each brand of the selected clients.

    Those of inactive clients are left out.
    """
    working_for = clients.active_clients()
    found: list[str] = []
    for name in names:
        known = definitions().get(name)
        found += [one.name for one in _of_brands(known, working_for)] if known else [name]
    left_out = of_inactive()
    return [name for name in dict.fromkeys(found) if name not in left_out]


def find(name: str) -> Report:
    """The report of that name; ReportError lists those that exist."""
    known = reports()
    if name not in known:
        raise ReportError(f"There is no report {name!r}; there are: {', '.join(known)}.")
    return known[name]


def _of_brands(report: Report, of_clients: Iterable[clients.Client]) -> list[Report]:
    if not report.per_brand:
        return [report]
    brands: dict[str, str] = {}
    for client in of_clients:
        own: dict[str, str] = {}
        for brand in client.brands:
            name = slug(brand.name)
            if name in own:
                raise ConfigurationError(
                    f"dbt_project.yml: brands {own[name]!r} and {brand.name!r} of client "
                    f"{client.id} would both have the report {report.name}_{name}; rename one."
                )
            own[name] = brand.name
        brands |= {name: brand for name, brand in own.items() if name not in brands}
    return [
        replace(
            report,
            name=f"{report.name}_{name}",
            title=report.title.format(brand=brand),
            brand=brand,
        )
        for name, brand in brands.items()
    ]
