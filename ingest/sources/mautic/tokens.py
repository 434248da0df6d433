"""Mautic's access tokens: asked for with the client's secret, kept as long as they are good."""

from __future__ import annotations

import threading
import time

from ingest.http import Token, VendorClient
from ingest.numbers import count
from signalroom import masking
from signalroom.errors import AnswerError
from signalroom.settings import require

PATH = "/oauth/v2/token"
GOOD_SHARE = 0.9  # of its life; a token must not expire on the way
_known: dict[tuple[str, ...], tuple[str, float]] = {}
_lock = threading.Lock()


def token_of(client_id: str, base_url: str) -> Token:
    """Gives the client's token: the one in use, or a new one where it is old or refused."""
    credentials = (
        base_url,
        require("MAUTIC_CLIENT_ID", client_id),
        require("MAUTIC_CLIENT_SECRET", client_id),
    )

    def give(renewed: bool) -> str:
        with _lock:
            found = _known.get(credentials)
            if renewed or found is None or found[1] <= time.monotonic():
                found = _known[credentials] = _ask(client_id, *credentials)
            return found[0]

    return give


def _ask(client_id: str, base_url: str, name: str, secret: str) -> tuple[str, float]:
    """A new token, and until when it is good (on the monotonic clock)."""
    asked_at = time.monotonic()
    form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
    with VendorClient("mautic", client_id, base_url) as http:
        answer = http.post_form(PATH, form)
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise AnswerError(f"mautic for client {client_id}: the answer to {PATH} has no token.")
    masking.learn(token)
    lifetime = count(answer.get("expires_in")) or 0
    return token, asked_at + GOOD_SHARE * lifetime
