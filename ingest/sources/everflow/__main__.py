"""Smoke run: `python -m ingest.sources.everflow`."""

from ingest.pull import smoke
from ingest.sources.everflow import SOURCE

smoke(SOURCE)
