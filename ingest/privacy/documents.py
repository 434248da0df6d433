"""JSON that stays JSON: personal data removed at any depth, as text that both engines can store."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from ingest.columns import fraction
from ingest.privacy.policy import Action, Hasher, policy, salt
from signalroom.errors import AnswerError

# As it is, encoded for an address (more than once, too), for HTML or JSON, or in another width.
_AT = r"@|%(?:25)*40|&#0*64;|&#[xX]0*40;|&commat;|\\u0040|\uff20|\ufe6b"
_UNSEEN = "\u00ad\u200b-\u200d\u2060\ufeff"  # what a copied address carries along
# Bounded before the @, and no way back after it: a long text without a break, such as state encoded
# in an address, would otherwise be read again from each of its characters.
_EMAIL = re.compile(
    rf"""(?:"[^"]{{1,64}}"|[\w.%+'{_UNSEEN}-]{{1,254}})(?:{_AT})"""
    rf"""[\w{_UNSEEN}-]++(?:\.[\w{_UNSEEN}-]++)+"""
)
_ANY_AT = re.compile(_AT)
# A name without a value matches too, so that it is read once, not from each `?` in it.
_IN_ADDRESS = re.compile(r"(?<=[?&#;])([^=&#;\s]+)(?:=([^&#;\s]*))?")
_EXACT = re.compile(r'"\\u0000([-+0-9.eE]+)"')
_STRICTNESS = {"keep": 0, "hash": 1, "drop": 2}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^A-Za-z0-9]+")


class Payload:
    """The column policy of one table (data/privacy.yml), for the keys inside its JSON.

    A key counts under its own name and under its path, both in snake case (`name` and
    `billing_name` for `billing: {name}`); the stricter action applies, also to the parameters of
    URLs, which are masked. An email address that is a whole value is hashed, and one inside longer
    text is masked, except under names that a rule keeps.
    """

    def __init__(self, source: str, table: str, client_id: str) -> None:
        self._where = f"{source} for client {client_id}, {table}"
        self._client_id = client_id
        self._policy = policy(source, table, client_id)
        self._actions: dict[tuple[str, str], Action] = {}
        self._chosen: dict[str, bool] = {}
        self._hasher: Hasher | None = None

    def json(self, value: object) -> str | None:
        """JSON text with its keys in order, of JSON text or of a parsed value; None for nothing.

        Raises AnswerError for text that is not JSON.
        """
        if isinstance(value, str):
            value = self._parsed(value)
        if value is None:
            return None
        return _written(self._cleaned(value))

    def plain(self, value: str | None, name: str = "") -> str | None:
        """The text under that name without what the policy removes from URLs.

        An email address is hashed when it is the whole text, and masked inside longer text. A text
        that is itself JSON loses what the policy removes by key.
        """
        if not value:
            return value
        # neither NUL nor a lone surrogate can be stored
        said = value.replace("\x00", "").encode("utf-8", "replace").decode()
        if self._is_chosen(name):
            return said
        if said.lstrip()[:1] in ("{", "[") and (inner := self._inside(said, name)) is not None:
            return inner
        if "://" in said and "=" in said:
            said = _IN_ADDRESS.sub(self._parameter, said)
        if not _ANY_AT.search(said):
            return said
        if _EMAIL.fullmatch(said.strip()):
            return self._hash(said)
        return _EMAIL.sub("***", said)

    def _inside(self, text: str, name: str) -> str | None:
        """JSON that is kept as text, cleaned by key; unchanged where nothing is removed.

        None for a text that is not JSON.
        """
        try:
            value = json.loads(text, strict=False, parse_float=fraction)
            before, after = _written(value), _written(self._cleaned(value, name, name))
        except (ValueError, RecursionError):
            return None
        return text if before == after else after

    def _parameter(self, found: re.Match[str]) -> str:
        if found[2] is None:
            return found[0]
        name = _snake(unquote_plus(found[1]))
        return found[0] if self._action(name, name) == "keep" else f"{found[1]}=***"

    def _parsed(self, text: str) -> Any:
        if not text.strip():
            return None
        try:
            return json.loads(
                text, strict=False, parse_constant=lambda _: None, parse_float=fraction
            )
        except (ValueError, RecursionError):
            raise AnswerError(
                f"{self._where}: a value that should be JSON is none; nothing was loaded."
            ) from None

    def _is_chosen(self, name: str) -> bool:
        """Whether a rule says that what has this name is kept."""
        if name not in self._chosen:
            self._chosen[name] = self._policy.is_kept_by_name(name)
        return self._chosen[name]

    def _cleaned(self, value: Any, path: str = "", name: str = "") -> Any:
        if isinstance(value, dict):
            kept: dict[Any, Any] = {}
            for key, inner in value.items():
                inside = _snake(key)
                below = f"{path}_{inside}" if path else inside
                action = self._action(inside, below)
                if action == "hash":
                    kept[key] = self._hashed(inner)
                elif action == "keep":
                    kept[self.plain(key)] = self._cleaned(inner, below, inside)
            return kept
        if isinstance(value, list):
            return [self._cleaned(inner, path, name) for inner in value]
        if isinstance(value, str):
            return self.plain(value, name)
        return _marked(value) if isinstance(value, Decimal) else value

    def _hashed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._hashed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._hashed(inner) for inner in value]
        return None if value is None else self._hash(str(value))

    def _hash(self, value: str) -> str:
        self._hasher = self._hasher or Hasher(salt(self._client_id))
        return self._hasher.hash(value) or ""

    def _action(self, name: str, path: str) -> Action:
        found = self._actions.get((name, path))
        if found is None:
            actions = (self._policy.action(name), self._policy.action(path))
            found = self._actions[name, path] = max(actions, key=_STRICTNESS.__getitem__)
        return found


def _written(value: Any) -> str:
    """JSON text with its keys in order, and numbers with every digit."""
    return _EXACT.sub(r"\1", _ENCODER.encode(value))


def _marked(number: Decimal) -> str:
    """Marked by a NUL, which no text contains, to be written as a bare number."""
    return f"\x00{number}"


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_marked
)


@lru_cache(maxsize=10_000)
def _snake(key: str) -> str:
    return _OTHER.sub("_", _CAMEL.sub("_", key)).strip("_").lower()
