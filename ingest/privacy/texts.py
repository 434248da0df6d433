"""Personal data inside texts: in JSON at any depth, in web addresses; card numbers.

JSON stays JSON, as text that both engines can store. A card number counts when it is not part of a
longer one, has an issuer's prefix and length, and passes the Luhn check. One in ten long numbers
passes Luhn by chance, so the whole column is considered (CardScan).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from ingest.exact_json import fraction
from ingest.privacy.policy import Action, Hasher, policy, salt
from signalroom.errors import AnswerError

# As it is, encoded for an address (more than once, too), for HTML or JSON, or in another width.
_AT = r"@|%(?:25)*40|&#0*64;|&#[xX]0*40;|&commat;|\\u0040|\uff20|\ufe6b"
_UNSEEN = "\u00ad\u200b-\u200d\u2060\ufeff"  # what a copied address carries along
_ANY_AT = re.compile(_AT)
_DOMAIN = re.compile(rf"[\w{_UNSEEN}-]++(?:\.[\w{_UNSEEN}-]++)+")
_LOCAL_BACKWARD = re.compile(rf"[\w.%+'{_UNSEEN}-]*+")
_QUOTED_BACKWARD = re.compile(r'"[^"]{1,64}"')
# A name without a value matches too, so that it is read once, not from each `?` in it.
_IN_ADDRESS = re.compile(r"(?<=[?&#;])([^=&#;\s]+)(?:=([^&#;\s]*))?")
MASK = "***"
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
        stored = value.replace("\x00", "").encode("utf-8", "replace").decode()
        if self._is_chosen(name):
            return stored
        if stored.lstrip()[:1] in ("{", "[") and (inner := self._inside(stored, name)) is not None:
            return inner
        if "://" in stored and "=" in stored:
            stored = _IN_ADDRESS.sub(self._parameter, stored)
        if not _ANY_AT.search(stored):
            return stored
        masked = without_addresses(stored)
        return self._hash(stored) if masked.strip() == MASK else masked

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


def without_addresses(text: str) -> str:
    """The text with each email address in it masked, however long.

    Read from each @ backward and forward, so that every character is read at most twice: a visitor
    chooses the text, and state encoded in a URL is long and without a break.
    """
    parts: list[str] = []
    backward = text[::-1]
    end = begin = behind = 0  # of what is masked; where what precedes the last @ begins; after it
    for at in _ANY_AT.finditer(text):
        after, until = len(text) - at.start(), len(text) - end
        quoted = _QUOTED_BACKWARD.match(backward, after, until)
        found = _LOCAL_BACKWARD.match(backward, after, min(until, len(text) - behind))
        before = quoted or found
        local = at.start() - (len(before[0]) if before else 0)
        # a quoted part may begin before the last @
        begin = local if local > behind or not behind else max(end, min(begin, local))
        domain = _DOMAIN.match(text, at.end())
        if domain and begin < at.start():
            parts += [text[end:begin], MASK]
            end = domain.end()
            begin = end
        behind = at.end()
    return "".join([*parts, text[end:]])


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
    composed = unicodedata.normalize("NFC", key)
    return _OTHER.sub("_", _CAMEL.sub("_", composed)).strip("_").lower()


SHORTEST = 13
# Issuers' prefixes: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay.
ISSUED = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}"
    r"|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}"
    r"|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}"
    r"|3(?:0[0-5]|[68][0-9]|9[0-9])[0-9]{11}"
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}"
    r"|62[0-9]{14,17}"
)
# Digits in one piece, or in a card's usual groups.
NUMBER = r"(?:[0-9]{13,19}|[0-9]{4}(?:[ -][0-9]{4}){3}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{5})"
ALONE = rf"(?:^|[^0-9A-Za-z._]){NUMBER}(?:$|[^0-9A-Za-z_])"
FIND = re.compile(rf"(?<![0-9A-Za-z._]){NUMBER}(?![0-9A-Za-z_])")
SAMPLE = 100_000  # distinct numbers of a column that are remembered; later ones are only counted
PREFIX = 6  # leading digits that identify an issuer, or a series of identifiers
CHANCE_FROM = 20  # numbers; with fewer, chance is never assumed
CHANCE_SHARE = 0.2  # twice the share expected by chance
IDENTIFIER_SHARE = 0.5
IDENTIFIER_CARDS = 3


def is_card(number: str) -> bool:
    """Whether a text of digits, blanks and dashes is a card's full number."""
    digits = re.sub(r"[ -]", "", number)
    return ISSUED.fullmatch(digits) is not None and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def hide(text: str) -> str:
    """The text with every card number replaced by `***`."""
    return FIND.sub(lambda found: "***" if is_card(found.group()) else found.group(), text)


