"""PostHog, asked once for each scope of the key: a query, a flag, an experiment."""

from __future__ import annotations

from ingest.model import Pull
from ingest.sources.posthog.client import Project
from signalroom.errors import AnswerError, ForbiddenError

SCOPES = {"feature_flags": "feature_flag:read", "experiments": "experiment:read"}


def probe(pull: Pull) -> list[str]:
    """The missing scopes, in a line each; raises SourceError where no query is answered."""
    project = Project(pull)
    question = {"kind": "HogQLQuery", "query": "select uuid from events limit 1"}
    answer = project.http.post(project.path("query"), {"query": question, "name": "signalroom"})
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise AnswerError(f"{pull}: the answer to a query has no results; check POSTHOG_HOST.")
    found = []
    for table, scope in SCOPES.items():
        try:
            project.http.get(project.path(table), {"limit": 1})
        except ForbiddenError:
            found.append(f"{table} cannot be read: the key lacks the scope {scope}")
        except AnswerError as error:
            found.append(f"{table} cannot be read: {error}")
    return found
