"""The server: correct health answers, and no access for strangers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reports.pages import files
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import read_schedule
from scheduler.status import health
from scheduler.web import access
from scheduler.web.access import Pace
from signalroom import clock
from tests.scheduler import story
from tests.scheduler.conftest import Serve

EVERYWHERE = "0.0.0.0"  # noqa: S104 - as in the container
TOKEN = "a-long-token-of-the-page"
TRIGGER = "a-long-token-of-the-webhook"
MAIL_PATH = "/reports/daily_ccw:713:2026-11-18:email:abc%2F1"


@pytest.fixture
def ticking() -> Iterator[None]:
    """A thread with the name of APScheduler's."""
    over = threading.Event()
    threading.Thread(target=over.wait, name=health.THREAD).start()
    yield
    over.set()


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkLedger]:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "home"))
    with WorkLedger() as found:
        yield found


def word(**pulse: object) -> str | None:
    return health.complaint(replace(story.living_pulse(), **pulse), read_schedule())  # type: ignore[arg-type]


@pytest.mark.fault(45)
@pytest.mark.usefixtures("ticking", "ledger")
def test_health_tells_a_stale_tick_or_turn() -> None:
    now = clock.instant()
    old, young = now - timedelta(minutes=3, seconds=5), now - timedelta(minutes=2, seconds=50)
    assert word(last_tick=old) == word(last_turn=old) == "tick"
    assert word(last_tick=young, last_turn=young) is None
    assert word(last_turn=None, began=young) is None
    assert word(last_turn=None, began=old) == "tick"


@pytest.mark.fault(45)
@pytest.mark.usefixtures("ledger")
def test_health_tells_a_dead_clock_thread() -> None:
    assert word() == "thread"


@pytest.mark.usefixtures("ticking")
@pytest.mark.parametrize(
    ("minutes", "leased", "verdict"),
    [
        pytest.param(34, 1, None, id="within its limit"),
        pytest.param(36, 1, "overdue", id="past its limit"),
        pytest.param(1, -6, "overdue", id="nobody works on it"),
        pytest.param(1, -4, None, id="just given up"),
    ],
)
def test_health_tells_an_overdue_run(
    ledger: WorkLedger, minutes: int, leased: int, verdict: str | None
) -> None:
    now = clock.instant()
    run = next(one for one in story.runs(now) if one.run_id == story.RUNNING)
    began = now - timedelta(minutes=minutes)
    steps = tuple(
        replace(step, started_at=began if step.status == "running" else now - timedelta(days=1))
        for step in run.steps
    )
    ledger.record(replace(run, steps=steps, leased_until=now + timedelta(minutes=leased)))
    assert word() == verdict


@pytest.mark.fault(16)
@pytest.mark.usefixtures("ticking")
def test_health_tells_that_the_ledger_or_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    (tmp_path / "state.sqlite").write_bytes(b"no database at all" * 100)
    assert word() == "ledger"
    (tmp_path / "state.sqlite").unlink()
    assert word() is None
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "state.sqlite"))
    assert word() == "warehouse"
    for name, value in {"TARGET": "postgres", "HASH_SALT": "x"}.items():
        monkeypatch.setenv(f"SIGNALROOM_{name}", value)
    for name, value in {"HOST": "127.0.0.1", "PORT": "1", "USER": "u", "PASSWORD": "p"}.items():
        monkeypatch.setenv(f"SUPABASE_DB_{name}", value)
    assert word() == "warehouse"


@pytest.mark.fault(62)
@pytest.mark.usefixtures("ticking")
def test_probes_are_open_and_tell_nothing_more(serve: Serve) -> None:
    client = serve(EVERYWHERE)
    healthy = client.get("/health")
    assert (healthy.status_code, healthy.json()) == (200, {"ok": True})
    assert client.get("/ready").json() == {"ok": True}
    for path in ("/", "/metrics", MAIL_PATH):
        refused = client.get(path)
        assert refused.status_code == 403
        assert "SIGNALROOM_WEB_TOKEN" in refused.text
        assert "redtrack" not in refused.text
    for answer in (healthy, client.get("/nothing"), client.request("DELETE", "/")):
        assert answer.headers["Server"] == "SignalRoom"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.head("/health").status_code == 200


def test_an_ill_process_is_not_ready_and_says_one_word(serve: Serve) -> None:
    answer = serve().get("/health")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "reason": "thread"})


