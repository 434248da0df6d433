"""Smoke run: `python -m ingest.sources.redtrack`."""

from ingest.pull import smoke
from ingest.sources.redtrack import SOURCE

smoke(SOURCE)
