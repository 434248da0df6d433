"""Google Sheets against the simulated agency."""

from __future__ import annotations

import json
import os
from datetime import date, datetime
from pathlib import Path

import pytest

from ingest.model import Window
from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from signalroom import logs
from signalroom.errors import CredentialsError
from tests.ingest.acceptance import Acceptance, Table
from tests.ingest.reading import extract, pull_of


class TestGoogleSheets(Acceptance):
    source = vendor = "google_sheets"
    window = Window(date(2026, 11, 18), date(2026, 11, 18))
    first_table = "targets"
    credential = "GOOGLE_SHEETS_CREDENTIALS_JSON"
    # a past cell is edited, then rows are removed
    moments = (
        datetime(2026, 11, 18, 9, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 19, 9, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 25, 9, 0, tzinfo=BUSINESS_ZONE),
    )
    bad_credential = "filled in by the test"

    def truth(self, agency: Agency, client_id: str) -> dict[str, Table]:
        found = agency.truth(client_id)
        tables: dict[str, Table] = {"targets": found.targets}
        return tables

    def secrets(self) -> list[str]:
        key = json.loads(Path(os.environ["GOOGLE_SHEETS_CREDENTIALS_PATH"]).read_text())
        return [key["private_key"], key["private_key"][100:160], *logs.secret_values(), "ya29."]

    def test_bad_credentials_are_named_and_not_shown(
        self, agency: Agency, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A key from another key pair: Google refuses the signature."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = json.loads(Path(os.environ["GOOGLE_SHEETS_CREDENTIALS_PATH"]).read_text())
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        key["private_key"] = other.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        # the JSON takes precedence over the path, and either one is enough
        monkeypatch.setenv("GOOGLE_SHEETS_CREDENTIALS_JSON", json.dumps(key))
        monkeypatch.delenv("GOOGLE_SHEETS_CREDENTIALS_PATH")
        with pytest.raises(CredentialsError, match=r"for client 713.*Invalid JWT Sig") as caught:
            extract(pull_of("google_sheets"), "google_sheets")
        assert "PRIVATE KEY" not in str(caught.value)