def test_the_page_needs_its_token_once_one_is_set(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    for host in ("127.0.0.1", EVERYWHERE):
        client = serve(host)
        for path in ("/", "/metrics", MAIL_PATH):
            for header in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"):
                refused = client.get(path, headers={"Authorization": header})
                assert refused.status_code == 401
                assert refused.headers["WWW-Authenticate"] == "Bearer"
                assert "redtrack" not in refused.text
            allowed = client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})
            assert allowed.status_code == 200
        forged = client.get("/", headers={"Cookie": f"signalroom={TOKEN}"})
        assert forged.status_code == 401


def test_a_clients_page_is_shown_to_those_who_may_look_and_can_do_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    monkeypatch.setattr(files, "folder", lambda: tmp_path)
    (tmp_path / "713" / "days").mkdir(parents=True)
    (tmp_path / "713" / "index.html").write_text("the page of 713")
    (tmp_path / "713" / "days" / "2026-11-18.html").write_text("the rows of a day")
    (tmp_path / "secret.html").write_text("not a page")
    client = serve()
    asked = client.get("/clients/713/")
    assert (asked.status_code, "Sign in" in asked.text) == (401, True)
    client.headers["Authorization"] = f"Bearer {TOKEN}"
    shown = client.get("/clients/713/")
    assert shown.text == "the page of 713"
    assert "script-src" not in shown.headers["content-security-policy"]
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    assert client.get("/clients/713/days/2026-11-18.html").text == "the rows of a day"
    for path in ("cti/", "nobody/", "713/days/2026-11-19.html", "713/days/..%2findex.html",
                 "%2e%2e/", "..%2fsecret.html"):  # fmt: skip
        assert client.get(f"/clients/{path}").status_code == 404


