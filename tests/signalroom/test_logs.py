"""Logs: no secrets, no forged lines, and every line shows what it belongs to."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

import pytest

from tests.support.processes import run, signalroom_cli

SECRET = 'canary"key'  # a quote, which JSON escapes
PROGRAM = """
import logging, sys
from signalroom import logs
logs.configure()
ours, theirs = logging.getLogger("ingest.load"), logging.getLogger("vendors.library")
with logs.about(client="713", source="everflow"):
    extra = {"rows": 3, "address": "https://x/?key=" + sys.argv[1]}
    ours.info("asked %s", sys.argv[1], extra=extra)
ours.info("after")
theirs.info("chatter")
theirs.warning("bad %d", sys.argv[1])
ours.warning("two\\nERROR lines\\x1b[2J")
try:
    raise ValueError(sys.argv[1])
except ValueError:
    ours.exception("broken")
# a library with a handler of its own
own = logging.StreamHandler(sys.stderr)
own.setFormatter(logging.Formatter("OWN %(message)s"))
theirs.addHandler(own)
theirs.propagate = False
theirs.error("GET /?key=%s", sys.argv[1])
"""


def written(log_format: str, **env: str) -> list[str]:
    said = run(
        [sys.executable, "-c", PROGRAM, SECRET],
        {
            "SIGNALROOM_LOG_FORMAT": log_format,
            "SIGNALROOM_RUN_ID": "hourly-20261119T1300Z",
            "SIGNALROOM_STEP": "ingest:everflow",
            "REDTRACK_API_KEY": SECRET,
            **env,
        },
    )
    assert said.returncode == 0, said.stderr
    assert "canary" not in said.stdout + said.stderr
    return said.stderr.splitlines()


def test_json_lines_say_what_they_are_about() -> None:
    lines = written("json")
    records: list[dict[str, Any]] = [json.loads(one) for one in lines if one.startswith("{")]
    first, after, bad, forged, broken = records
    at = datetime.fromisoformat(first.pop("at"))
    assert at.utcoffset() is not None
    assert first == {
        "level": "INFO",
        "logger": "ingest.load",
        "message": "asked ***",
        "rows": 3,
        "address": "https://x/?key=***",
        "run_id": "hourly-20261119T1300Z",
        "step": "ingest:everflow",
        "client": "713",
        "source": "everflow",
    }
    assert set(after) == {"at", "level", "logger", "message", "run_id", "step"}
    assert bad["message"] == "bad %d ('***',)"
    assert forged["message"].startswith("two\nERROR")
    assert broken["error"].splitlines()[-1] == "ValueError: ***"
    assert [one for one in lines if not one.startswith("{")] == ["OWN GET /?key=***"]


def test_text_is_one_line_a_record_in_business_time() -> None:
    lines = written("text", SIGNALROOM_TIMEZONE="Asia/Kolkata")
    about = "run_id=hourly-20261119T1300Z step=ingest:everflow"
    assert lines[0].endswith(
        "+0530 INFO ingest.load: asked *** "
        f"[rows=3 address=https://x/?key=*** {about} client=713 source=everflow]"
    )
    assert lines[3].endswith(f"+0530 WARNING ingest.load: two ERROR lines [2J [{about}]")
    assert "\x1b" not in "".join(lines)
    assert lines[-2:] == ["ValueError: ***", "OWN GET /?key=***"]


def test_a_command_of_a_person_does_not_chatter() -> None:
    lines = written("text", SIGNALROOM_RUN_ID="", SIGNALROOM_STEP="")
    assert [line for line in lines if " INFO " in line or "run_id" in line] == []
    assert any("bad %d" in line for line in lines)


@pytest.mark.parametrize("value", ["xml", "JSON "])
def test_an_unknown_format_is_named(value: str) -> None:
    said = signalroom_cli("doctor", "--reference-only", env={"SIGNALROOM_LOG_FORMAT": value})
    assert said.returncode == 1
    assert said.stderr == (
        f"Error: SIGNALROOM_LOG_FORMAT is {value.strip()!r}: use text or json.\n"
    )
