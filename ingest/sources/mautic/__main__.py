"""Smoke run: `python -m ingest.sources.mautic`."""

from ingest.pipeline import smoke
from ingest.sources.mautic import SOURCE

smoke(SOURCE)