def test_the_token_is_sent_in_a_form_and_becomes_a_cookie(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    client = serve(EVERYWHERE)
    in_address = client.get("/", params={"token": TOKEN})
    assert (in_address.status_code, in_address.headers.get("Set-Cookie")) == (401, None)
    assert 'action="/login" method="post"' in in_address.text
    wrong = client.post("/login", data={"token": "wrong"})
    assert (wrong.status_code, wrong.headers.get("Set-Cookie")) == (401, None)
    entered = client.post("/login", data={"token": TOKEN})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/")
    cookie = entered.headers["Set-Cookie"]
    assert "; HttpOnly; SameSite=Lax; Path=/;" in cookie
    assert TOKEN not in cookie
    assert "Secure" not in cookie
    assert client.get("/").status_code == 200  # the client keeps the cookie
    behind_tls = client.post(
        "/login", data={"token": TOKEN}, headers={"X-Forwarded-Proto": "https"}
    )
    assert behind_tls.headers["Set-Cookie"].endswith("; Secure")
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", "another-token")
    assert client.get("/").status_code == 401


def test_a_session_ends_and_cannot_be_prolonged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    cookie = access.session_cookie()
    assert access.is_signed_in(f"signalroom={cookie}")
    expires, _, signature = cookie.partition(".")
    later = f"{int(expires) + 86400}.{signature}"
    assert not access.is_signed_in(f"signalroom={later}")
    over = str(int(time.time()) - 1)
    assert not access.is_signed_in(f"signalroom={over}.{access._signature(over)}")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_form_of_another_site_is_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    client = serve(EVERYWHERE)
    refused = client.post("/login", data={"token": TOKEN}, headers=headers)
    assert (refused.status_code, refused.headers.get("Set-Cookie")) == (403, None)
    own = str(client.base_url).rstrip("/")
    assert client.post("/login", data={"token": TOKEN}, headers={"Origin": own}).status_code == 303


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("/clients/713/?period=30", "/clients/713/?period=30"),
        ("/runs/hourly-1", "/runs/hourly-1"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_to_the_page_that_was_asked_for_and_nowhere_else(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, asked: str, leads_to: str
) -> None:
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    client = serve()
    if leads_to == asked:
        assert f'name="next" value="{asked}"' in client.get(asked).text
    entered = client.post("/login", data={"token": TOKEN, "next": asked})
    assert (entered.status_code, entered.headers["Location"]) == (303, leads_to)


@pytest.mark.parametrize("path", ["/login", "/trigger/hourly", "/metrics"])
def test_guessing_a_token_is_slow_and_seen(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """After ten wrong tokens in a minute even the right one is refused; a session stays valid."""
    for name in ("WEB", "TRIGGER"):
        monkeypatch.setenv(f"SIGNALROOM_{name}_TOKEN", TOKEN)
    client = serve()
    session = {"Cookie": f"signalroom={access.session_cookie()}"}

    def guess(token: str) -> int:
        if path == "/login":
            return client.post(path, data={"token": token}).status_code
        method = "GET" if path == "/metrics" else "POST"
        given = {"Authorization": f"Bearer {token}"}
        return client.request(method, path, headers=given).status_code

    assert {guess(f"guess-{number}") for number in range(access.WRONG_TOKENS)} == {401}
    assert guess("guess") == guess(TOKEN) == 429
    assert f"wrong token for {path} from 127.0.0.1, 10 in the last minute" in caplog.text
    assert "guess-" not in caplog.text
    assert client.get("/", headers=session).status_code == 200


def test_a_foreign_name_for_this_machine_sees_nothing(serve: Serve) -> None:
    client = serve()
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example", ""):
        refused = client.get("/", headers={"Host": host})
        assert refused.status_code == 421
    for host in ("localhost:8080", "127.0.0.1", "[::1]:8080", "[::1]"):
        assert client.get("/", headers={"Host": host}).status_code == 200


def test_the_webhook_starts_a_job_once_a_minute(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def trigger(job: str) -> str:
        asked.append(job)
        return f"{job}-webhook-1"

    client = serve(trigger=trigger)
    unset = client.post("/trigger/hourly", headers={"Authorization": "Bearer None"})
    assert unset.status_code == 401
    assert "SIGNALROOM_TRIGGER_TOKEN is not set" in unset.json()["error"]
    monkeypatch.setenv("SIGNALROOM_TRIGGER_TOKEN", TRIGGER)
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    for given in ("", f"Bearer {TOKEN}", f"Bearer {TRIGGER[:-1]}"):
        refused = client.post("/trigger/hourly", headers={"Authorization": given})
        assert refused.status_code == 401
    client.headers["Authorization"] = f"Bearer {TRIGGER}"
    unknown = client.post("/trigger/hurly")
    assert unknown.status_code == 404
    assert "there are: restatement" in unknown.json()["error"]
    assert client.post("/elsewhere").status_code == 404
    assert asked == []
    begun = client.post("/trigger/hourly", content=b"{}" * 100)
    assert begun.status_code == 202
    assert begun.json() == {"ok": True, "job": "hourly", "run_id": "hourly-webhook-1"}
    again = client.post("/trigger/hourly")
    assert again.status_code == 429
    assert 50 <= int(again.headers["Retry-After"]) <= 60
    assert client.post("/trigger/s3_files").status_code == 202
    assert asked == ["hourly", "s3_files"]
    assert client.get("/trigger/hourly").status_code == 404


def test_who_asks_too_early_does_not_wait_longer_for_it() -> None:
    pace = Pace(60.0)
    assert pace.wait_s("hourly") == 0
    first = pace.wait_s("hourly")
    time.sleep(0.05)
    assert 0 < pace.wait_s("hourly") <= first - 0.04
    time.sleep(0.05)
    assert 0 < pace.wait_s("hourly") <= first - 0.09
    assert pace.wait_s("s3_files") == 0


def test_a_ledger_that_goes_away_is_a_readable_answer(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "broken"
    home.mkdir()
    (home / "state.sqlite").write_bytes(b"no database at all" * 100)
    monkeypatch.setenv("SIGNALROOM_HOME", str(home))
    client = serve()
    monkeypatch.setenv("SIGNALROOM_HOME", str(home))
    page = client.get("/")
    assert page.status_code == 200
    assert "The run database cannot be opened" in page.text
    assert "Scheduler state unknown" in page.text
    assert "never started" not in page.text
    metrics = client.get("/metrics")
    assert "signalroom_readable 0.0" in metrics.text
    for unknown in ("scheduler_alive", "runs_overdue", "incidents_open"):
        assert f"signalroom_{unknown}" not in metrics.text
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "file"))
    said = client.get(MAIL_PATH)
    assert said.status_code == 503
    error = json.loads(said.text)["error"]
    assert error.startswith("This cannot be shown now: ")
    assert "SIGNALROOM_HOME is " in error
