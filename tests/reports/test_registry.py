"""Every brand must have its daily report: no one would notice a missing one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports import registry
from scheduler.schedule import read_schedule
from signalroom import clients
from signalroom.clients import Brand, Client
from signalroom.errors import ConfigurationError


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Client]:
    """The registry of clients, which a test can change."""
    copy = dict(clients.registry())
    monkeypatch.setattr(clients, "registry", lambda: copy)
    return copy


def daily() -> list[str]:
    return [name for name in registry.reports() if name.startswith("daily_")]


def test_every_brand_of_every_active_client_has_its_daily_report() -> None:
    brands = {
        f"daily_{brand.name.lower()}": (client.id, brand.advertiser_id)
        for client in clients.registry().values()
        for brand in client.brands
    }
    assert brands == {"daily_ccw": ("713", 1), "daily_exp": ("713", 2), "daily_cti": ("cti", 7)}
    for name, (client_id, advertiser_id) in brands.items():
        one = registry.find(name)
        assert [client.id for client in one.clients()] == [client_id]
        brand = one.brand_of(clients.client(client_id))
        assert brand is not None
        assert brand.advertiser_id == advertiser_id


def test_new_brand_and_new_client_have_their_report_and_their_place_in_the_schedule(
    known: dict[str, Client],
) -> None:
    known["713"] = replace(known["713"], brands=(*known["713"].brands, Brand("New Brand", 3)))
    known["acme"] = Client("acme", "Acme", (Brand("ACME", 9),), is_active=True, is_default=False)
    known["cti"] = replace(known["cti"], is_active=False)
    assert daily() == ["daily_ccw", "daily_exp", "daily_new_brand", "daily_acme"]
    assert registry.find("daily_new_brand").title == "New Brand daily"
    scheduled = {name for job in read_schedule() for name in job.reports}
    assert {name for name in scheduled if name.startswith("daily")} == set(daily())


def test_schedule_sends_only_the_reports_of_the_clients_worked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIGNALROOM_CLIENTS", "cti")
    assert registry.expand(["daily", "weekly_rollup"]) == ["daily_cti", "weekly_rollup"]


def test_schedule_that_names_a_brand_of_an_inactive_client_stops_no_other(
    known: dict[str, Client], tmp_path: Path
) -> None:
    """An older schedule.yml named each brand."""
    known["713"] = replace(known["713"], is_active=False)
    path = tmp_path / "schedule.yml"
    path.write_text("jobs: {d: {cron: 0 7 * * *, reports: [daily_ccw, daily_cti], limit: 5}}")
    assert [job.reports for job in read_schedule(path)] == [("daily_cti",)]
    del known["713"]
    with pytest.raises(ConfigurationError, match="'daily_ccw' is unknown"):
        read_schedule(path)


def test_brand_of_two_clients_is_one_report_made_for_both(known: dict[str, Client]) -> None:
    known["cti"] = replace(known["cti"], brands=(Brand("Ccw", 7),))
    assert daily() == ["daily_ccw", "daily_exp"]
    one = registry.find("daily_ccw")
    assert [client.id for client in one.clients()] == ["713", "cti"]
    assert one.brand_of(known["cti"]) == Brand("Ccw", 7)


def test_two_brands_that_would_share_one_report_are_refused(known: dict[str, Client]) -> None:
    known["cti"] = replace(known["cti"], brands=(Brand("A-B", 7), Brand("A B", 8)))
    with pytest.raises(ConfigurationError, match="daily_a_b; rename one"):
        registry.reports()
