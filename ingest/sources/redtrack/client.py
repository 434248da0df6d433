"""RedTrack: the connection, and lists page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingest.http import Connection, RateLimit, VendorClient
from ingest.model import Pull
from ingest.sources.redtrack import settings
from ingest.sources.redtrack.settings import PAGE_CAP, PAGE_ROWS
from signalroom.errors import AnswerError

RATE_LIMIT = RateLimit(*settings.RATE_LIMIT)


class Account(Connection):
    """The client's account."""

    def open(self) -> VendorClient:
        """The API; the key travels in the query, the only place where RedTrack takes it."""
        return VendorClient(
            "redtrack",
            self.pull.client_id,
            self.pull.require("REDTRACK_BASE_URL"),
            params={"api_key": self.pull.require("REDTRACK_API_KEY")},
            limit=RATE_LIMIT,
        )


def entries(
    http: VendorClient, pull: Pull, path: str, asked: Mapping[str, str | int], what: str
) -> Iterator[dict[str, Any]]:
    """Entries page by page until one is short: there is neither a total nor a link to the next.

    `what` names the part in errors. AnswerError for an answer that is no list.
    """
    for page in range(1, PAGE_CAP + 1):
        answer = http.get(path, {**asked, "page": page, "per": PAGE_ROWS})
        found = _list_of(pull, what, answer)
        yield from found
        if len(found) < PAGE_ROWS:
            return
    raise AnswerError(
        f"redtrack for client {pull.client_id}, {what}: more than {PAGE_CAP} full pages; "
        "nothing was loaded."
    )


def _list_of(pull: Pull, what: str, answer: Any) -> list[dict[str, Any]]:
    """The entries of an answer: a bare list, or one inside an envelope."""
    if isinstance(answer, dict):
        names = ("items", "data", "rows")
        answer = next((answer[key] or [] for key in names if key in answer), answer)
    if isinstance(answer, list) and all(isinstance(entry, dict) for entry in answer):
        return answer
    raise AnswerError(
        f"redtrack for client {pull.client_id}, {what}: the answer is no list of rows; "
        "nothing was loaded.",
        answer,
    )