@dataclass
class CardScan:
    """Looks for card numbers in one column, batch after batch.

    One card number is enough, unless chance explains it: among at least CHANCE_FROM numbers with an
    issuer's prefix, fewer than CHANCE_SHARE pass Luhn. This must hold both for all of the column's
    numbers and for those that share their first digits with no other number, so that a card among a
    series of identifiers is found. A column declared as identifiers needs several card numbers, and
    a majority of them.
    """

    is_identifier: bool = False
    is_card_column: bool = False
    _seen: set[str] = field(default_factory=set)
    # by prefix: numbers with an issuer's prefix
    _issued: Counter[str] = field(default_factory=Counter)
    _cards: Counter[str] = field(default_factory=Counter)  # by prefix: those that also pass Luhn
    _others: int = 0

    def look(self, cells: Any) -> None:
        """Look through an Arrow array of text."""
        # slow to import, and not every importer of this module scans columns
        import pyarrow.compute as pc

        long = pc.greater_equal(pc.binary_length(cells), SHORTEST)
        if not pc.any(long).as_py():
            return
        some = cells.filter(long)
        for text in some.filter(pc.match_substring_regex(some, ALONE)).unique().to_pylist():
            for number in FIND.findall(text):
                if number in self._seen:
                    continue
                if len(self._seen) < SAMPLE:
                    self._seen.add(number)
                self._count(re.sub(r"[ -]", "", number))

    def _count(self, digits: str) -> None:
        if ISSUED.fullmatch(digits) is None:
            self._others += 1
            return
        prefix = digits[:PREFIX]
        self._issued[prefix] += 1
        self._cards[prefix] += _passes_luhn(digits)

    @property
    def has_cards(self) -> bool:
        """Whether the column holds card numbers, in the batches scanned so far."""
        found, issued = self._cards.total(), self._issued.total()
        if self.is_card_column:
            return found > 0
        if self.is_identifier:
            share = found / max(issued + self._others, 1)
            return found >= IDENTIFIER_CARDS and share >= IDENTIFIER_SHARE
        alone = [prefix for prefix, count in self._issued.items() if count == 1]
        return _exceeds_chance(found, issued) or _exceeds_chance(
            sum(self._cards[prefix] for prefix in alone), len(alone)
        )


def _exceeds_chance(cards: int, numbers: int) -> bool:
    return cards > 0 and (numbers < CHANCE_FROM or cards / numbers >= CHANCE_SHARE)


def _bytes_of(cells: Any) -> Iterator[bytes]:
    """The bytes of all cells of an Arrow column, concatenated; a match may span two cells."""
    for chunk in getattr(cells, "chunks", [cells]):
        _, edges, text = chunk.buffers()
        if text is not None and len(chunk):
            ends = memoryview(edges).cast("i")
            first, last = ends[chunk.offset], ends[chunk.offset + len(chunk)]
            yield bytes(memoryview(text)[first:last])


def may_contain(cells: Any, marks: Sequence[bytes]) -> bool:
    """Whether any of the marks is in the bytes of the cells, or spans two of them."""
    return any(
        # the search for one byte is many times as fast, and most columns lack it
        mark[:1] in text and mark in text
        for text in _bytes_of(cells)
        for mark in marks
    )


def contained(cells: Any, marks: Sequence[bytes]) -> list[bytes]:
    """Those of the marks that are in the bytes of the cells, or span two of them."""
    texts = list(_bytes_of(cells))
    return [mark for mark in marks if any(mark in text for text in texts)]


def are_digits(cells: Any) -> bool:
    """Whether the cells that are filled consist of the digits 0 to 9."""
    return all(text.isdigit() for text in _bytes_of(cells) if text)


def longest(cells: Any) -> int:
    """The length in bytes of the longest cell; 0 if none is filled."""
    import pyarrow.compute as pc

    if cells.null_count == len(cells):
        return 0
    return pc.max(pc.binary_length(cells)).as_py() or 0
