"""PostHog: the connection, and lists whose pages link to the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from ingest.columns import Entries, by_key
from ingest.http import VendorClient
from ingest.landing import Landing, Pull
from ingest.replacement import landing_whole
from ingest.sources.posthog.settings import LIST_PAGE_ROWS, LISTS, PAGE_CAP, RATE_LIMIT
from signalroom.errors import AnswerError
from signalroom.settings import require


def host(client_id: str) -> str:
    """The address of the instance."""
    return require("POSTHOG_HOST", client_id).rstrip("/")


def project_path(client_id: str, what: str) -> str:
    """The path of something of the client's project; PostHog's own addresses end with a slash."""
    project = quote(require("POSTHOG_PROJECT_ID", client_id), safe="")
    return f"/api/projects/{project}/{what}/"


def connect(client_id: str) -> VendorClient:
    """A client of the private API, with the personal key."""
    return VendorClient(
        "posthog",
        client_id,
        host(client_id),
        headers={"Authorization": f"Bearer {require('POSTHOG_API_KEY', client_id)}"},
        limit=RATE_LIMIT,
    )


def list_landing(http: VendorClient, pull: Pull, table: str) -> Landing:
    """A whole list, as it is now."""
    entries = Entries("posthog", table, pull, LISTS[table])
    rows = [entries.row(entry) for entry in list_entries(http, pull, table)]
    if any(row["id"] is None for row in rows):
        raise entries.error("an entry has no id")
    kept, columns = entries.finish(by_key(rows, "id"))
    pull.say(f"{len(kept):,} {table}")
    return landing_whole(table, pull, kept, columns)


def list_entries(http: VendorClient, pull: Pull, table: str) -> Iterator[dict[str, Any]]:
    """The entries of all pages; AnswerError where the pages do not hold what the count says."""
    who = f"posthog for client {pull.client_id}, {table}"
    path = project_path(pull.client_id, table)
    asked: dict[str, str | int] = {"limit": LIST_PAGE_ROWS}
    seen = [asked]
    found = 0
    for _ in range(PAGE_CAP):
        answer = http.get(path, asked)
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
        asked = follow(pull.client_id, path, link)
        if asked in seen:
            raise AnswerError(f"{who}: the pages go round in a circle; nothing was loaded.")
        seen.append(asked)
    raise AnswerError(f"{who}: more than {PAGE_CAP} pages; nothing was loaded.")


def list_requests(http: VendorClient, pull: Pull, table: str) -> int:
    """How many pages a list takes."""
    answer = http.get(project_path(pull.client_id, table), {"limit": 1})
    total = answer.get("count") if isinstance(answer, dict) else None
    return max(1, -(-total // LIST_PAGE_ROWS)) if isinstance(total, int) else 1


def follow(client_id: str, path: str, link: object) -> dict[str, str | int]:
    """The parameters of the next page; AnswerError for a link to anywhere but the same list.

    The link itself is never called, so that no key leaves for another host.
    """
    here = urlsplit(host(client_id) + path)
    there = urlsplit(urljoin(here.geturl(), str(link)))
    if there.netloc != here.netloc or there.path.rstrip("/") != here.path.rstrip("/"):
        raise AnswerError(
            f"posthog for client {client_id}: the next page of {path} is said to be at "
            f"{there.netloc}{there.path}; nothing was loaded. Check POSTHOG_HOST."
        )
    return dict(parse_qsl(there.query, keep_blank_values=True))
