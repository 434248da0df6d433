"""Smoke run: `python -m ingest.sources.everflow`."""

from ingest.pipeline import smoke
from ingest.sources.everflow import SOURCE

smoke(SOURCE)
