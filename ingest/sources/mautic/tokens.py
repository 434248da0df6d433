"""Mautic's access tokens: asked for with the client's secret, kept as long as they are good."""

from __future__ import annotations

import time

from ingest.http import VendorClient
from ingest.values import count
from signalroom import masking
from signalroom.errors import AnswerError
from signalroom.settings import require

PATH = "/oauth/v2/token"
GOOD_SHARE = 0.9  # of its life; a token must not expire on the way


class Tokens:
    """Gives the token of one connection: the one in use, or a new one where it is old or refused.

    CredentialsError where Mautic refuses the client's id and secret.
    """

    def __init__(self, client_id: str, base_url: str) -> None:
        self._client_id = client_id
        self._base_url = base_url
        self._token = ""
        self._good_until = 0.0  # on the monotonic clock

    def __call__(self, renewed: bool) -> str:
        if renewed or not self._token or time.monotonic() >= self._good_until:
            self._ask()
        return self._token

    def _ask(self) -> None:
        asked_at = time.monotonic()
        form = {
            "grant_type": "client_credentials",
            "client_id": require("MAUTIC_CLIENT_ID", self._client_id),
            "client_secret": require("MAUTIC_CLIENT_SECRET", self._client_id),
        }
        with VendorClient("mautic", self._client_id, self._base_url) as http:
            answer = http.post_form(PATH, form)
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise AnswerError(
                f"mautic for client {self._client_id}: the answer to {PATH} has no token; nothing "
                "was loaded."
            )
        masking.learn(token)
        self._token = token
        self._good_until = asked_at + GOOD_SHARE * (count(answer.get("expires_in")) or 0)
