"""Smoke run: `python -m ingest.sources.posthog`."""

from ingest.pull import smoke
from ingest.sources.posthog import SOURCE

smoke(SOURCE)
