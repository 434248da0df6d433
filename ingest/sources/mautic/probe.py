"""Mautic, asked for a token, one contact and one row of the statistics."""

from __future__ import annotations

from ingest.model import Pull
from ingest.sources.mautic.client import Instance, entries_of
from ingest.sources.mautic.tables import PATH, question
from signalroom.errors import ForbiddenError


def probe(pull: Pull) -> list[str]:
    """What the role may not read, in a line each; raises SourceError where all is refused."""
    instance = Instance(pull)
    refusals: list[ForbiddenError] = []
    asked = {"contacts": ("/api/contacts", {}), "stats": (PATH, question(pull.window))}
    for container, (path, params) in asked.items():
        try:
            answer = instance.http.get(path, {**params, "start": 0, "limit": 1})
        except ForbiddenError as error:
            refusals.append(error)
            continue
        entries_of(answer, container, f"{pull}, {container}")
    if len(refusals) == len(asked):
        raise refusals[0]
    return [f"the role of the API's user may not read all: {error}" for error in refusals]
