"""PostHog: the connection, and lists whose pages link to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from ingest.http import Connection, RateLimit, VendorClient
from ingest.sources.posthog import settings
from ingest.sources.posthog.settings import LIST_PAGE_ROWS, PAGE_CAP
from signalroom.errors import AnswerError

RATE_LIMIT = RateLimit(*settings.RATE_LIMIT)
# without `archived` the archived ones are left out, with it they alone are given
LISTS_OF: Mapping[str, tuple[dict[str, str], ...]] = {"experiments": ({}, {"archived": "true"})}


class Project(Connection):
    """The client's project."""

    @property
    def host(self) -> str:
        """The address of the instance."""
        return self.pull.require("POSTHOG_HOST").rstrip("/")

    def open(self) -> VendorClient:
        """The private API, with the personal key."""
        return VendorClient(
            "posthog",
            self.pull.client_id,
            self.host,
            headers={"Authorization": f"Bearer {self.pull.require('POSTHOG_API_KEY')}"},
            limit=RATE_LIMIT,
            address="POSTHOG_HOST",
        )

    def path(self, what: str) -> str:
        """The path of something of the project; PostHog's own addresses end with a slash."""
        project = quote(self.pull.require("POSTHOG_PROJECT_ID"), safe="")
        return f"/api/projects/{project}/{what}/"


def list_entries(project: Project, table: str) -> Iterator[dict[str, Any]]:
    """The entries of all pages; AnswerError where the pages do not hold what the count says.

    Archived experiments stand in a list of their own.
    """
    for further in LISTS_OF.get(table, ({},)):
        yield from _one_list(project, table, further)


def _one_list(project: Project, table: str, further: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    who = f"{project.pull}, {table}"
    path = project.path(table)
    asked: dict[str, str | int] = {**further, "limit": LIST_PAGE_ROWS}
    seen = [asked]
    found = 0
    for _ in range(PAGE_CAP):
        answer = project.http.get(path, asked)
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list):
            raise AnswerError(f"{who}: the answer has no results; nothing was loaded.")
        yield from results
        found += len(results)
        link, count = answer.get("next"), answer.get("count")
        if not link:
            if isinstance(count, int) and found < count:
                raise AnswerError(f"{who}: {found} of {count} came; nothing was loaded.")
            return
        asked = follow(project, path, link)
        if asked in seen:
            raise AnswerError(f"{who}: the pages go round in a circle; nothing was loaded.")
        seen.append(asked)
    raise AnswerError(f"{who}: more than {PAGE_CAP} pages; nothing was loaded.")


def list_requests(project: Project, table: str) -> int:
    """How many pages a list takes."""
    pages = 0
    for further in LISTS_OF.get(table, ({},)):
        answer = project.http.get(project.path(table), {**further, "limit": 1})
        total = answer.get("count") if isinstance(answer, dict) else None
        pages += max(1, -(-total // LIST_PAGE_ROWS)) if isinstance(total, int) else 1
    return pages


def follow(project: Project, path: str, link: object) -> dict[str, str | int]:
    """The parameters of the next page; AnswerError for a link to anywhere but the same list.

    The link itself is never called, so that no key leaves for another host.
    """
    here = urlsplit(project.host + path)
    there = urlsplit(urljoin(here.geturl(), str(link)))
    if there.netloc != here.netloc or there.path.rstrip("/") != here.path.rstrip("/"):
        raise AnswerError(
            f"{project.pull}: the next page of {path} is said to be at "
            f"{there.netloc}{there.path}; nothing was loaded. Check POSTHOG_HOST."
        )
    return dict(parse_qsl(there.query, keep_blank_values=True))
