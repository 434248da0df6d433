"""Smoke run: `python -m ingest.sources.google_sheets`."""

from ingest.pull import smoke
from ingest.sources.google_sheets import SOURCE

smoke(SOURCE)
