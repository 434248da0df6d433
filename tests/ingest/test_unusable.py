"""Answers that cannot be used are kept so that they can be inspected, but not forever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ingest import dead_letters, registry
from ingest import pull as pipeline
from ingest.http import RateLimit
from ingest.model import Window
from scheduler.steps import ingest as steps
from signalroom.errors import AnswerError
from signalroom.progress import Silent
from tests.support.vendor import Answer, Request, scripted_vendor
from tests.support.warehouse import POSTGRES_FIRST, Warehouse

CARD = "4242424242424242"
GOOD = {"date": "2026-11-18", "source": "A", "source_id": "a", "cost": 12.5}
BAD = {**GOOD, "cost": "a lot", "email": "jane@example.com", "note": f"paid by {CARD}"}
DAY = dead_letters.window_of("2026-11-18")


class Vendor:
    """RedTrack with one day of spend, which a test makes unreadable and readable again."""

    spend: object = GOOD
    campaigns: object = ()

    def answer(self, request: Request) -> Answer:
        if request.path == "/report":
            return Answer([self.spend] if request.query["group"] == "date,source" else [])
        return Answer(self.campaigns if request.path == "/campaigns" else [])


@contextmanager
def redtrack(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0")
    monkeypatch.setenv("SIGNALROOM_HASH_SALT", "salt-of-the-tests")
    monkeypatch.setenv("REDTRACK_API_KEY", "a-very-secret-key")
    monkeypatch.setattr("ingest.sources.redtrack.client.RATE_LIMIT", RateLimit(1_000, 1.0))
    monkeypatch.setattr("ingest.sources.redtrack.client.PATH_LIMITS", {})
    vendor = Vendor()
    with scripted_vendor(vendor.answer) as server:
        monkeypatch.setenv("REDTRACK_BASE_URL", server.url)
        yield vendor


def load(window: Window = DAY) -> pipeline.Loaded:
    source = registry.source("redtrack")
    return pipeline.load(source, pipeline.make_pull(source, "713", window=window))


def test_what_the_vendor_said_is_kept_redacted_and_replayed_exactly_once(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost() -> list[tuple[object, ...]]:
        return warehouse.rows("select source_id, cost from redtrack.daily_spend")

    with redtrack(warehouse, monkeypatch) as vendor:
        vendor.spend = BAD
        for _ in range(2):  # the second failure adds nothing to the first
            assert load().failures
        (letter,) = dead_letters.waiting()
        assert (letter.source, letter.client_id, letter.table_name) == (
            "redtrack",
            "713",
            "daily_spend",
        )
        assert letter.partition_key == "2026-11-18"
        assert "cost" in letter.reason
        said = json.loads(letter.payload)
        assert said["cost"] == "a lot"
        for secret in ("jane@example.com", CARD, "a-very-secret-key"):
            assert secret not in letter.payload

        (failed,) = steps.replay([letter], Silent()).pulls
        assert failed.failures
        assert len(dead_letters.waiting()) == 1

        vendor.spend = GOOD
        (fixed,) = steps.replay(dead_letters.waiting(), Silent()).pulls
        assert fixed.is_loaded
        assert fixed.failures == ()
        assert [(source, float(amount)) for source, amount in cost()] == [("a", 12.5)]
    assert dead_letters.waiting() == []
    assert warehouse.rows("select resolution from ops.dead_letters") == [("loaded",)]


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_a_load_of_other_days_settles_nothing(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redtrack(warehouse, monkeypatch) as vendor:
        vendor.spend = BAD
        assert load().failures
        vendor.spend = {**GOOD, "date": "2026-11-17"}
        load(dead_letters.window_of("2026-11-17"))
        assert [letter.partition_key for letter in dead_letters.waiting()] == ["2026-11-18"]
        load(dead_letters.window_of("2026-11-17..2026-11-19"))
        assert dead_letters.waiting() == []


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_a_list_that_cannot_be_read_is_kept_while_the_others_load(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redtrack(warehouse, monkeypatch) as vendor:
        vendor.campaigns = {"message": "come back later"}
        assert load().failures
        (letter,) = dead_letters.waiting()
        assert letter.table_name == "campaigns"
        assert "come back later" in letter.payload
        vendor.campaigns, vendor.spend = (), {**GOOD, "date": "2026-11-17"}
        load(dead_letters.window_of("2026-11-17"))  # a list does not belong to days
        assert dead_letters.waiting() == []


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_sources_asked_side_by_side_keep_their_answers_too(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redtrack(warehouse, monkeypatch) as vendor:
        vendor.spend = BAD
        source = registry.source("redtrack")
        pull = pipeline.make_pull(source, "713", window=DAY, resources=("daily_spend",))
        (pulled,) = pipeline.load_all([(source, pull)], Silent())
        assert isinstance(pulled.error, AnswerError)
        assert len(dead_letters.waiting()) == 1
