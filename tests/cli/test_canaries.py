"""No secret may appear in an output, a log or a file after a command failed."""

from __future__ import annotations

import base64
import html
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cli.main import COMMANDS
from signalroom import secrets, settings
from tests.support.postgres import free_port
from tests.support.processes import ROOT, signalroom_cli

# characters that at least one spelling writes differently
AWKWARD = '-"q"\'s<&>+/=%41'
NAMES = (
    "EVERFLOW_API_KEY", "REDTRACK_API_KEY", "POSTHOG_API_KEY", "MAUTIC_CLIENT_SECRET",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SLACK_BOT_TOKEN", "RESEND_API_KEY",
    "TWILIO_AUTH_TOKEN", "SIGNALROOM_HASH_SALT", "SIGNALROOM_WEB_TOKEN",
    "SIGNALROOM_TRIGGER_TOKEN", "SUPABASE_DB_PASSWORD", "SUPABASE_DB_REPORT_PASSWORD",
    "TEMPORAL_API_KEY", "EVERFLOW_API_KEY__CTI", "REDTRACK_API_KEY__CTI",
)  # fmt: skip
CANARIES = {name: f"canary-{name.lower()}{AWKWARD}" for name in NAMES}
# every command in a form that fails, or that shows an earlier failure
FORMS: dict[str, list[list[str]]] = {
    "ingest": [["all"], ["everflow", "--client", "cti", "--json"], ["s3_exports"]],
    "run": [["--no-sandbox", "--send"]],
    "backfill": [["redtrack", "--start", "2026-11-01", "--end", "2026-11-03"]],
    "build": [[]],
    "report": [["daily_ccw", "--send"]],
    "deliver": [[], ["--json"]],
    "scheduler": [["--host", "256.0.0.1"]],
    "trigger": [["hourly"], ["everflow"]],
    "pause": [["everflow"]],
    "resume": [["everflow"]],
    "status": [[], ["--json"], ["--week"]],
    "runs": [["list"], ["show", "nothing"]],
    "schedule": [[]],
    "explain": [["713", "2026-11-18", "cpa"]],
    "compare": [["--old", "nowhere"]],
    "what-if": [["mapping", "nowhere.csv"]],
    "query": [["select * from nowhere"]],
    "failures": [["--days", "3"]],
    "doctor": [[], ["--json"]],
    "dead-letters": [["list"], ["show", "1"], ["replay", "--all"]],
    "forget": [["--hash", "nobody"]],
    "backup": [["/proc/nowhere.zip"]],
    "restore": [["/dev/null"]],
    "db": [["setup"]],
    "demo": [["--speed", "none"]],
    "new": [["source", "../x"]],
    "preview": [["--no-such"]],
    "pages": [["--out", "/proc/nowhere"]],
    "temporal": [["list"], ["apply"]],
    "alerts": [["backtest", "no_such_rule"]],
    "snooze": [["no-such-alert", "--until", "2026-11-30", "--reason", "planned"]],
    "sandbox": [["--no-such"]],
}


def spellings(secret: str) -> list[bytes]:
    """The spellings of a secret; for base64, the part that every alignment has in common."""
    found = [
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        repr(secret)[1:-1],
        html.escape(secret),
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
    ]
    for before in range(3):
        packed = base64.b64encode(b"x" * before + secret.encode()).decode()
        found.append(packed[4:-4])
    return [one.encode() for one in dict.fromkeys(found)]


