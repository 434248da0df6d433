"""Card numbers in text: found, never repeated.

A number counts when it is not part of a longer one, has an issuer's prefix and length, and passes
the Luhn check. One in ten long numbers passes Luhn by chance, so the whole column is considered
(CardScan).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

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
