"""A statement in the driver's form is remembered; its values are those of each call."""

from __future__ import annotations

import pytest

from signalroom.binding import bind, compiled
from signalroom.errors import WarehouseError

SQL = "select :later, :first, :later where note = 'a:b' and share = '5 %'"


def test_a_repeated_statement_is_compiled_once_and_has_the_values_of_each_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled.cache_clear()
    for target, expected in (
        ("duckdb", [["b", "a"], [2, 1]]),
        ("postgres", [{"later": "b", "first": "a"}, {"later": 2, "first": 1}]),
    ):
        monkeypatch.setenv("SIGNALROOM_TARGET", target)
        made = [bind(SQL, {"first": "a", "later": "b", "not_used": 3})]
        made += [bind(SQL, {"first": 1, "later": 2})]
        assert [values for _, values in made] == expected
        assert len({statement for statement, _ in made}) == 1
    assert compiled.cache_info().misses == 2
    assert "$1, $2, $1" in compiled(SQL, "numeric_dollar")[0]


def test_a_parameter_without_a_value_is_named_on_every_call() -> None:
    for _ in range(2):
        with pytest.raises(WarehouseError, match=r"lacks a value for: first, later\."):
            bind(SQL, {"other": 1})
