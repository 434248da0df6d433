"""Smoke run: `python -m ingest.sources.mautic`."""

from ingest.pull import smoke
from ingest.sources.mautic import SOURCE

smoke(SOURCE)
