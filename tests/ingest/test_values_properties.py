"""Values that no vendor should send: no digit is lost, and every error is explained."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.columns import count, instant, money, total
from signalroom.errors import AnswerError

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["1e999999999", "1e-999999999", "NaN", "-0", " 7 ", "1,5", "\u0663",
                     "\x00", "_1"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)  # fmt: skip
# Seconds to nanoseconds, around each change of the unit, and days written without hyphens.
EDGES = (0, 1, 10**11, 10**14, 10**17, 10**19, 19_000_101, 20_261_101, 21_000_000, 19_999_999)
EDGES += (*(day * 10**6 + 93_000 for day in EDGES[6:]), 2**53, 999_999_999_999_999_999)
EPOCHS = st.one_of(
    st.integers(-(10**12), 10**20),
    st.integers(1_500_000_000, 1_900_000_000),
    st.builds(lambda edge, by, sign: sign * edge + by, st.sampled_from(EDGES),
              st.integers(-2, 2), st.sampled_from((1, -1))),
)  # fmt: skip
AMOUNTS = st.decimals(
    min_value=Decimal(-(10**18)), max_value=Decimal(10**18), places=18, allow_nan=False
)


@pytest.mark.fault(25)
@settings(max_examples=500, deadline=None)
@given(value=SCALARS)
@example(value="1e999999999")
@example(value="1e-999999999")
def test_a_value_is_an_exact_number_nothing_or_explained(value: Any) -> None:
    for read in (money, count):
        try:
            found = read(value)
        except AnswerError:
            continue
        if found is not None:
            assert Decimal(found).is_finite()
            assert len(str(found)) < 80


@settings(max_examples=300, deadline=None)
@given(amounts=st.lists(AMOUNTS, max_size=20))
def test_no_digit_of_money_is_lost_on_the_way_in(amounts: list[Decimal]) -> None:
    written = json.loads(json.dumps([str(one) for one in amounts]))
    found = [money(one) for one in written]
    assert found == amounts
    assert Fraction(total(found)) == sum(map(Fraction, amounts))


@settings(max_examples=500, deadline=None)
@given(epoch=EPOCHS)
def test_an_epoch_as_a_number_is_read_as_its_text(epoch: int) -> None:
    def read(value: object) -> object:
        try:
            return instant(value)
        except AnswerError as error:
            return str(error).replace("'", "")

    assert read(epoch) == read(str(epoch))
