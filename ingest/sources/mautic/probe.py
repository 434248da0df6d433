"""Checks Mautic by requesting a token, one contact and one row of the statistics."""

from __future__ import annotations

from ingest import loads
from ingest.model import Pull
from ingest.sources.mautic.client import Instance, entries_of, total_of
from ingest.sources.mautic.tables import PATH, question
from signalroom.errors import ForbiddenError


def probe(pull: Pull) -> list[str]:
    """What the role may not read, one line each; raises SourceError where everything is refused.

    Only the number of contacts reveals a role without "view others".
    """
    instance = Instance(pull)
    refusals: list[ForbiddenError] = []
    limits: list[str] = []
    lists = {"contacts": ("/api/contacts", {}), "stats": (PATH, question(pull.window))}
    for container, (path, params) in lists.items():
        try:
            answer = instance.http.get(path, {**params, "start": 0, "limit": 1})
        except ForbiddenError as error:
            refusals.append(error)
            continue
        entries_of(answer, container, f"{pull}, {container}")
        known = loads.rows_of_list(pull.client_id, pull.source, container)
        if loads.is_shrunk(total_of(answer) or 0, known):
            limits.append(
                f"{total_of(answer) or 0:,} {container} are to be seen, {known:,} were loaded: the "
                "role of the API's user may lack 'view others'"
            )
    if len(refusals) == len(lists):
        raise refusals[0]
    limits += [f"the role of the API's user may not read all: {error}" for error in refusals]
    return limits
