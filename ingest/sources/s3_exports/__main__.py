"""Smoke run: `python -m ingest.sources.s3_exports`."""

from ingest.pull import smoke
from ingest.sources.s3_exports import SOURCE

if __name__ == "__main__":
    smoke(SOURCE)
