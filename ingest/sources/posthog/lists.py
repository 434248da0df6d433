"""PostHog's lists: current feature flags and experiments."""

from __future__ import annotations

from ingest.columns import Entries, by_key
from ingest.model import Pull, Row
from ingest.resources import whole_list
from ingest.sources.posthog.client import Project, list_entries
from ingest.sources.posthog.columns import EXPERIMENTS, FEATURE_FLAGS, LISTS


@whole_list(columns=FEATURE_FLAGS.columns, documents=tuple(FEATURE_FLAGS.documents))
def feature_flags(pull: Pull, project: Project) -> list[Row]:
    """Every feature flag of the project."""
    return _list(pull, project, "feature_flags")


@whole_list(columns=EXPERIMENTS.columns, documents=tuple(EXPERIMENTS.documents))
def experiments(pull: Pull, project: Project) -> list[Row]:
    """Every experiment of the project."""
    return _list(pull, project, "experiments")


def _list(pull: Pull, project: Project, table: str) -> list[Row]:
    entries = Entries(table, pull, LISTS[table])
    rows = [entries.row(entry) for entry in list_entries(project, table)]
    if any(row["id"] is None for row in rows):
        raise entries.error("an entry has no id")
    pull.say(f"{len(rows):,} {table}")
    return by_key(rows, "id")