@contextmanager
def echo() -> Iterator[str]:
    """A vendor that refuses everything, and repeats the request in all spellings."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
            told = f"{self.path} {dict(self.headers)} {body}"
            packed = base64.b64encode(told.encode()).decode()
            text = json.dumps(
                {"ok": False, "error": told, "message": html.escape(told), "x": packed}
            )
            self.send_response(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


class Searched:
    """Runs commands with every canary set, and searches everything that was written."""

    def __init__(self, url: str, folder: Path, target: str) -> None:
        self.folder = folder
        self._began = time.time()
        self.pem = pem = private_key()
        account = {"type": "service_account", "client_email": "a@b.iam", "private_key": pem}
        account |= {"token_uri": f"{url}/token", "private_key_id": "canary-private-key-id"}
        self._canaries = [*CANARIES.values(), "canary-private-key-id", *pem.splitlines()[1:-1]]
        self._canaries += [f"{url}/canary-heartbeat"]
        (folder / "tmp").mkdir(parents=True)
        self.env = {
            **CANARIES,
            "GOOGLE_SHEETS_CREDENTIALS_JSON": json.dumps(account),
            "GOOGLE_SHEETS_RANGES": "targets=sheet!Tab!A1:Z",
            "HEARTBEAT_URL": f"{url}/canary-heartbeat",
            **{
                f"{name}_BASE_URL": url
                for name in ("EVERFLOW", "REDTRACK", "MAUTIC", "GOOGLE_SHEETS", "SLACK", "TWILIO")
            },
            **dict.fromkeys(("POSTHOG_HOST", "AWS_ENDPOINT_URL", "RESEND_API_URL"), url),
            **{f"{name}_BASE_URL__CTI": url for name in ("EVERFLOW", "REDTRACK")},
            "POSTHOG_PROJECT_ID": "1",
            "MAUTIC_CLIENT_ID": "1",
            "S3_BUCKET_NAME": "bucket",
            "AWS_REGION": "us-east-1",
            "SLACK_CHANNEL_ID": "C1",
            "SLACK_ALERT_CHANNEL_ID": "C2",
            "RESEND_FROM_EMAIL": "a@example.org",
            "RESEND_TO_EMAILS": "b@example.org",
            "TWILIO_ACCOUNT_SID": "AC1",
            "TWILIO_FROM_NUMBER": "+12025550100",
            "TWILIO_TO_NUMBERS": "+12025550101",
            "SIGNALROOM_HOME": str(folder / "home"),
            "SIGNALROOM_TARGET": target,
            "SIGNALROOM_NOW": "2026-11-19T09:30:00",
            "SIGNALROOM_HTTP_MAX_WAIT_S": "1",
            "SIGNALROOM_LOCK_WAIT_S": "1",
            "SUPABASE_DB_HOST": "127.0.0.1",
            "SUPABASE_DB_PORT": str(free_port()),
            "SUPABASE_DB_NAME": "nowhere",
            "SUPABASE_DB_USER": "somebody",
            "SUPABASE_DB_REPORT_USER": "reader",
            "TMPDIR": str(folder / "tmp"),
            "DLT_DATA_DIR": str(folder / "dlt"),
            "PORT": str(free_port()),
        }

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command and search its output."""
        done = signalroom_cli(*command, env=self.env | env)
        said = done.stdout + done.stderr
        assert self._found(said.encode()) == [], f"{' '.join(command)} shows it: {said[-2000:]}"
        assert "Traceback" not in said, command
        return done

    def written(self) -> dict[str, list[str]]:
        """The files that contain a secret: in its own folder, and dbt's files in the repository."""
        own = [path for path in self.folder.rglob("*") if path.is_file()]
        dbt = [
            path
            for name in ("target", "logs")
            for path in (ROOT / name).rglob("*")
            if path.is_file() and path.stat().st_mtime >= self._began
        ]
        found = {str(path): self._found(path.read_bytes()) for path in (*own, *dbt)}
        return {name: shown for name, shown in found.items() if shown}

    def _found(self, text: bytes) -> list[str]:
        return [
            secret for secret in self._canaries if any(one in text for one in spellings(secret))
        ]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with echo() as address:
        yield address


def test_the_canaries_would_be_found(tmp_path: Path, url: str) -> None:
    """Otherwise the tests below would prove too little."""
    searched = Searched(url, tmp_path, "duckdb")
    secret = CANARIES["EVERFLOW_API_KEY"]
    packed = base64.b64encode(f"AC1:{secret}".encode())
    for text in (
        secret.encode(),
        json.dumps({"a": secret}).encode(),
        packed,
        quote(secret).encode(),
    ):
        (tmp_path / "found").write_bytes(b"x" + text + b"y")
        assert list(searched.written()) == [str(tmp_path / "found")]


def test_every_command_has_a_failing_form_and_every_secret_a_canary(
    tmp_path: Path, url: str
) -> None:
    assert set(FORMS) == set(COMMANDS)
    declared = {name for name in settings.declared() if secrets.is_secret(name)}
    given = Searched(url, tmp_path, "duckdb").env
    assert {*settings.SECRETS, *declared} - given.keys() == set()


def test_temporal_that_cannot_be_reached_shows_neither_key_nor_certificate(
    tmp_path: Path, url: str
) -> None:
    """Its library's own errors quote values that it could not use."""
    searched = Searched(url, tmp_path, "duckdb")
    at = {"TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}"}
    own = {"TEMPORAL_TLS_CERT": searched.pem, "TEMPORAL_TLS_KEY": searched.pem}
    for env in (at, at | own):
        assert searched.run("temporal", "list", **env).returncode == 1
        assert searched.run("trigger", "hourly", **env).returncode == 1
    assert searched.written() == {}


@pytest.mark.slow
@pytest.mark.fault(58)
def test_a_vendor_that_repeats_every_secret_makes_none_be_shown_or_kept(
    tmp_path: Path, url: str
) -> None:
    searched = Searched(url, tmp_path, "duckdb")
    assert searched.run("ingest", "all").returncode == 1
    assert searched.run("doctor").returncode == 1
    assert searched.written() == {}


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.fault(58)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", ["duckdb", "postgres"])
def test_no_failing_command_shows_or_keeps_a_secret(tmp_path: Path, url: str, target: str) -> None:
    """On PostgreSQL the server is down, so that errors could contain its password."""
    searched = Searched(url, tmp_path, target)
    for command, forms in FORMS.items():
        for arguments in forms:
            searched.run(command, *arguments)
    assert searched.written() == {}
