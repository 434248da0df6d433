"""The agency as a program, and the endpoint for moving its time."""

from __future__ import annotations

import socket
import threading

import pytest

import sandbox
from sandbox import Agency, SandboxError, serve
from tests.sandbox.calls import HTTP

CREDENTIALS = ("EVERFLOW_API_KEY", "REDTRACK_API_KEY", "AWS_ACCESS_KEY_ID", "S3_BUCKET_NAME",
               "SLACK_BOT_TOKEN", "RESEND_API_KEY", "TWILIO_ACCOUNT_SID")  # fmt: skip


def test_a_taken_port_gives_a_traceback_or_half_an_agency() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            Agency(port_base=port).start()
    assert "\n" not in str(caught.value)


def test_a_client_has_no_credentials_of_its_own(agency: Agency) -> None:
    environment = agency.environment()
    for name in CREDENTIALS:
        assert environment[name] != environment[f"{name}__CTI"]
    assert environment["SIGNALROOM_NOW"] == "2026-11-19T09:30:00-05:00"
    assert all("127.0.0.1" in value for name, value in environment.items() if "URL" in name)


def test_an_agency_that_is_not_running_gives_addresses() -> None:
    with pytest.raises(SandboxError, match="not running"):
        Agency().environment()


def test_an_unknown_scenario_is_some_scenario() -> None:
    with pytest.raises(SandboxError, match="no scenario 'busy'"):
        Agency(scenario="busy")


def test_a_closed_agency_still_answers() -> None:
    with Agency() as agency:
        url = agency.control_url
        assert HTTP.get(f"{url}/_sandbox/now").status_code == 200
    with (
        pytest.raises(OSError, match="refused"),
        socket.create_connection((url.split(":")[1].strip("/"), int(url.split(":")[2])), timeout=2),
    ):
        pass


def test_time_cannot_be_moved_from_outside(own_agency: Agency) -> None:
    url = f"{own_agency.control_url}/_sandbox/now"
    moved = HTTP.post(url, params={"to": "2026-11-20T07:05"})
    assert moved.json() == {"now": "2026-11-20T07:05:00-05:00"}
    assert HTTP.get(url).json() == moved.json()
    assert own_agency.environment()["SIGNALROOM_NOW"] == "2026-11-20T07:05:00-05:00"
    wrong = HTTP.post(url, json={"to": "tomorrow"})
    assert wrong.status_code == 400
    assert "ISO" in wrong.json()["error"]


def test_the_truth_cannot_be_seen_from_outside(worked_example: Agency) -> None:
    url = f"{worked_example.control_url}/_sandbox/truth"
    asked = {"start": "2026-11-18", "end": "2026-11-18"}
    found = HTTP.get(f"{url}/713", params=asked).json()
    assert [row["cost"] for row in found["daily_summary"]] == ["1677.25"]
    assert HTTP.get(f"{url}/714").status_code == 404
    assert HTTP.get(f"{url}/713", params={"start": "x"}).status_code == 400


def test_messages_cannot_be_seen_from_outside(own_agency: Agency) -> None:
    environment = own_agency.environment()
    HTTP.post(
        environment["SLACK_BASE_URL"] + "chat.postMessage",
        headers={"Authorization": f"Bearer {environment['SLACK_BOT_TOKEN']}"},
        json={"channel": environment["SLACK_CHANNEL_ID"], "text": "hello"},
    )
    [row] = HTTP.get(f"{own_agency.control_url}/_sandbox/messages").json()
    assert (row["channel"], row["client"], row["text"]) == ("slack", "713", "hello")


def test_the_program_says_nothing_or_never_ends() -> None:
    told: list[str] = []
    stop = threading.Event()

    def announce(text: str) -> None:
        told.append(text)
        stop.set()

    serve(announce, port_base=None, stop=stop)
    variables = dict(
        line.split("=", 1) for line in told[0].splitlines() if not line.startswith("#")
    )
    assert variables["EVERFLOW_API_KEY"].startswith("sandbox-everflow")
    assert "/_sandbox/now" in told[0]


def test_the_agency_borrows_from_what_it_judges() -> None:
    """Its truth would be worthless if it shared code with the pipeline."""
    import ast
    from pathlib import Path

    packages = {"signalroom", "ingest", "transform", "reports", "scheduler", "cli", "duckdb", "dlt"}
    for path in Path(sandbox.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import)
                else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            )  # fmt: skip
            assert not {name.split(".")[0] for name in names} & packages, path


def test_the_inbox_runs_what_a_message_says(own_agency: Agency) -> None:
    """Markup in a message stays text, and an email is shown in a frame that runs nothing."""
    environment = own_agency.environment()
    HTTP.post(
        environment["SLACK_BASE_URL"] + "chat.postMessage",
        headers={"Authorization": f"Bearer {environment['SLACK_BOT_TOKEN']}"},
        json={"channel": environment["SLACK_CHANNEL_ID"], "text": "<script>alert(1)</script>"},
    )
    HTTP.post(
        environment["RESEND_API_URL"] + "/emails",
        headers={"Authorization": f"Bearer {environment['RESEND_API_KEY']}"},
        json={
            "from": environment["RESEND_FROM_EMAIL"], "to": ["owner@example.org"],
            "subject": "CPA <b>26.81</b>", "html": "<p onload='x()'>47</p>",
        },
    )  # fmt: skip
    page = HTTP.get(f"{own_agency.control_url}/_sandbox/inbox").text
    assert "&lt;script&gt;alert(1)" in page
    assert "CPA &lt;b&gt;26.81" in page
    assert "<iframe sandbox " in page
    assert "<p onload" not in page
    assert page.count("<script>") == 1
    assert "2 messages" in page
