"""Email statistics: every value is text, failures look like success, pages have no order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ingest import pull as pipeline
from ingest import registry
from ingest.model import Window
from sandbox import Agency
from signalroom import clock
from signalroom.errors import AnswerError
from tests.ingest.mautic.conftest import Read
from tests.ingest.reading import extract, pull_of, rows_of
from tests.support.vendor import Answer, Request, in_turn
from tests.support.warehouse import Warehouse

TABLE = "email_stats"
SENT = {
    "id": "901", "email_id": "12", "lead_id": "41", "list_id": None, "ip_id": None,
    "email_address": "a@example.org", "date_sent": "2026-11-19 08:00:05", "is_read": "1",
    "is_failed": "0", "viewed_in_browser": "0", "date_read": "2026-11-19 09:12:44",
    "tracking_hash": "65e1b0c3a1f00123456789", "retry_count": "0", "source": "campaign.event",
    "source_id": "7", "open_count": "2", "last_opened": "2026-11-20 07:00:00",
    "open_details": "a:2:{…}",
}  # fmt: skip


def answered(*stats: dict[str, Any], total: Any = None) -> Callable[[Request], Answer]:
    known = str(len(stats)) if total is None else total
    return in_turn(Answer({"total": known, "stats": list(stats)}), Answer({"stats": []}))


def test_texts_become_numbers_instants_and_truth(read: Read) -> None:
    [row] = read(answered(SENT), TABLE)
    assert row["date"] == date(2026, 11, 19)
    assert row["date_sent"] == datetime(2026, 11, 19, 8, 0, 5, tzinfo=UTC)
    assert row["last_opened"] == datetime(2026, 11, 20, 7, tzinfo=UTC)
    assert (row["id"], row["lead_id"], row["list_id"], row["open_count"]) == (901, 41, None, 2)
    assert (row["is_read"], row["is_failed"]) == (True, False)
    assert len(row["email_address"]) == 64
    assert "open_details" not in row
    assert "ip_id" not in row


def test_the_day_is_the_business_day(read: Read) -> None:
    late = {**SENT, "date_sent": "2026-11-20 03:00:00"}
    assert read(answered(late), TABLE)[0]["date"] == date(2026, 11, 19)


def test_the_order_is_always_asked_for_and_the_days_in_utc(read: Read) -> None:
    seen: list[Request] = []
    read(answered(SENT), TABLE, seen)
    first = next(one for one in seen if one.path.endswith("/email_stats"))
    assert first.query == {
        "order[0][col]": "id",
        "order[0][dir]": "asc",
        "where[0][col]": "date_sent",
        "where[0][expr]": "gte",
        "where[0][val]": "2026-11-19 05:00:00",
        "where[1][col]": "date_sent",
        "where[1][expr]": "lt",
        "where[1][val]": "2026-11-20 05:00:00",
        "start": "0",
        "limit": "500",
    }
    assert first.headers["authorization"] == "Bearer canary-token"


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param({"errors": [{"message": "SQLSTATE 42"}]}, "error 'SQLSTATE 42'", id="error"),
        pytest.param({"availableTables": ["email_stats"]}, "no such list", id="tables"),
        pytest.param({"total": "3", "stats": []}, "reports 3 entries", id="an empty page"),
        pytest.param([SENT], "no such list", id="a bare list"),
        pytest.param({"stats": [{**SENT, "date_sent": None}]}, "no id or no time", id="no time"),
        pytest.param({"stats": [{**SENT, "id": None}]}, "no id or no time", id="no id"),
        pytest.param({"stats": [{**SENT, "open_count": "2.5"}]}, "not a whole number", id="half"),
        pytest.param(
            {"stats": [{**SENT, "date_sent": "2026-11-18 08:00:00"}]},
            "answered for 2026-11-18",
            id="another day",
        ),
    ],
)
def test_a_failure_with_status_200_fails_loudly(read: Read, answer: Any, message: str) -> None:
    with pytest.raises(AnswerError, match=message) as caught:
        read(in_turn(Answer(answer)), TABLE)
    assert str(caught.value).startswith("mautic for client 713, email_stats")


def test_an_error_inside_the_simulated_vendors_200_holds_no_other_table(
    own_agency: Agency,
) -> None:
    own_agency.faults.plan("mautic", "ok_false", match="email_stats", error="table is locked")
    today = Window(clock.today(), clock.today())
    found = extract(pull_of("mautic", window=today), "mautic")
    assert set(found) == {"contacts", "emails", "campaigns"}
    assert "table is locked" in found["contacts"].failures[0]


def test_every_pull_goes_back_far_enough_for_opens(
    own_agency: Agency, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without explicit days: 36 the first time, and at least 30 afterwards."""
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_HASH_SALT", "salt-of-the-tests")
    mautic = registry.source("mautic")
    pulls = []
    for _ in range(2):
        pulls.append(pipeline.make_pull(mautic, "713", resources=(TABLE,)))
        pipeline.load(mautic, pulls[-1])
    lengths = [(pull.window.end - pull.window.start).days for pull in pulls]
    assert lengths == [35, 34]
    [(opens,)] = warehouse.rows("select sum(open_count) from mautic.email_stats")
    truth = own_agency.truth("713", pulls[0].window.start, pulls[0].window.end)
    assert opens == sum(int(str(row["open_count"])) for row in truth.mautic_email_stats)
    totals = warehouse.rows(
        "select sum(total) from ops.control_totals where measure = 'open_count'"
    )
    assert totals == [(opens,)]


def test_an_empty_instance_is_no_fault(
    start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in start_agency(scenario="empty").environment().items():
        monkeypatch.setenv(name, value)
    found = extract(pull_of("mautic"), "mautic")
    assert [rows_of(landing) for landing in found.values()] == [[]] * 4
    # the previous content is cleared
    assert all(dict(row)["_deleted"] for landing in found.values() for row in landing.rows)


@pytest.mark.parametrize("measure", ["is_read", "is_failed", "open_count"])
def test_a_measure_that_is_gone_is_no_zero(read: Read, measure: str) -> None:
    renamed = {f"new_{name}" if name == measure else name: SENT[name] for name in SENT}
    with pytest.raises(AnswerError, match=f"no {measure} in 1 row; the vendor renamed"):
        read(answered(renamed), TABLE)
