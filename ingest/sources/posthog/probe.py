"""Checks PostHog, one call per scope of the key: a query, a flag, an experiment."""

from __future__ import annotations

from ingest.model import Pull
from ingest.sources.posthog.client import Project
from ingest.sources.posthog.events import ask_once
from signalroom.errors import AnswerError, ForbiddenError

SCOPES = {"feature_flags": "feature_flag:read", "experiments": "experiment:read"}


def probe(pull: Pull) -> list[str]:
    """The missing scopes, one line each; raises SourceError if queries are refused."""
    project = Project(pull)
    ask_once(project, pull.window)
    found = []
    for table, scope in SCOPES.items():
        try:
            project.http.get(project.path(table), {"limit": 1})
        except ForbiddenError:
            found.append(f"{table} cannot be read: the key lacks the scope {scope}")
        except AnswerError as error:
            found.append(f"{table} cannot be read: {error}")
    return found
