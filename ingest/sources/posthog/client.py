"""PostHog: the connection, and lists whose pages link to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from ingest.columns import text
from ingest.http import Connection, RateLimit, VendorClient
from ingest.paging import Entry, Page, whole
from ingest.sources.posthog import settings
from ingest.sources.posthog.settings import LIST_PAGE_ROWS, PAGE_CAP
from signalroom.errors import AnswerError

RATE_LIMIT = RateLimit(*settings.RATE_LIMIT)
# without `archived` archived ones are left out, with it only those are returned
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
        """A path within the project; PostHog's paths end with a slash."""
        project = quote(self.pull.require("POSTHOG_PROJECT_ID"), safe="")
        return f"/api/projects/{project}/{what}/"


def list_entries(project: Project, table: str) -> list[Entry]:
    """The entries of all pages, each once; AnswerError if they do not match the count.

    Archived experiments are in a separate list.
    """
    return [
        entry
        for further in LISTS_OF.get(table, ({},))
        for entry in whole(
            partial(_pages, project, table, further),
            (LIST_PAGE_ROWS, LIST_PAGE_ROWS * 3 // 4, LIST_PAGE_ROWS // 2),
            lambda entry: text(entry.get("id")),
            f"{project.pull}, {table}",
        )
    ]


def _pages(project: Project, table: str, further: Mapping[str, str], size: int) -> Iterator[Page]:
    who = f"{project.pull}, {table}"
    path = project.path(table)
    params: dict[str, str | int] = {**further, "limit": size}
    seen = [params]
    for _ in range(PAGE_CAP):
        answer = project.http.get(path, params)
        if not isinstance(answer, dict) or "results" not in answer:
            raise AnswerError(f"{who}: the answer has no results; nothing was loaded.")
        results = answer["results"] or []
        if not isinstance(results, list):
            raise AnswerError(f"{who}: the answer has no results; nothing was loaded.")
        if not all(isinstance(one, dict) for one in results):
            raise AnswerError(f"{who}: an entry is not an object; nothing was loaded.", results)
        link, count = answer.get("next"), answer.get("count")
        yield results, count if isinstance(count, int) else None
        if not link:
            return
        params = follow(project, path, link)
        if params in seen:
            raise AnswerError(f"{who}: the pages repeat in a loop; nothing was loaded.")
        seen.append(params)
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

    The link itself is never called, so that the key is never sent to another host.
    """
    here = urlsplit(project.host + path)
    there = urlsplit(urljoin(here.geturl(), str(link)))
    if there.netloc != here.netloc or there.path.rstrip("/") != here.path.rstrip("/"):
        raise AnswerError(
            f"{project.pull}: the response links the next page of {path} to "
            f"{there.netloc}{there.path}; nothing was loaded. Check POSTHOG_HOST."
        )
    return dict(parse_qsl(there.query, keep_blank_values=True))
