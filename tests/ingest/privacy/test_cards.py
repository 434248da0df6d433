"""Finding card numbers: chance matches, cards among other numbers, a long column."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pyarrow as pa
import pytest

from ingest.privacy.texts import SAMPLE, CardScan, hide

VISA = "4111111111111111"


def has_cards(numbers: Iterable[object], is_identifier: bool = False) -> bool:
    scan = CardScan(is_identifier=is_identifier)
    scan.look(pa.array([str(number) for number in numbers]))
    return scan.has_cards


@pytest.mark.parametrize(
    "company",
    [
        pytest.param([f"9400111899{n:07}" for n in range(5)], id="tracking numbers"),
        pytest.param([1_760_000_000_000 + n for n in range(500)], id="epochs"),
        pytest.param([4_000_000_000_000_001, 4_000_000_000_000_003], id="two alike"),
        pytest.param([4_000_000_000_000_000 + 7 * n for n in range(5)], id="five alike"),
        pytest.param([4_000_000_000_000_000 + 7 * n for n in range(500)], id="a series"),
        pytest.param([], id="nothing"),
    ],
)
def test_one_card_among_other_long_numbers_is_found(company: list[int | str]) -> None:
    assert has_cards([*company, VISA])
    assert has_cards([VISA, *company])


def test_chance_alone_refuses_nothing() -> None:
    luck = random.Random(7)
    assert not has_cards(4_000_000_000_000_000 + n * 7_919_777 for n in range(400))
    for _ in range(20):
        assert not has_cards(luck.randrange(10**15, 10**16) for _ in range(400))


def test_a_card_behind_very_many_other_numbers_is_found() -> None:
    scan = CardScan()
    scan.look(pa.array([str(4_000_000_000_000_000 + n) for n in range(SAMPLE + 10)]))
    assert not scan.has_cards
    scan.look(pa.array([f"paid with {VISA}", None, "x"]))
    assert scan.has_cards


def test_identifiers_need_several_cards_and_most_of_the_column() -> None:
    cards = [VISA, "5555555555554444", "6011111111111117"]
    others = [4_000_000_000_000_001 + 10 * n for n in range(40)]
    assert not has_cards([*cards[:2]], is_identifier=True)
    assert not has_cards([*cards, *others], is_identifier=True)
    assert has_cards(cards, is_identifier=True)


def test_hiding_leaves_other_numbers_alone() -> None:
    assert hide(f"order 10012345678 paid {VISA}!") == "order 10012345678 paid ***!"
