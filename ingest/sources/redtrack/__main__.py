"""Smoke run: `python -m ingest.sources.redtrack`."""

from ingest.pipeline import smoke
from ingest.sources.redtrack import SOURCE

smoke(SOURCE)
