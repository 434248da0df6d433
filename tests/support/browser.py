"""The browser that looks at what a person sees."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# As root Chromium has no sandbox to enter; the rest keeps it from calling home.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> Path:
    """Chromium of the machine; the test fails, and says what to install, where there is none."""
    for name in NAMES:
        found = shutil.which(name) or shutil.which(name, path="/usr/bin")
        if found:
            return Path(found)
    pytest.fail(
        "This test looks at a page and needs Chromium: sudo apt-get install chromium", pytrace=False
    )
