"""Smoke run: `python -m ingest.sources.google_sheets`."""

from ingest.pipeline import smoke
from ingest.sources.google_sheets import SOURCE

smoke(SOURCE)
